/* SPDX-License-Identifier: Apache-2.0 */
/* Block requests on a disk in memory: each is done at once, in order. virtio 1.2, 5.2. */
#include "vmm/virtio_blk.h"

#include <string.h>

enum { F_SIZE_MAX = 1, F_SEG_MAX = 2, F_RO = 5, F_BLK_SIZE = 6, F_FLUSH = 9, F_TOPOLOGY = 10, F_CONFIG_WCE = 11, F_MQ = 12,
       F_DISCARD = 13, F_WRITE_ZEROES = 14 };
enum blk_type { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum blk_status { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { RANGE_UNMAP = 1 };

/*
 * One batch on the device lock. A disk is memory: the virtual CPU that asks gets its data before it goes on, which costs one
 * exit, and no wake-up of another thread, no halt until that has finished. What is beyond a batch the first thread does.
 */
enum { BATCH = 64, BATCH_BYTES = 4 << 20 };

struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct blk_range {
	uint64_t sector;
	uint32_t sectors, flags;
};

/* A byte position, or one that is on no disk. */
static uint64_t position(uint64_t sector)
{
	return sector <= UINT64_MAX / DISK_SECTOR ? sector * DISK_SECTOR : UINT64_MAX;
}

static uint8_t status_of(struct virtio_blk *b, int error)
{
	if (error == E_NOMEM && !b->full_told) {
		b->full_told = true;
		vm_log("disk %.20s: no room for more changes (%u MiB)", b->id, (unsigned)(b->disk.slot_count >> 8));
	}
	return (uint8_t)(error < 0 ? S_IOERR : S_OK);
}

/* Data straight between the disk and the pieces of guest memory: skip bytes are header, len are data. */
static int move_data(struct virtio_blk *b, const struct ring_segment *s, uint64_t at, uint32_t skip, uint32_t len, bool write)
{
	int r = OK;

	for (; r == OK && len; s++) {
		uint32_t n = s->len;

		if (skip >= n) {
			skip -= n;
			continue;
		}
		n = n - skip < len ? n - skip : len;
		r = write ? disk_write(&b->disk, at, s->base + skip, n) : disk_read(&b->disk, at, s->base + skip, n);
		at += n;
		len -= n;
		skip = 0;
	}
	return r;
}

/* The range is checked as a whole before a byte moves. */
static uint8_t transfer(struct virtio_blk *b, const struct blk_header *h, uint32_t len, bool write)
{
	const struct ring_segment *s = virtio_chain.segment + (write ? 0 : virtio_chain.out_count);
	uint64_t at = position(h->sector);

	if (len % DISK_SECTOR || !range_within(at, len, b->disk.bytes)) {
		return S_IOERR;
	}
	if (write) {
		b->io->write_requests++;
		b->io->write_bytes += len;
	} else {
		b->io->read_requests++;
		b->io->read_bytes += len;
	}
	return status_of(b, move_data(b, s, at, write ? sizeof(*h) : 0, len, write));
}

/* 5.2.6.1: unmap may stand in write-zeroes only, other flags nowhere. What is discarded reads as zeros here. */
static uint8_t clear_ranges(struct virtio_blk *b, bool discard)
{
	uint32_t len = virtio_chain.out_bytes - (uint32_t)sizeof(struct blk_header);
	struct blk_range range;

	if (!len || len % sizeof(range) || len / sizeof(range) > BLK_RANGES_MAX) {
		return S_IOERR;
	}
	for (uint32_t at = 0; at < len; at += (uint32_t)sizeof(range)) {
		int r;

		ring_chain_read(&virtio_chain, (uint32_t)sizeof(struct blk_header) + at, &range, sizeof(range));
		if (range.flags & (discard ? ~0u : ~(uint32_t)RANGE_UNMAP)) {
			return S_UNSUPP;
		}
		r = disk_zero(&b->disk, position(range.sector), (uint64_t)range.sectors * DISK_SECTOR);
		if (r < 0) {
			return status_of(b, r);
		}
	}
	return S_OK;
}

/* Returns the status; *data: the bytes of data written into the chain. */
static uint8_t serve(struct virtio_blk *b, const struct blk_header *h, uint32_t *data)
{
	uint32_t in = virtio_chain.in_bytes - 1, out = virtio_chain.out_bytes - (uint32_t)sizeof(*h);
	uint8_t status;

	switch (h->type) {
	case T_IN:
		status = transfer(b, h, in, false);
		*data = status == S_OK ? in : 0;
		return status;
	case T_OUT:
		return transfer(b, h, out, true);
	case T_FLUSH:
		return S_OK;
	case T_GET_ID:
		*data = ring_chain_write(&virtio_chain, 0, b->id, in < BLK_ID_BYTES ? in : BLK_ID_BYTES);
		return S_OK;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		return clear_ranges(b, h->type == T_DISCARD);
	default:
		return S_UNSUPP;
	}
}

int virtio_blk_request(struct virtio_blk *b)
{
	struct blk_header header;
	uint32_t data = 0;
	uint8_t status;

	if (virtio_chain.out_bytes < sizeof(header) || !virtio_chain.in_bytes) {
		return E_PROTO;
	}
	ring_chain_read(&virtio_chain, 0, &header, sizeof(header));
	status = serve(b, &header, &data);
	ring_chain_write(&virtio_chain, virtio_chain.in_bytes - 1, &status, 1);
	return (int)(data == virtio_chain.in_bytes - 1 ? data + 1 : data);
}

static uint64_t bytes_moved(const struct virtio_blk *b)
{
	return b->io->read_bytes + b->io->write_bytes;
}

/* One batch. True: there is more. */
static bool serve_queue(struct virtio_blk *b, unsigned number)
{
	struct ring *ring = &b->dev.queue[number].ring;
	uint64_t until = bytes_moved(b) + BATCH_BYTES;
	unsigned budget = BATCH;
	bool more;

	ring_mute(ring);
	do {
		for (; budget && bytes_moved(b) < until && ring_pop(ring, &virtio_chain) > 0; budget--) {
			int written = virtio_blk_request(b);

			if (written < 0) {
				ring_break(ring, written, "a block request without header or status");
				break;
			}
			ring_use(ring, &virtio_chain, (uint32_t)written);
		}
		more = budget && bytes_moved(b) < until ? ring_listen(ring) : true;
	} while (more && budget && bytes_moved(b) < until);
	return virtio_queue_done(&b->dev, number) && more;
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, dev);

