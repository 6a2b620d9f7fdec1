/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of virtqueues against an honest driver and a hostile one.
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/ring_driver.c
 */
#include "tests/fake/ring_driver.h"
#include "tests/unit/check.h"

#define SPLIT    0ull
#define PACKED   (1ull << RING_F_RING_PACKED)
#define EVENTS   (1ull << RING_F_EVENT_IDX)
#define INDIRECT (1ull << RING_F_INDIRECT_DESC)

enum { SIZE = 8 };

static const uint64_t formats[] = { SPLIT, PACKED, SPLIT | INDIRECT, PACKED | INDIRECT };

static struct fake_driver driver;
static struct ring ring;
static struct ring_chain chain;

static void fresh(uint64_t features)
{
	struct ring_setup setup;

	fake_driver_init(&driver, 0, SIZE, features);
	driver.indirect = features & INDIRECT;
	setup = fake_driver_setup(&driver, features);
	CHECK_EQ(ring_init(&ring, &fake_ring_memory, &setup), OK);
}

static uint16_t add_request(uint32_t out, uint32_t in)
{
	struct fake_piece piece[] = { { FAKE_DATA, out, false }, { FAKE_DATA + 0x1000, in, true } };

	return fake_driver_add(&driver, piece, 2);
}

TEST(a_request_comes_out_with_both_parts_and_goes_back)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		uint32_t written = 0;
		uint16_t id, back = 0xffff;

		fresh(formats[i]);
		CHECK_EQ(ring_pop(&ring, &chain), 0);
		id = add_request(16, 32);
		CHECK_EQ(ring_pop(&ring, &chain), 1);
		CHECK_EQ(chain.out_count, 1);
		CHECK_EQ(chain.in_count, 1);
		CHECK_EQ(chain.out_bytes, 16);
		CHECK_EQ(chain.in_bytes, 32);
		CHECK(chain.segment[0].base == fake_ram + FAKE_DATA && chain.segment[0].len == 16);
		CHECK(chain.segment[1].base == fake_ram + FAKE_DATA + 0x1000 && chain.segment[1].len == 32);
		CHECK_EQ(ring_pop(&ring, &chain), 0);
		ring_use(&ring, &chain, 20);
		CHECK(!fake_driver_used(&driver, &back, &written));      /* not before it is published */
		CHECK(ring_publish(&ring));
		CHECK(fake_driver_used(&driver, &back, &written));
		CHECK_EQ(back, id);
		CHECK_EQ(written, 20);
		CHECK(!fake_driver_used(&driver, &back, &written));
		CHECK(!ring_publish(&ring));
	}
}

TEST(rings_go_round_many_times_in_batches)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		fresh(formats[i]);
		for (unsigned round = 0; round < 5000; round++) {
			static struct ring_chain taken[3];
			unsigned batch = 1 + round % 3;
			uint16_t id[3], back;
			uint32_t written;

			for (unsigned n = 0; n < batch; n++) {
				id[n] = add_request(8, 8);
			}
			for (unsigned n = 0; n < batch; n++) {
				CHECK_EQ(ring_pop(&ring, &taken[n]), 1);
			}
			for (unsigned n = 0; n < batch; n++) {
				ring_use(&ring, &taken[n], round);
			}
			CHECK(ring_publish(&ring));
			for (unsigned n = 0; n < batch; n++) {
				CHECK(fake_driver_used(&driver, &back, &written));
				CHECK_EQ(back, id[n]);
				CHECK_EQ(written, round);
			}
			CHECK(!fake_driver_used(&driver, &back, &written));
		}
	}
}

TEST(used_in_another_order_than_taken)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		static struct ring_chain second;
		uint16_t id[2], back;
		uint32_t written;

		fresh(formats[i]);
		id[0] = add_request(1, 1);
		id[1] = add_request(2, 2);
		CHECK_EQ(ring_pop(&ring, &chain), 1);
		CHECK_EQ(ring_pop(&ring, &second), 1);
		ring_use(&ring, &second, 2);
		ring_use(&ring, &chain, 1);
		CHECK(ring_publish(&ring));
		CHECK(fake_driver_used(&driver, &back, &written));
		CHECK(back == id[1] && written == 2);
		CHECK(fake_driver_used(&driver, &back, &written));
		CHECK(back == id[0] && written == 1);
	}
}

