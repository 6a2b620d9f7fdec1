/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layer over a disk image.
 * sources: vmm/disk.c
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

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

/* ---- disks that are kept ---- */

enum { IMAGE_BLOCKS = 3, KEPT_BYTES = BLOCKS * DISK_BLOCK - DISK_SECTOR };

static uint8_t own[BLOCKS * DISK_BLOCK], state[BLOCKS];
static uint64_t told;

static void open_kept(void)
{
	struct kept_disk kept = {
		.bytes = KEPT_BYTES, .image = image, .image_bytes = IMAGE_BLOCKS * DISK_BLOCK - 100, .state = state, .own = own,
	};

	told = UINT64_MAX;
	CHECK_EQ(disk_init_kept(&disk, &kept, false, &told), OK);
}

/* An image of nearly three blocks under a disk of nearly eight; the layer holds rubbish where nothing is its own. */
static void fresh_kept(void)
{
	memset(image, 0, sizeof(image));
	memset(copy, 0, sizeof(copy));
	for (size_t i = 0; i < IMAGE_BLOCKS * DISK_BLOCK - 100; i++) {
		image[i] = copy[i] = (uint8_t)(i / 3 + 1);
	}
	memset(image + IMAGE_BLOCKS * DISK_BLOCK, 0xee, sizeof(image) - IMAGE_BLOCKS * DISK_BLOCK);
	memset(own, 0xdd, sizeof(own));
	memset(state, 0, sizeof(state));
	open_kept();
}

static void same_kept(void)
{
	CHECK_EQ(disk_read(&disk, 0, got, KEPT_BYTES), OK);
	CHECK_MEM(got, copy, KEPT_BYTES);
}

TEST(what_was_written_is_there_for_the_next_who_opens_it)
{
	fresh_kept();
	same_kept();
	CHECK_EQ(told, 0);
	write(512, 512, 0xaa);
	write(3 * DISK_BLOCK - 512, 1024, 0xbb);                         /* over the end of the image */
	write(5 * DISK_BLOCK, DISK_BLOCK, 0xcc);
	write(7 * DISK_BLOCK + 512, 512, 0x11);                          /* in the last block, which is not whole */
	same_kept();
	CHECK_EQ(told, 5 * DISK_BLOCK);
	open_kept();
	same_kept();
	CHECK_EQ(told, 5 * DISK_BLOCK);
	memset(copy, 0, DISK_BLOCK + 512);
	CHECK_EQ(disk_zero(&disk, 0, DISK_BLOCK + 512), OK);
	memset(copy + 5 * DISK_BLOCK, 0, DISK_BLOCK);
	CHECK_EQ(disk_zero(&disk, 5 * DISK_BLOCK, DISK_BLOCK), OK);
	memset(copy + 6 * DISK_BLOCK, 0, 512);
	CHECK_EQ(disk_zero(&disk, 6 * DISK_BLOCK, 512), OK);             /* zeros already: takes nothing */
	same_kept();
	CHECK_EQ(told, 4 * DISK_BLOCK);
	write(100, 7, 0x33);                                             /* what was there before the zeros does not come back */
	same_kept();
	open_kept();
	same_kept();
	CHECK_EQ(disk_write(&disk, KEPT_BYTES, got, 1), E_RANGE);
	CHECK_EQ(disk_zero(&disk, KEPT_BYTES - 1, 2), E_RANGE);
	CHECK_EQ(disk_read(&disk, KEPT_BYTES - 1, got, 2), E_RANGE);
}

TEST(a_vmm_that_dies_within_a_write_leaves_blocks_as_they_were)
{
	fresh_kept();
	write(DISK_BLOCK, DISK_BLOCK, 0x55);
	/* It has begun to put a block together, and the state does not say so yet. */
	memset(own, 0x77, DISK_BLOCK);
	memset(own + 6 * DISK_BLOCK, 0x77, DISK_BLOCK);
	open_kept();
	same_kept();
	write(512, 512, 0x66);
	write(6 * DISK_BLOCK + 512, 512, 0x66);
	same_kept();
}

static sigjmp_buf died;

static void on_fault(int signal)
{
	siglongjmp(died, signal);
}

/* A write that ends with the process: what comes is memory that breaks off after n bytes. */
static void write_and_die(uint64_t at, uint64_t len, size_t n)
{
	uint8_t *page = mmap(NULL, 2 * DISK_BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction dies = { .sa_handler = on_fault }, before;

	CHECK(page != MAP_FAILED);
	memset(page, 0x99, DISK_BLOCK);
	CHECK_EQ(mprotect(page + DISK_BLOCK, DISK_BLOCK, PROT_NONE), 0);
	sigaction(SIGSEGV, &dies, &before);
	if (!sigsetjmp(died, 1)) {
		(void)!disk_write(&disk, at, page + DISK_BLOCK - n, len);
		CHECK_STR("it lives", "it died");
	}
	sigaction(SIGSEGV, &before, NULL);
	munmap(page, 2 * DISK_BLOCK);
}

TEST(a_write_that_ends_in_the_middle)
{
	static const struct {
		uint64_t at, len;
		size_t n;
	} row[] = {
		{ DISK_BLOCK, DISK_BLOCK, 2048 },                        /* a whole block of the image */
		{ 2 * DISK_BLOCK + 512, 1024, 512 },                     /* a part of one */
		{ 4 * DISK_BLOCK, DISK_BLOCK, 1 },                       /* behind the image */
		{ 6 * DISK_BLOCK + 512, 512, 100 },                      /* where zeros are */
	};

	fresh_kept();
	CHECK_EQ(disk_zero(&disk, 6 * DISK_BLOCK, DISK_BLOCK), OK);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		write_and_die(row[i].at, row[i].len, row[i].n);
		open_kept();
		same_kept();
	}
	write(5 * DISK_BLOCK, DISK_BLOCK, 0x21);
	write_and_die(5 * DISK_BLOCK, 2 * DISK_BLOCK, 512);              /* its own block already: as far as it came */
	memset(copy + 5 * DISK_BLOCK, 0x99, 512);
	open_kept();
	CHECK_EQ(disk_read(&disk, 0, got, KEPT_BYTES), OK);
	CHECK_MEM(got, copy, 5 * DISK_BLOCK);
	CHECK_MEM(got + 6 * DISK_BLOCK, copy + 6 * DISK_BLOCK, KEPT_BYTES - 6 * DISK_BLOCK);
}

