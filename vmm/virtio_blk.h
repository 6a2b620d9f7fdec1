/* SPDX-License-Identifier: Apache-2.0 */
/* The block device on a disk in memory. virtio 1.2, 5.2. */
#pragma once

#include "lib/disk_io.h"
#include "vmm/device.h"
#include "vmm/disk.h"
#include "vmm/virtio.h"

enum {
	BLK_SIZE_MAX = 1 << 20,      /* bytes of a segment; FreeBSD does with no less                */
	BLK_QUEUE_SIZE = RING_SEGMENTS_MAX,  /* no chain is longer than its queue (2.7.5.3.1)        */
	BLK_SEGMENTS_MAX = BLK_QUEUE_SIZE - 2,       /* of a request, beside header and status       */
	BLK_IO_BYTES = 256 << 10,    /* what is best asked for at once                               */
	BLK_RANGES_MAX = 32,         /* of a discard or write-zeroes request                         */
	BLK_ID_BYTES = 20,
};

_Static_assert(BLK_SIZE_MAX * BLK_SEGMENTS_MAX + DISK_BLOCK <= RING_BYTES_MAX, "what is offered fits a chain");

/* 5.2.4, little endian. */
struct blk_config {
	uint64_t capacity;           /* sectors                                                      */
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

enum { BLK_CONFIG_BYTES = 60 };

struct virtio_blk {
	struct virtio_device dev;
	struct disk disk;
	struct blk_config config;
	char id[BLK_ID_BYTES];       /* ends with NUL only when shorter                              */
	struct vm_timer more;        /* armed: a queue had more than one batch                       */
	struct disk_io *io;      /* what was transferred                                         */
	bool full_told;              /* the operator knows that the layer is full                    */
};

/*
 * Fills in the device; the disk has been initialized. id: what the guest sees as serial number. queues: 1 or more. io: counts from now on, and
 * outlives the device.
 */
void virtio_blk_init(struct virtio_blk *b, const char *id, unsigned queues, struct disk_io *io);

/*
 * Carries out the request in virtio_chain and returns the bytes written into its "in" part, status included. E_PROTO:
 * header or status are missing; nothing was done.
 */
int virtio_blk_request(struct virtio_blk *b) MUST_CHECK;