TEST(chains_that_were_put_back_come_again)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		static struct ring_chain taken[3];

		fresh(formats[i]);
		for (unsigned round = 0; round < 20; round++) {
			uint16_t id[3], back;
			uint32_t written;

			for (unsigned n = 0; n < 3; n++) {
				id[n] = add_request(4 + n, 4);
				CHECK_EQ(ring_pop(&ring, &taken[n]), 1);
			}
			ring_untake(&ring, &taken[2]);
			ring_untake(&ring, &taken[1]);
			ring_use(&ring, &taken[0], 0);
			for (unsigned n = 1; n < 3; n++) {
				CHECK_EQ(ring_pop(&ring, &chain), 1);
				CHECK_EQ(chain.out_bytes, 4 + n);
				ring_use(&ring, &chain, 0);
			}
			CHECK(ring_publish(&ring));
			for (unsigned n = 0; n < 3; n++) {
				CHECK(fake_driver_used(&driver, &back, &written));
				CHECK_EQ(back, id[n]);
			}
		}
	}
}

/* ---- notifications ---- */

static bool use_one(void)
{
	add_request(1, 1);
	CHECK_EQ(ring_pop(&ring, &chain), 1);
	ring_use(&ring, &chain, 1);
	return ring_publish(&ring);
}

TEST(driver_without_events_turns_interrupts_off_and_on)
{
	fresh(SPLIT);
	fake_store(FAKE_DRIVER, 1);
	CHECK(!use_one());
	fake_store(FAKE_DRIVER, 0);
	CHECK(use_one());
	fresh(PACKED);
	fake_store(FAKE_DRIVER + 2, 1);
	CHECK(!use_one());
	fake_store(FAKE_DRIVER + 2, 0);
	CHECK(use_one());
}

TEST(split_interrupts_at_the_event_only)
{
	fresh(SPLIT | EVENTS);
	fake_store(FAKE_DRIVER + 4 + SIZE * 2, 2);       /* when the third chain is used */
	CHECK(!use_one());
	CHECK(!use_one());
	CHECK(use_one());
	CHECK(!use_one());
}

TEST(packed_interrupts_at_the_slot_only_in_either_round)
{
	fresh(PACKED | EVENTS);
	fake_store(FAKE_DRIVER + 2, 2);
	fake_store(FAKE_DRIVER, 2 | 1 << 15);            /* slot 2 of the first round; each request takes two */
	CHECK(!use_one());
	CHECK(use_one());
	CHECK(!use_one());
	fake_store(FAKE_DRIVER, 0);                      /* slot 0 of the second round */
	CHECK(!use_one());
	CHECK(use_one());
	CHECK(!use_one());
}

TEST(listening_tells_of_a_chain_that_came_meanwhile)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		for (unsigned events = 0; events < 2; events++) {
			fresh(formats[i] | (events ? EVENTS : 0));
			ring_mute(&ring);
			CHECK(!ring_listen(&ring));
			ring_mute(&ring);
			add_request(1, 1);
			CHECK(ring_listen(&ring));
		}
	}
}

TEST(wish_for_notifications_reaches_the_driver)
{
	fresh(SPLIT);
	ring_mute(&ring);
	CHECK_EQ(fake_load(FAKE_DEVICE), 1);
	CHECK(!ring_listen(&ring));
	CHECK_EQ(fake_load(FAKE_DEVICE), 0);

	fresh(SPLIT | EVENTS);
	CHECK(use_one());
	CHECK(!ring_listen(&ring));
	CHECK_EQ(fake_load(FAKE_DEVICE + 4 + SIZE * 8), 1);
	ring_mute(&ring);
	CHECK_EQ(fake_load(FAKE_DEVICE + 4 + SIZE * 8), 0);  /* 65,535 chains from now */

	fresh(PACKED | EVENTS);
	ring_mute(&ring);
	CHECK_EQ(fake_load(FAKE_DEVICE + 2), 1);
	(void)!use_one();
	CHECK(!ring_listen(&ring));
	CHECK_EQ(fake_load(FAKE_DEVICE + 2), 2);
	CHECK_EQ(fake_load(FAKE_DEVICE), 2 | 1 << 15);
}

