/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of virtqueues: against our device's side, and against devices that lie.
 * sources: drivers/virtio/ring_driver.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 */
#include "drivers/virtio/ring_driver.h"
#include "tests/unit/check.h"

#define EVENTS (1ull << RING_F_EVENT_IDX)

enum { SIZE = 8, PHYS = 0x10000, MEMORY = 64 << 10, DATA = 0x4000 };

static uint8_t memory[MEMORY] __attribute__((aligned(4096)));
static struct ring_driver driver;
static struct ring ring;
static struct ring_chain chain;

static void *translate(void *arg, uint64_t addr, uint64_t len)
{
	(void)arg;
	return addr >= PHYS && range_within(addr - PHYS, len, MEMORY) ? memory + (addr - PHYS) : NULL;
}

static const struct ring_memory ring_memory = { .translate = translate };

static void fresh(uint16_t size, uint64_t features)
{
	struct ring_setup setup;

	memset(memory, 0, sizeof(memory));
	CHECK(ring_driver_bytes(size) <= DATA);
	ring_driver_init(&driver, memory, PHYS, size, features, &setup);
	CHECK_EQ(ring_init(&ring, &ring_memory, &setup), OK);
	for (uint16_t i = 0; i < size; i++) {
		ring_driver_set(&driver, i, PHYS + DATA + i * 64u, 64, i % 2 ? RING_DRIVER_WRITE : 0, 0);
	}
}

static int used(uint16_t *number, uint32_t *written)
{
	return ring_driver_used(&driver, number, written);
}

TEST(chains_go_there_and_back_in_any_order)
{
	static const uint64_t features[] = { 0, EVENTS };

	for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
		fresh(SIZE, features[f]);
		for (unsigned round = 0; round < 70000; round++) {       /* over the wrap of the counts */
			static struct ring_chain other;
			uint16_t a = (uint16_t)(round % SIZE), b = (uint16_t)((round + 3) % SIZE), number;
			uint32_t written;

			ring_driver_add(&driver, a);
			ring_driver_add(&driver, b);
			CHECK_EQ(ring_pop(&ring, &chain), 0);    /* not before it is shown */
			(void)!ring_driver_show(&driver);
			CHECK(ring_driver_has(&driver, a) && ring_driver_has(&driver, b));
			CHECK_EQ(ring_pop(&ring, &chain), 1);
			CHECK_EQ(ring_pop(&ring, &other), 1);
			CHECK(chain.id == a && other.id == b);
			CHECK_EQ(chain.in_bytes, a % 2 ? 64 : 0);
			ring_use(&ring, &other, 5);
			ring_use(&ring, &chain, 7);
			CHECK_EQ(used(&number, &written), 0);
			(void)!ring_publish(&ring);
			CHECK(used(&number, &written) == 1 && number == b && written == 5);
			CHECK(used(&number, &written) == 1 && number == a && written == 7);
			CHECK_EQ(used(&number, &written), 0);
			CHECK(!ring_driver_has(&driver, a) && !ring_driver_has(&driver, b));
		}
	}
}

TEST(notifications_come_when_the_other_side_wants_them)
{
	static const uint64_t features[] = { 0, EVENTS };

	for (size_t f = 0; f < ARRAY_SIZE(features); f++) {
		uint16_t number;
		uint32_t written;

		fresh(SIZE, features[f]);
		CHECK(!ring_driver_show(&driver));               /* nothing was added */
		CHECK(!ring_listen(&ring));
		ring_driver_add(&driver, 0);
		CHECK(ring_driver_show(&driver));
		ring_mute(&ring);
		ring_driver_add(&driver, 1);
		CHECK(!ring_driver_show(&driver));
		CHECK_EQ(ring_pop(&ring, &chain), 1);
		ring_use(&ring, &chain, 0);
		ring_driver_mute(&driver);
		CHECK(!ring_publish(&ring));                     /* nobody wants an interrupt */
		CHECK(!ring_driver_listen(&driver));             /* there is something */
		CHECK_EQ(used(&number, &written), 1);
		CHECK(ring_driver_listen(&driver));
		CHECK_EQ(ring_pop(&ring, &chain), 1);
		ring_use(&ring, &chain, 0);
		CHECK(ring_publish(&ring));
	}
}

TEST(chain_of_two_descriptors)
{
	fresh(2, 0);
	ring_driver_set(&driver, 0, PHYS + DATA, 3, RING_DRIVER_NEXT, 1);
	ring_driver_set(&driver, 1, PHYS + DATA + 64, 1, RING_DRIVER_WRITE, 0);
	ring_driver_add(&driver, 0);
	(void)!ring_driver_show(&driver);
	CHECK_EQ(ring_pop(&ring, &chain), 1);
	CHECK(chain.out_bytes == 3 && chain.in_bytes == 1);
}

TEST(used_entries_that_cannot_be_break_the_ring)
{
	static const struct {
		const char *what;
		uint32_t id;
		uint16_t index;
	} table[] = {
		{ "one that was never added", 3, 1 }, { "beyond the ring", SIZE, 1 }, { "far beyond", UINT32_MAX, 1 },
		{ "more than there are", 0, SIZE + 1 }, { "an index that went back", 0, UINT16_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t *device;
		uint32_t written;
		uint16_t number;

		fresh(SIZE, 0);
		ring_driver_add(&driver, 0);
		(void)!ring_driver_show(&driver);
		device = (uint8_t *)(uintptr_t)driver.device;
		memcpy(device + 4, &table[i].id, 4);
		memcpy(device + 2, &table[i].index, 2);
		CHECK_EQ(used(&number, &written), E_PROTO);
		CHECK_EQ(used(&number, &written), 0);
		CHECK(ring_driver_listen(&driver));
	}
}

TEST(same_chain_comes_back_once)
{
	uint8_t *device;
	uint32_t written;
	uint16_t number, index = 2;

	fresh(SIZE, 0);
	ring_driver_add(&driver, 0);
	(void)!ring_driver_show(&driver);
	device = (uint8_t *)(uintptr_t)driver.device;
	memcpy(device + 2, &index, 2);                   /* both entries say 0 */
	CHECK_EQ(used(&number, &written), 1);
	CHECK_EQ(used(&number, &written), E_PROTO);
}