TEST(every_state_of_a_block_means_something)
{
	fresh_kept();
	for (unsigned value = 0; value < 256; value++) {
		memset(state, (int)value, sizeof(state));
		open_kept();
		CHECK_EQ(disk_read(&disk, 0, got, KEPT_BYTES), OK);
		CHECK_EQ(got[0], value == KEPT_AS_IMAGE ? image[0] : value == KEPT_OWN ? 0xdd : 0);
		CHECK_EQ(told, value == KEPT_OWN ? (uint64_t)sizeof(own) : 0);
	}
}

TEST(a_kept_disk_without_image_or_layer)
{
	struct kept_disk kept = { .bytes = KEPT_BYTES, .state = state, .own = own };

	fresh_kept();
	CHECK_EQ(disk_init_kept(&disk, &kept, false, NULL), OK);
	memset(copy, 0, sizeof(copy));
	same_kept();
	write(5, 5, 5);
	same_kept();
	CHECK_EQ(disk_init_kept(&disk, &kept, true, NULL), OK);
	same_kept();
	CHECK_EQ(disk_write(&disk, 0, got, 1), E_PERM);
	CHECK_EQ(disk_zero(&disk, 0, 1), E_PERM);
	kept = (struct kept_disk){ .bytes = DISK_SECTOR, .image = image, .image_bytes = 5 };
	CHECK_EQ(disk_init_kept(&disk, &kept, false, NULL), OK);
	CHECK_EQ(disk_read(&disk, 0, got, DISK_SECTOR), OK);
	CHECK_MEM(got, image, DISK_SECTOR);
	CHECK_EQ(disk_write(&disk, 0, got, 1), E_PERM);
	CHECK_EQ(disk_zero(&disk, 0, 1), E_PERM);
	kept.bytes = 0;
	CHECK_EQ(disk_init_kept(&disk, &kept, false, NULL), E_INVAL);
	kept.bytes = 100;
	CHECK_EQ(disk_init_kept(&disk, &kept, false, NULL), E_INVAL);
}

static void *large(uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

/* Where numbers of 32 bits end, for bytes, sectors and blocks, and at the end of the largest disk that there is. */
static void meets_edges(uint64_t bytes)
{
	const uint64_t edge[] = { 1ull << 31, 1ull << 32, 1ull << 39, bytes - 2 * DISK_BLOCK };
	uint8_t in[3 * DISK_SECTOR], out[3 * DISK_SECTOR];

	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		uint64_t at = edge[i] - DISK_SECTOR;

		memset(in, (int)i + 1, sizeof(in));
		CHECK_EQ(disk_write(&disk, at, in, sizeof(in)), OK);
		CHECK_EQ(disk_zero(&disk, edge[i] + 7, 100), OK);
		memset(in + DISK_SECTOR + 7, 0, 100);
		CHECK_EQ(disk_read(&disk, at, out, sizeof(out)), OK);
		CHECK_MEM(out, in, sizeof(out));
	}
	CHECK_EQ(disk.slots_used, 2 * ARRAY_SIZE(edge));
	CHECK_EQ(disk_zero(&disk, (1ull << 32) - DISK_SECTOR - DISK_BLOCK, MIB(64) + 1), OK);    /* odd edges, whole blocks between */
	CHECK_EQ(disk_read(&disk, (1ull << 32) - DISK_SECTOR, out, sizeof(out)), OK);
	CHECK(out[0] == 0 && memcmp(out, out + 1, sizeof(out) - 1) == 0);
	CHECK_EQ(disk_write(&disk, bytes - sizeof(in), in, sizeof(in)), OK);
	CHECK_EQ(disk_write(&disk, bytes - sizeof(in) + 1, in, sizeof(in)), E_RANGE);
	CHECK_EQ(disk_zero(&disk, bytes - 1, 2), E_RANGE);
	CHECK_EQ(disk_zero(&disk, 1, UINT64_MAX), E_RANGE);
	CHECK_EQ(disk_read(&disk, UINT64_MAX, out, 1), E_RANGE);
}

TEST(a_disk_of_one_tib)
{
	uint64_t bytes = 1ull << 40, room = DISK_BLOCK * 64;
	struct kept_disk kept = { .bytes = bytes, .own = large(bytes), .state = large(kept_disk_blocks(bytes)) };
	void *sparse = large(disk_layer_bytes(bytes, room));

	CHECK_EQ(disk_init_kept(&disk, &kept, false, NULL), OK);
	meets_edges(bytes);
	munmap(kept.state, kept_disk_blocks(bytes));
	CHECK_EQ(madvise(kept.own, bytes, MADV_DONTNEED), 0);
	CHECK_EQ(disk_init(&disk, kept.own, bytes, sparse, disk_layer_bytes(bytes, room)), OK);
	meets_edges(bytes);
	munmap(sparse, disk_layer_bytes(bytes, room));
	munmap(kept.own, bytes);
}