/* Asked later, the driver may have changed its mind. */
TEST(a_wish_for_an_interrupt_is_looked_at_again)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		fresh(formats[i]);
		CHECK(use_one());
		CHECK(ring_wishes(&ring, 1));
		fake_store(FAKE_DRIVER + (formats[i] & PACKED ? 2 : 0), 1);      /* none, please */
		CHECK(!ring_wishes(&ring, 1));
	}
	fresh(SPLIT | EVENTS);
	CHECK(use_one());
	CHECK(ring_wishes(&ring, 1));
	fake_store(FAKE_DRIVER + 4 + SIZE * 2, 1);               /* the next one is what counts */
	CHECK(!ring_wishes(&ring, 1));
	ring_stop(&ring);
	CHECK(!ring_wishes(&ring, 1));
}

/* ---- areas ---- */

TEST(areas_are_checked)
{
	static const struct {
		const char *what;
		struct ring_setup setup;
		int want;
	} row[] = {
		{ "size 0", { FAKE_DESC, FAKE_DRIVER, FAKE_DEVICE, SPLIT, 0 }, E_INVAL },
		{ "no power of two", { FAKE_DESC, FAKE_DRIVER, FAKE_DEVICE, SPLIT, 6 }, E_INVAL },
		{ "packed may have any", { FAKE_DESC, FAKE_DRIVER, FAKE_DEVICE, PACKED, 6 }, OK },
		{ "too large", { FAKE_DESC, FAKE_DRIVER, FAKE_DEVICE, SPLIT, 2048 }, E_INVAL },
		{ "descriptors not aligned", { FAKE_DESC + 8, FAKE_DRIVER, FAKE_DEVICE, SPLIT, 8 }, E_INVAL },
		{ "driver area not aligned", { FAKE_DESC, FAKE_DRIVER + 1, FAKE_DEVICE, SPLIT, 8 }, E_INVAL },
		{ "device area not aligned", { FAKE_DESC, FAKE_DRIVER, FAKE_DEVICE + 2, SPLIT, 8 }, E_INVAL },
		{ "descriptors cross the end", { FAKE_RAM - 112, FAKE_DRIVER, FAKE_DEVICE, SPLIT, 8 }, E_RANGE },
		{ "descriptors up to the end", { FAKE_RAM - 128, FAKE_DRIVER, FAKE_DEVICE, SPLIT, 8 }, OK },
		{ "driver area wraps", { FAKE_DESC, ~1ull, FAKE_DEVICE, SPLIT, 8 }, E_RANGE },
		{ "device area crosses the end", { FAKE_DESC, FAKE_DRIVER, FAKE_RAM - 64, SPLIT, 8 }, E_RANGE },
		{ "packed device area at the end", { FAKE_DESC, FAKE_DRIVER, FAKE_RAM - 4, PACKED, 8 }, OK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(ring_init(&ring, &fake_ring_memory, &row[i].setup), row[i].want);
		CHECK((ring.size != 0) == (row[i].want == OK));
	}
}

/* ---- a hostile driver: each row ends in an error and a ring that is dead, and in nothing else ---- */

static void offer_split(uint16_t head, uint16_t count)
{
	fake_store(FAKE_DRIVER + 4, head);
	fake_store(FAKE_DRIVER + 2, count);
}

static void must_break(int want)
{
	CHECK_EQ(ring_pop(&ring, &chain), want);
	CHECK_EQ(ring.error, want);
	CHECK(ring.why != NULL);
	CHECK_EQ(ring_pop(&ring, &chain), 0);
	CHECK(!ring_listen(&ring));
	CHECK(!ring_publish(&ring));
}

TEST(hostile_descriptors_break_the_ring_only)
{
	static const struct {
		const char *what;
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
		int want;
	} row[] = {
		{ "length 0", FAKE_DATA, 0, 0, 0, E_PROTO },
		{ "outside of memory", FAKE_RAM, 1, 0, 0, E_RANGE },
		{ "crosses the end", FAKE_RAM - 1, 2, 0, 0, E_RANGE },
		{ "wraps", UINT64_MAX, 2, 0, 0, E_RANGE },
		{ "longer than a chain may be", 0, RING_BYTES_MAX + 1, 0, 0, E_RANGE },
		{ "loop", FAKE_DATA, 1, FAKE_NEXT, 0, E_PROTO },
		{ "next beyond the ring", FAKE_DATA, 1, FAKE_NEXT, SIZE, E_PROTO },
		{ "next far beyond the ring", FAKE_DATA, 1, FAKE_NEXT, 65535, E_PROTO },
		{ "table of length 0", FAKE_TABLES, 0, FAKE_INDIRECT, 0, E_PROTO },
		{ "table of an odd length", FAKE_TABLES, 17, FAKE_INDIRECT, 0, E_PROTO },
		{ "table outside of memory", FAKE_RAM, 16, FAKE_INDIRECT, 0, E_RANGE },
		{ "table and chain", FAKE_TABLES, 16, FAKE_INDIRECT | FAKE_NEXT, 1, E_PROTO },
		{ "table of zeros", FAKE_TABLES, 32, FAKE_INDIRECT, 0, E_PROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh(SPLIT | INDIRECT);
		fake_desc(&driver, FAKE_DESC, row[i].addr, row[i].len, row[i].flags, row[i].next);
		offer_split(0, 1);
		must_break(row[i].want);
	}
}

TEST(hostile_heads_and_counts)
{
	fresh(SPLIT);
	offer_split(SIZE, 1);
	must_break(E_PROTO);
	fresh(SPLIT);
	offer_split(0, SIZE + 1);
	must_break(E_PROTO);
	fresh(SPLIT);
	fake_desc(&driver, FAKE_DESC, FAKE_TABLES, 16, FAKE_INDIRECT, 0);
	offer_split(0, 1);
	must_break(E_PROTO);                             /* tables were not negotiated */
}

/* A driver that refills what it has not got back would keep the device busy for ever. */
TEST(more_chains_than_descriptors)
{
	fresh(SPLIT);
	for (unsigned i = 0; i < SIZE; i++) {
		fake_desc(&driver, FAKE_DESC + i * 16, FAKE_DATA, 1, 0, 0);
	}
	offer_split(0, SIZE);
	for (unsigned i = 0; i < SIZE; i++) {
		CHECK_EQ(ring_pop(&ring, &chain), 1);
		ring_use(&ring, &chain, 0);
	}
	offer_split(0, SIZE + 1);
	must_break(E_PROTO);
}

TEST(tables_are_walked_with_care)
{
	for (unsigned packed = 0; packed < 2; packed++) {
		static const struct {
			const char *what;
			uint16_t flags, next;
			uint64_t addr;
			int split, packed;
		} row[] = {
			{ "table in a table", FAKE_INDIRECT, 0, FAKE_DATA, E_PROTO, E_PROTO },
			{ "loop", FAKE_NEXT, 0, FAKE_DATA, E_PROTO, 1 },
			{ "beyond the table", FAKE_NEXT, 2, FAKE_DATA, E_PROTO, 1 },
			{ "outside of memory", 0, 0, FAKE_RAM, E_RANGE, E_RANGE },
		};

		for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
			struct fake_piece piece[] = { { FAKE_DATA, 1, false }, { FAKE_DATA, 1, false } };
			int want = packed ? row[i].packed : row[i].split;

			fresh((packed ? PACKED : SPLIT) | INDIRECT);
			fake_driver_add(&driver, piece, 2);
			fake_desc(&driver, FAKE_TABLES, row[i].addr, 1, row[i].flags, row[i].next);
			if (want < 0) {
				must_break(want);
			} else {
				CHECK_EQ(ring_pop(&ring, &chain), want);
				CHECK_EQ(chain.out_count, 2);
			}
		}
	}
}

TEST(readable_after_writable_and_long_tables)
{
	struct fake_piece wrong[] = { { FAKE_DATA, 1, true }, { FAKE_DATA, 1, false } };
	struct fake_piece many[RING_SEGMENTS_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct fake_piece){ FAKE_DATA, 1, true };
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		fresh(formats[i]);
		fake_driver_add(&driver, wrong, 2);
		must_break(E_PROTO);
		fresh(formats[i] | INDIRECT);
		driver.indirect = true;
		fake_driver_add(&driver, many, RING_SEGMENTS_MAX);
		CHECK_EQ(ring_pop(&ring, &chain), 1);
		CHECK_EQ(chain.in_count, RING_SEGMENTS_MAX);
		fake_driver_add(&driver, many, RING_SEGMENTS_MAX + 1);
		must_break(E_RANGE);
	}
}

