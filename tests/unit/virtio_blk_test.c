/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block requests, of an honest driver and of one that is not.
 * sources: vmm/virtio_blk.c vmm/disk.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/ring_driver.c tests/fake/platform.c tests/fake/virtio_done.c vmm/bus.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "tests/unit/check.h"
#include "vmm/virtio_blk.h"

enum { IMAGE = 8 * DISK_BLOCK, SECTORS = IMAGE / DISK_SECTOR, QUEUE = 16 };
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2, NO_STATUS = 0xee };
enum { HEADER = FAKE_DATA, DATA = FAKE_DATA + 0x1000, STATUS = FAKE_DATA + 0x20000, LARGE = FAKE_DATA + 0x30000 };

static uint8_t image[IMAGE], layer[IMAGE + 2 * DISK_BLOCK] __attribute__((aligned(4096)));
static struct virtio_blk blk;
static struct disk_io io;
static struct fake_driver driver;

static void fresh(bool read_only)
{
	struct ring_setup setup;

	fake_reset();
	memset(layer, 0, sizeof(layer));
	for (size_t i = 0; i < sizeof(image); i++) {
		image[i] = (uint8_t)(i / 512);
	}
	CHECK_EQ(disk_init(&blk.disk, image, IMAGE, read_only ? NULL : layer, sizeof(layer)), OK);
	io = (struct disk_io){ 0 };
	virtio_blk_init(&blk, "rootfs.img", 2, &io);
	fake_driver_init(&driver, 0, QUEUE, 0);
	setup = fake_driver_setup(&driver, 0);
	CHECK_EQ(ring_init(&blk.dev.queue[0].ring, &fake_ring_memory, &setup), OK);
	blk.dev.status = VIRTIO_DRIVER_OK;
}

static void put_header(uint32_t type, uint64_t sector)
{
	uint32_t words[2] = { type, 0 };

	memcpy(fake_ram + HEADER, words, 8);
	memcpy(fake_ram + HEADER + 8, &sector, 8);
	fake_ram[STATUS] = NO_STATUS;
}

/* One request with len bytes of data at DATA; returns its status, and what the device says it wrote in *written. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t len, bool in, uint32_t *written)
{
	struct fake_piece piece[] = { { HEADER, 16, false }, { DATA, len, in }, { STATUS, 1, true } };
	uint16_t id;

	put_header(type, sector);
	if (!len) {
		piece[1] = piece[2];
	}
	fake_driver_add(&driver, piece, len ? 3 : 2);
	blk.dev.ops->notify(&blk.dev, 0);
	CHECK(fake_driver_used(&driver, &id, written));
	return fake_ram[STATUS];
}

static uint8_t simple(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	uint32_t written;

	return request(type, sector, len, in, &written);
}

TEST(reads_the_image_and_what_was_written)
{
	uint32_t written;

	fresh(false);
	CHECK_EQ(request(IN, 3, 1024, true, &written), S_OK);
	CHECK_EQ(written, 1025);
	CHECK_MEM(fake_ram + DATA, image + 3 * 512, 1024);
	memset(fake_ram + DATA, 0x5a, 512);
	CHECK_EQ(request(OUT, 4, 512, false, &written), S_OK);
	CHECK_EQ(written, 1);
	CHECK_EQ(simple(FLUSH, 0, 0, false), S_OK);
	CHECK_EQ(simple(IN, 3, 1024, true), S_OK);
	CHECK_EQ(fake_ram[DATA], 3);
	CHECK_EQ(fake_ram[DATA + 512], 0x5a);
	CHECK_EQ(image[4 * 512], 4);
}

TEST(what_was_read_and_written_is_counted_and_nothing_else)
{
	fresh(false);
	simple(IN, 3, 1024, true);
	simple(IN, 0, 512, true);
	simple(OUT, 4, 512, false);
	simple(FLUSH, 0, 0, false);
	simple(GET_ID, 0, 20, true);
	CHECK_EQ(simple(IN, SECTORS, 512, true), S_IOERR);
	CHECK_EQ(simple(OUT, 0, 100, false), S_IOERR);
	CHECK_EQ(io.read_requests, 2);
	CHECK_EQ(io.read_bytes, 1536);
	CHECK_EQ(io.write_requests, 1);
	CHECK_EQ(io.write_bytes, 512);
}

/* A request as large as offered: every second sector of memory, so that no two pieces touch. */
TEST(request_of_as_many_pieces_as_offered)
{
	static struct fake_piece piece[BLK_QUEUE_SIZE];
	static uint8_t large[BLK_SEGMENTS_MAX * 512];
	struct ring_setup setup;
	uint32_t written;
	uint16_t id;

	for (unsigned table = 0; table < 2; table++) {
		uint64_t features = table ? 1ull << RING_F_INDIRECT_DESC : 0;

		fresh(true);
		for (size_t i = 0; i < sizeof(large); i++) {
			large[i] = (uint8_t)(i / 512 * 7);
		}
		CHECK_EQ(disk_init(&blk.disk, large, sizeof(large), NULL, 0), OK);
		CHECK_EQ(blk.dev.queue[1].size_max, BLK_QUEUE_SIZE);
		CHECK_EQ(blk.config.seg_max + 2, BLK_QUEUE_SIZE);
		CHECK(blk.config.size_max >= 1 << 20);
		fake_driver_init(&driver, 0, BLK_QUEUE_SIZE, features);
		driver.indirect = table;
		setup = fake_driver_setup(&driver, features);
		CHECK_EQ(ring_init(&blk.dev.queue[0].ring, &fake_ring_memory, &setup), OK);
		piece[0] = (struct fake_piece){ HEADER, 16, false };
		for (unsigned i = 0; i < BLK_SEGMENTS_MAX; i++) {
			piece[1 + i] = (struct fake_piece){ LARGE + i * 1024, 512, true };
		}
		piece[BLK_QUEUE_SIZE - 1] = (struct fake_piece){ STATUS, 1, true };
		put_header(IN, 0);
		fake_driver_add(&driver, piece, BLK_QUEUE_SIZE);
		blk.dev.ops->notify(&blk.dev, 0);
		CHECK(fake_driver_used(&driver, &id, &written));
		CHECK_EQ(written, sizeof(large) + 1);
		CHECK_EQ(fake_ram[STATUS], S_OK);
		for (unsigned i = 0; i < BLK_SEGMENTS_MAX; i++) {
			CHECK_EQ(fake_ram[LARGE + i * 1024], (uint8_t)(i * 7));
			CHECK_EQ(fake_ram[LARGE + i * 1024 + 512], 0);
		}
	}
}

