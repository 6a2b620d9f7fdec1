/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block requests of any shape: each is a number of pieces, their lengths and directions, and the bytes in them.
 *
 *	byte 0      pieces (1 to 8), bit 6: the last one 500 times more, bit 7: through a table
 *	per piece   byte 0: length in steps by bit 6 (1 or 512), bit 7 the device writes
 *	then        a byte how many bytes, and those bytes at the start of the data
 *
 * sources: vmm/virtio_blk.c vmm/disk.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/ring_driver.c tests/fake/platform.c tests/fake/virtio_done.c vmm/bus.c tests/fake/irq.c
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "vmm/virtio_blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { IMAGE = 4 * DISK_BLOCK, ROOM = 2 * DISK_BLOCK, PIECES = 8, MORE = 500, QUEUE = 512, REQUESTS = 64 };

static const uint8_t image[IMAGE] = { 1, 2, 3 };
static uint8_t layer[DISK_BLOCK + ROOM] __attribute__((aligned(4096)));
static struct virtio_blk blk;
static struct disk_io io;
static struct fake_driver driver;

static void must(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void fresh(void)
{
	uint64_t features = 1ull << RING_F_INDIRECT_DESC;
	struct ring_setup setup;

	fake_reset();
	memset(layer, 0, sizeof(layer));
	must(disk_init(&blk.disk, image, IMAGE, layer, sizeof(layer)) == OK);
	virtio_blk_init(&blk, "fuzz", 1, &io);
	fake_driver_init(&driver, 0, QUEUE, features);
	setup = fake_driver_setup(&driver, features);
	must(ring_init(&blk.dev.queue[0].ring, &fake_ring_memory, &setup) == OK);
	blk.dev.status = VIRTIO_DRIVER_OK;
}

/* Every pair of a block and a slot is one of the layer, and no slot is used twice. */
static void check_layer(void)
{
	bool seen[ROOM / DISK_BLOCK] = { false };
	uint32_t used = 0;

	for (unsigned i = 0; i < IMAGE / DISK_BLOCK; i++) {
		uint32_t word = blk.disk.map[i];

		if (word && word != DISK_ZEROS) {
			must(word <= ROOM / DISK_BLOCK && !seen[word - 1]);
			seen[word - 1] = true;
			used++;
		}
	}
	must(used == blk.disk.slots_used);
}

static size_t request(const uint8_t *data, size_t len)
{
	static struct fake_piece piece[PIECES + MORE];
	unsigned count = 1 + data[0] % PIECES;
	size_t bytes, at = 1 + count;
	uint16_t id;
	uint32_t written;

	if (len <= at || len - at - 1 < data[at]) {
		return len;
	}
	bytes = data[at++];
	driver.indirect = data[0] >> 7;
	for (unsigned i = 0; i < count; i++) {
		uint8_t b = data[1 + i];

		piece[i] = (struct fake_piece){ FAKE_DATA + i * 0x8000u, ((b & 63) + 1u) * (b & 64 ? 512 : 1), b >> 7 };
	}
	for (size_t i = 0; i < bytes; i++) {             /* the header may lie in several pieces */
		unsigned n = 0;
		size_t off = i;

		while (n + 1 < count && off >= piece[n].len) {
			off -= piece[n++].len;
		}
		fake_ram[piece[n].addr + off] = data[at + i];
	}
	if (data[0] & 64) {
		for (unsigned i = 0; i < MORE; i++) {
			piece[count + i] = piece[count - 1];
		}
		count += MORE;
	}
	fake_driver_add(&driver, piece, count);
	blk.dev.ops->notify(&blk.dev, 0);
	if (virtio_is_live(&blk.dev)) {
		must(fake_driver_used(&driver, &id, &written));
	} else {
		fresh();
	}
	check_layer();
	return at + bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fresh();
	for (unsigned i = 0; i < REQUESTS && len; i++) {
		size_t n = request(data, len);

		data += n;
		len -= n;
	}
	return 0;
}