TEST(packed_chain_without_end)
{
	fresh(PACKED);
	for (unsigned i = 0; i < SIZE; i++) {
		fake_desc(&driver, FAKE_DESC + i * 16, FAKE_DATA, 1, FAKE_NEXT | 1 << 7, 0);
	}
	must_break(E_PROTO);
}

TEST(stopped_ring_does_nothing)
{
	ring_stop(&ring);
	CHECK_EQ(ring_pop(&ring, &chain), 0);
	ring_mute(&ring);
	CHECK(!ring_listen(&ring));
	ring_use(&ring, &chain, 1);
	CHECK(!ring_publish(&ring));
	ring_break(&ring, E_PROTO, "x");
	CHECK_EQ(ring.error, OK);
}

TEST(bytes_cross_pieces)
{
	struct fake_piece piece[] = {
		{ FAKE_DATA, 3, false }, { FAKE_DATA + 16, 5, false }, { FAKE_DATA + 32, 2, true }, { FAKE_DATA + 48, 9, true },
	};
	char text[16] = "";

	fresh(SPLIT);
	fake_driver_add(&driver, piece, 4);
	CHECK_EQ(ring_pop(&ring, &chain), 1);
	memcpy(fake_ram + FAKE_DATA, "abc", 3);
	memcpy(fake_ram + FAKE_DATA + 16, "defgh", 5);
	CHECK_EQ(ring_chain_read(&chain, 1, text, 15), 7);
	CHECK_MEM(text, "bcdefgh", 7);
	CHECK_EQ(ring_chain_read(&chain, 8, text, 15), 0);
	CHECK_EQ(ring_chain_write(&chain, 1, "0123456789abc", 13), 10);
	CHECK_MEM(fake_ram + FAKE_DATA + 33, "0", 1);
	CHECK_MEM(fake_ram + FAKE_DATA + 48, "123456789", 9);
}