	if (serve_queue(b, queue)) {
		vm_timer_set(&b->more, vm_now());        /* others get the device lock in between */
	}
}

static void serve_rest(void *arg)
{
	struct virtio_blk *b = arg;

	for (unsigned i = 0; i < b->dev.queue_count && virtio_is_live(&b->dev); i++) {
		notify(&b->dev, i);
	}
}

static void reset(struct virtio_device *dev)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, dev);

	vm_timer_cancel(&b->more);
	b->config.writeback = 0;
}

/* The driver chose its cache's mode (5.2.5.2). Nothing depends on it: what was written is written, and a flush is nothing. */
static void config_written(struct virtio_device *dev, unsigned at, unsigned len)
{
	struct virtio_blk *b = container_of(dev, struct virtio_blk, dev);

	(void)at;
	(void)len;
	b->config.writeback = virtio_has(dev, F_CONFIG_WCE) && b->config.writeback;
}

static const struct virtio_ops blk_ops = { .notify = notify, .reset = reset, .config_written = config_written };

static uint64_t features(const struct virtio_blk *b, unsigned queues)
{
	uint64_t f = 1ull << F_SIZE_MAX | 1ull << F_SEG_MAX | 1ull << F_BLK_SIZE | 1ull << F_FLUSH | 1ull << F_TOPOLOGY |
		     1ull << F_CONFIG_WCE;

	f |= b->disk.read_only ? 1ull << F_RO : 1ull << F_DISCARD | 1ull << F_WRITE_ZEROES;
	return queues > 1 ? f | 1ull << F_MQ : f;
}

/*
 * The cache is write-through until the driver wants it otherwise: one that knows that saves the flushes, which a file system
 * puts around each commit. The best size makes Linux read files ahead by twice as much, with an exit for half a MiB instead
 * of one for each 128 KiB; more would fill small memories with what nobody asked for.
 */
void virtio_blk_init(struct virtio_blk *b, const char *id, unsigned queues, struct disk_io *io)
{
	uint64_t sectors = b->disk.bytes / DISK_SECTOR;
	uint32_t clear_max = sectors < INT32_MAX ? (uint32_t)sectors : INT32_MAX;

	b->config = (struct blk_config){
		.capacity = sectors, .size_max = BLK_SIZE_MAX, .seg_max = BLK_SEGMENTS_MAX, .blk_size = DISK_SECTOR,
		.physical_block_exp = 3, .min_io_size = DISK_BLOCK / DISK_SECTOR, .opt_io_size = BLK_IO_BYTES / DISK_SECTOR,
		.num_queues = (uint16_t)queues,
		.max_discard_sectors = clear_max, .max_discard_seg = BLK_RANGES_MAX,
		.discard_sector_alignment = DISK_BLOCK / DISK_SECTOR,
		.max_write_zeroes_sectors = clear_max, .max_write_zeroes_seg = BLK_RANGES_MAX, .write_zeroes_may_unmap = 1,
	};
	_Static_assert(offsetof(struct blk_config, unused1) + 3 == BLK_CONFIG_BYTES, "5.2.4");
	memset(b->id, 0, sizeof(b->id));
	memcpy(b->id, id, strnlen(id, sizeof(b->id)));
	b->io = io;
	b->more = (struct vm_timer){ .fn = serve_rest, .arg = b };
	b->dev = (struct virtio_device){
		.name = "disk", .type = VIRTIO_BLOCK, .ops = &blk_ops, .offered = features(b, queues), .queue_count = queues,
		.config = (uint8_t *)&b->config, .config_size = BLK_CONFIG_BYTES, .at_once = true,
		.config_writable = offsetof(struct blk_config, writeback),
		.config_writable_end = offsetof(struct blk_config, writeback) + sizeof(b->config.writeback),
	};
	for (unsigned i = 0; i < queues && i < VIRTIO_QUEUES_MAX; i++) {
		b->dev.queue[i].size_max = BLK_QUEUE_SIZE;
	}
}