TEST(odd_pieces_make_one_request)
{
	struct fake_piece piece[] = {
		{ HEADER, 5, false }, { HEADER + 5, 11, false },
		{ DATA, 1, true }, { DATA + 1, 510, true }, { DATA + 511, 2, true },
	};
	uint32_t written;
	uint16_t id;

	fresh(false);
	put_header(IN, 7);
	fake_driver_add(&driver, piece, 5);
	blk.dev.ops->notify(&blk.dev, 0);
	CHECK(fake_driver_used(&driver, &id, &written));
	CHECK_EQ(written, 513);
	CHECK_MEM(fake_ram + DATA, image + 7 * 512, 512);
	CHECK_EQ(fake_ram[DATA + 512], S_OK);
}

TEST(requests_that_fail)
{
	static const struct {
		const char *what;
		uint32_t type;
		uint64_t sector;
		uint32_t len;
		bool in;
		uint8_t want;
	} row[] = {
		{ "read at the end", IN, SECTORS, 512, true, S_IOERR },
		{ "read over the end", IN, SECTORS - 1, 1024, true, S_IOERR },
		{ "read far away", IN, UINT64_MAX, 512, true, S_IOERR },
		{ "sector wraps to zero", IN, 1ull << 55, 512, true, S_IOERR },
		{ "half a sector", IN, 0, 100, true, S_IOERR },
		{ "write over the end", OUT, SECTORS - 1, 1024, false, S_IOERR },
		{ "write of half a sector", OUT, 0, 513, false, S_IOERR },
		{ "unknown", 77, 0, 512, false, S_UNSUPP },
		{ "discard of nothing", DISCARD, 0, 0, false, S_IOERR },
		{ "discard of half a range", DISCARD, 0, 15, false, S_IOERR },
		{ "discard of too many ranges", DISCARD, 0, 33 * 16, false, S_IOERR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint32_t written;

		fresh(false);
		memset(fake_ram + DATA, 0x77, 2048);
		CHECK_EQ(request(row[i].type, row[i].sector, row[i].len, row[i].in, &written), row[i].want);
		CHECK_EQ(written, row[i].len && row[i].in ? 0 : 1);
		CHECK_EQ(fake_ram[DATA], 0x77);
		CHECK_EQ(blk.disk.slots_used, 0);
	}
}

TEST(read_only_disk_refuses_what_changes_it)
{
	uint64_t range[2] = { 0, 8 };

	fresh(true);
	CHECK(blk.dev.offered >> 5 & 1);
	CHECK(!(blk.dev.offered >> 13 & 1));
	CHECK_EQ(simple(OUT, 0, 512, false), S_IOERR);
	memcpy(fake_ram + DATA, range, 16);
	CHECK_EQ(simple(DISCARD, 0, 16, false), S_IOERR);
	CHECK_EQ(simple(WRITE_ZEROES, 0, 16, false), S_IOERR);
	CHECK_EQ(simple(IN, 0, 512, true), S_OK);
	CHECK_EQ(simple(FLUSH, 0, 0, true), S_OK);
}

static uint8_t clear(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	memcpy(fake_ram + DATA, &sector, 8);
	memcpy(fake_ram + DATA + 8, &sectors, 4);
	memcpy(fake_ram + DATA + 12, &flags, 4);
	return simple(type, 0, 16, false);
}

TEST(discard_and_write_zeroes)
{
	fresh(false);
	CHECK_EQ(clear(WRITE_ZEROES, 8, 8, 1), S_OK);
	CHECK_EQ(clear(WRITE_ZEROES, 3, 1, 0), S_OK);
	CHECK_EQ(clear(DISCARD, 16, 8, 0), S_OK);
	CHECK_EQ(clear(DISCARD, 16, 8, 1), S_UNSUPP);
	CHECK_EQ(clear(WRITE_ZEROES, 16, 8, 2), S_UNSUPP);
	CHECK_EQ(clear(WRITE_ZEROES, SECTORS, 1, 0), S_IOERR);
	CHECK_EQ(clear(WRITE_ZEROES, 1, UINT32_MAX, 0), S_IOERR);
	CHECK_EQ(clear(WRITE_ZEROES, 1ull << 55, 1, 0), S_IOERR);
	CHECK_EQ(simple(IN, 2, 1536, true), S_OK);
	CHECK_EQ(fake_ram[DATA], 2);
	CHECK_EQ(fake_ram[DATA + 512], 0);
	CHECK_EQ(fake_ram[DATA + 1024], 4);
	CHECK_EQ(blk.disk.slots_used, 1);
}

TEST(cache_mode_is_the_drivers_choice)
{
	fresh(false);
	CHECK(blk.dev.offered >> 9 & 1);
	CHECK(blk.dev.offered >> 11 & 1);
	CHECK_EQ(blk.config.writeback, 0);
	CHECK_EQ(blk.dev.config_writable, 32);
	CHECK_EQ(blk.dev.config_writable_end, 33);
	blk.config.writeback = 1;
	blk.dev.ops->config_written(&blk.dev, 32, 1);
	CHECK_EQ(blk.config.writeback, 0);                   /* it did not accept the feature */
	blk.dev.accepted = 1 << 11;
	blk.config.writeback = 0xfe;
	blk.dev.ops->config_written(&blk.dev, 32, 1);
	CHECK_EQ(blk.config.writeback, 1);
	CHECK_EQ(simple(FLUSH, 0, 0, false), S_OK);
	blk.dev.ops->reset(&blk.dev);
	CHECK_EQ(blk.config.writeback, 0);
}

TEST(serial_number_is_the_name)
{
	uint32_t written;

	fresh(false);
	CHECK_EQ(request(GET_ID, 0, 20, true, &written), S_OK);
	CHECK_EQ(written, 21);
	CHECK_STR((char *)fake_ram + DATA, "rootfs.img");
	CHECK_EQ(request(GET_ID, 0, 4, true, &written), S_OK);
	CHECK_EQ(written, 5);
	CHECK_EQ(request(GET_ID, 0, 64, true, &written), S_OK);
	CHECK_EQ(written, 20);
}

TEST(chains_that_are_no_request_end_the_queue)
{
	struct fake_piece no_status[] = { { HEADER, 16, false } };
	struct fake_piece short_header[] = { { HEADER, 15, false }, { STATUS, 1, true } };

	fresh(false);
	fake_driver_add(&driver, no_status, 1);
	blk.dev.ops->notify(&blk.dev, 0);
	CHECK_EQ(blk.dev.queue[0].ring.error, E_PROTO);
	fresh(false);
	fake_driver_add(&driver, short_header, 2);
	blk.dev.ops->notify(&blk.dev, 0);
	CHECK_EQ(blk.dev.queue[0].ring.error, E_PROTO);
}

TEST(full_layer_is_an_error_of_the_write)
{
	memset(fake_ram + DATA, 1, 4096);
	fresh(false);
	blk.disk.slot_count = 1;
	CHECK_EQ(simple(OUT, 0, 4096, false), S_OK);
	CHECK_EQ(simple(OUT, 8, 4096, false), S_IOERR);
	CHECK_EQ(simple(OUT, 0, 4096, false), S_OK);
}

/* A long batch gives the device lock away in between, and goes on by a timer. */
TEST(large_batches_are_cut)
{
	struct fake_piece piece[] = { { HEADER, 16, false }, { STATUS, 1, true } };
	struct ring_setup setup;
	unsigned used = 0;
	uint32_t written;
	uint16_t id;

	fresh(false);
	fake_driver_init(&driver, 0, 256, 0);
	setup = fake_driver_setup(&driver, 0);
	CHECK_EQ(ring_init(&blk.dev.queue[0].ring, &fake_ring_memory, &setup), OK);
	put_header(FLUSH, 0);
	for (unsigned i = 0; i < 100; i++) {
		fake_driver_add(&driver, piece, 2);
	}
	blk.dev.ops->notify(&blk.dev, 0);
	for (; fake_driver_used(&driver, &id, &written); used++) {
	}
	CHECK_EQ(used, 64);
	CHECK(blk.more.armed);
	fake_advance(0);
	for (; fake_driver_used(&driver, &id, &written); used++) {
	}
	CHECK_EQ(used, 100);
	CHECK(!blk.more.armed);
}