/* Two chains are not enough: the driver is to tell of the third, and is not asked about those two again. */
TEST(listening_behind_chains_that_were_put_back)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		for (unsigned events = 0; events < 2; events++) {
			static struct ring_chain taken[2];
			uint16_t slots;

			fresh(formats[i] | (events ? EVENTS : 0));
			CHECK(use_one() || events);
			add_request(1, 1);
			add_request(1, 1);
			CHECK_EQ(ring_pop(&ring, &taken[0]), 1);
			CHECK_EQ(ring_pop(&ring, &taken[1]), 1);
			slots = (uint16_t)(taken[0].slots + taken[1].slots);
			ring_untake(&ring, &taken[1]);
			ring_untake(&ring, &taken[0]);
			CHECK(!ring_listen_behind(&ring, slots));
			CHECK(ring_listen(&ring));
			add_request(1, 1);
			CHECK(ring_listen_behind(&ring, slots));
		}
	}
	fresh(SPLIT | EVENTS);
	CHECK(!ring_listen_behind(&ring, 3));
	CHECK_EQ(fake_load(FAKE_DEVICE + 4 + SIZE * 8), 3);
	fresh(PACKED | EVENTS);
	CHECK(!ring_listen_behind(&ring, SIZE));
	CHECK_EQ(fake_load(FAKE_DEVICE), 0);             /* the same slot, of the next round */
}
