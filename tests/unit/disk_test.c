/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer over a disk image.
 * sources: vmm/disk.c
 */
#include <stdlib.h>

#include "tests/unit/check.h"
#include "vmm/disk.h"

enum { BLOCKS = 8, ROOM = 3 };

static uint8_t image[BLOCKS * DISK_BLOCK], copy[BLOCKS * DISK_BLOCK], got[BLOCKS * DISK_BLOCK];
static struct disk disk;
static uint8_t *layer;

static void fresh(unsigned room)
{
	uint64_t bytes = disk_layer_bytes(sizeof(image), room * (uint64_t)DISK_BLOCK);

	free(layer);
	layer = calloc(1, bytes);
	for (size_t i = 0; i < sizeof(image); i++) {
		image[i] = (uint8_t)(i / 3);
	}
	memcpy(copy, image, sizeof(image));
	CHECK_EQ(disk_init(&disk, image, sizeof(image), layer, bytes), OK);
}

static void same(void)
{
	CHECK_EQ(disk_read(&disk, 0, got, sizeof(got)), OK);
	CHECK_MEM(got, copy, sizeof(got));
}

static void write(uint64_t at, uint64_t len, uint8_t byte)
{
	memset(copy + at, byte, len);
	CHECK_EQ(disk_write(&disk, at, copy + at, len), OK);
}

TEST(image_shines_through_and_is_never_written)
{
	static uint8_t before[sizeof(image)];

	fresh(ROOM);
	memcpy(before, image, sizeof(image));
	same();
	write(512, 512, 0xaa);
	write(2 * DISK_BLOCK - 1, 2, 0xbb);
	same();
	CHECK_MEM(image, before, sizeof(image));
	CHECK_EQ(disk.slots_used, 3);
}

TEST(layer_is_sparse_and_bounded)
{
	fresh(ROOM);
	for (unsigned i = 0; i < ROOM; i++) {
		write(i * DISK_BLOCK, DISK_BLOCK, 1);
	}
	CHECK_EQ(disk_write(&disk, ROOM * DISK_BLOCK, copy, 1), E_NOMEM);
	write(0, 100, 2);                                /* what has a slot may change */
	same();
	CHECK_EQ(disk.slots_used, ROOM);
}

TEST(zeros_take_no_room_and_give_it_back)
{
	fresh(1);
	write(0, DISK_BLOCK, 1);
	memset(copy, 0, 3 * DISK_BLOCK);
	CHECK_EQ(disk_zero(&disk, 0, 3 * DISK_BLOCK), OK);
	same();
	CHECK_EQ(disk.slots_used, 0);
	write(DISK_BLOCK + 1, 5, 9);                     /* over zeros: the rest of the block stays zero */
	same();
	memset(copy + DISK_BLOCK, 0, 3);
	CHECK_EQ(disk_zero(&disk, DISK_BLOCK, 3), OK);
	same();
	CHECK_EQ(disk_zero(&disk, 7 * DISK_BLOCK, 3), E_NOMEM);
	CHECK_EQ(disk_zero(&disk, 2 * DISK_BLOCK, 3), OK);       /* zero already */
	same();
}

TEST(slots_go_round)
{
	fresh(2);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t at = i % BLOCKS * DISK_BLOCK;

		write(at, DISK_BLOCK, (uint8_t)i);
		write((at + DISK_BLOCK) % sizeof(image), 7, (uint8_t)i);
		same();
		memset(copy + at, 0, DISK_BLOCK);
		CHECK_EQ(disk_zero(&disk, at, DISK_BLOCK), OK);
		at = (at + DISK_BLOCK) % sizeof(image);
		memset(copy + at, 0, DISK_BLOCK);
		CHECK_EQ(disk_zero(&disk, at, DISK_BLOCK), OK);
		CHECK_EQ(disk.slots_used, 0);
	}
	CHECK_EQ(disk.fresh, 2);
}

TEST(ranges_outside_of_the_disk)
{
	static const struct {
		uint64_t at, len;
	} row[] = {
		{ sizeof(image), 1 }, { sizeof(image) - 1, 2 }, { UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX }, { 1, UINT64_MAX },
		{ 0, sizeof(image) + 1 },
	};

	fresh(ROOM);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(disk_read(&disk, row[i].at, got, row[i].len), E_RANGE);
		CHECK_EQ(disk_write(&disk, row[i].at, got, row[i].len), E_RANGE);
		CHECK_EQ(disk_zero(&disk, row[i].at, row[i].len), E_RANGE);
	}
	same();
	CHECK_EQ(disk.slots_used, 0);
}

TEST(read_only_disk_without_layer)
{
	CHECK_EQ(disk_init(&disk, image, sizeof(image), NULL, 0), OK);
	CHECK_EQ(disk_read(&disk, 5, got, 100), OK);
	CHECK_MEM(got, image + 5, 100);
	CHECK_EQ(disk_write(&disk, 0, got, 1), E_PERM);
	CHECK_EQ(disk_zero(&disk, 0, 1), E_PERM);
}

TEST(odd_images)
{
	CHECK_EQ(disk_init(&disk, image, 0, NULL, 0), E_INVAL);
	CHECK_EQ(disk_init(&disk, image, 513, NULL, 0), OK);
	CHECK_EQ(disk.bytes, 1024);
	CHECK_EQ(disk_init(&disk, image, sizeof(image), layer, DISK_BLOCK), E_NOMEM);
}
