/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init's policy over regions, on a fake kernel that checks every call: neighbours, handles, cleanliness.
 * sources: init/memory.c
 */
#include <stdlib.h>

#include "init/memory.h"
#include "tests/unit/check.h"

enum { REGIONS = HANDLE_MAX };

static struct { uint64_t base, size; bool alive, clean; } region[REGIONS];
static int fail_split;                   /* counts down to a refusal; 0: never */
static uint64_t cleaned;
static struct memory m;

static int new_region(uint64_t base, uint64_t size, bool clean)
{
	for (int i = 1; i < REGIONS; i++) {
		if (!region[i].alive) {
			region[i].base = base;
			region[i].size = size;
			region[i].clean = clean;
			region[i].alive = true;
			return i;
		}
	}
	return E_NOMEM;
}

static int fake_split(uint32_t h, uint64_t offset)
{
	int high;

	CHECK(h < REGIONS && region[h].alive && offset > 0 && offset < region[h].size && offset % PAGE_SIZE == 0);
	if (fail_split && --fail_split == 0) {
		return E_NOMEM;
	}
	high = new_region(region[h].base + offset, region[h].size - offset, region[h].clean);
	if (high > 0) {
		region[h].size = offset;
	}
	return high;
}

static int fake_merge(uint32_t low, uint32_t high)
{
	CHECK(region[low].alive && region[high].alive && region[low].base + region[low].size == region[high].base);
	region[low].size += region[high].size;
	region[low].clean = region[low].clean && region[high].clean;
	region[high].alive = false;
	return OK;
}

static int fake_reclaim(uint32_t h)
{
	CHECK(region[h].alive);
	region[h].clean = false;
	return OK;
}

static int fake_clean(uint32_t h, uint64_t size)
{
	CHECK(region[h].alive && size == region[h].size);
	region[h].clean = true;
	cleaned += size;
	return OK;
}

static const struct region_ops ops = { fake_split, fake_merge, fake_reclaim, fake_clean };

static void fresh(void)
{
	memset(region, 0, sizeof(region));
	fail_split = 0;
	cleaned = 0;
	memory_init(&m, &ops);
}

static void add_to(uint8_t node, uint64_t base, uint64_t size)
{
	int h = new_region(base, size, true);

	CHECK_EQ(memory_add(&m, (struct extent){ base, size, (uint32_t)h, true, node }), OK);
}

static void add(uint64_t base, uint64_t size)
{
	add_to(0, base, size);
}

static unsigned alive(void)
{
	unsigned n = 0;

	for (int i = 0; i < REGIONS; i++) {
		n += region[i].alive;
	}
	return n;
}

/* The list is sorted, does not overlap, and tells what the kernel has. */
static void check_list(void)
{
	uint64_t bytes = 0, of_node[MEMORY_NODES_MAX] = { 0 };

	for (unsigned i = 0; i < m.count; i++) {
		const struct extent *e = &m.free[i];

		CHECK(region[e->handle].alive);
		CHECK_EQ(region[e->handle].base, e->base);
		CHECK_EQ(region[e->handle].size, e->size);
		CHECK_EQ(region[e->handle].clean, e->clean);
		CHECK(i == 0 || m.free[i - 1].base + m.free[i - 1].size <= e->base);
		bytes += e->size;
		of_node[e->node] += e->size;
	}
	CHECK_EQ(bytes, m.free_bytes);
	CHECK_MEM(of_node, m.node_free, sizeof(of_node));
}

TEST(guest_ram_is_aligned_and_low)
{
	struct extent e;

	fresh();
	add(0x1000, 0x9e000);
	add(MIB(1), MIB(63));
	CHECK_EQ(memory_alloc(&m, NULL, MIB(16), MIB(2), MEMORY_LOW, &e), OK);
	CHECK_EQ(e.base, MIB(2));
	CHECK_EQ(e.size, MIB(16));
	CHECK_EQ(region[e.handle].base, MIB(2));
	check_list();
	CHECK_EQ(m.count, 3);
}

TEST(small_things_come_from_the_smallest_extent)
{
	struct extent e;

	fresh();
	add(0x1000, 0x9e000);
	add(MIB(1), MIB(63));
	CHECK_EQ(memory_alloc(&m, NULL, 0x4000, PAGE_SIZE, MEMORY_HIGH, &e), OK);
	CHECK_EQ(e.base, 0x9b000);
	CHECK_EQ(memory_alloc(&m, NULL, MIB(1), PAGE_SIZE, MEMORY_HIGH, &e), OK);
	CHECK_EQ(e.base, MIB(63));
	check_list();
}

TEST(freed_memory_merges_and_is_cleaned_again)
{
	struct extent a, b;

	fresh();
	add(MIB(2), MIB(8));
	CHECK_EQ(memory_alloc(&m, NULL, MIB(2), MIB(2), MEMORY_LOW, &a), OK);
	CHECK_EQ(memory_alloc(&m, NULL, MIB(2), MIB(2), MEMORY_LOW, &b), OK);
	CHECK_EQ(memory_free(&m, &a), OK);
	CHECK_EQ(a.size, 0);
	CHECK_EQ(m.count, 2);                           /* unclean, clean */
	CHECK_EQ(memory_free(&m, &b), OK);
	CHECK_EQ(m.count, 2);
	check_list();
	CHECK_EQ(memory_alloc(&m, NULL, MIB(4), MIB(2), MEMORY_LOW, &a), OK);
	CHECK_EQ(cleaned, MIB(4));
	CHECK(region[a.handle].clean);
	CHECK_EQ(memory_free(&m, &a), OK);
	memory_compact(&m);
	CHECK_EQ(m.count, 1);
	CHECK_EQ(alive(), 1);
	CHECK_EQ(m.free_bytes, MIB(8));
}

TEST(compacts_when_nothing_fits)
{
	struct extent a;

	fresh();
	add(MIB(2), MIB(8));
	CHECK_EQ(memory_alloc(&m, NULL, MIB(4), MIB(2), MEMORY_LOW, &a), OK);
	CHECK_EQ(memory_free(&m, &a), OK);
	CHECK_EQ(memory_alloc(&m, NULL, MIB(8), MIB(2), MEMORY_LOW, &a), OK);
	CHECK_EQ(m.free_bytes, 0);
	CHECK_EQ(m.count, 0);
	CHECK_EQ(cleaned, MIB(8));
}

TEST(too_much_is_refused)
{
	struct extent a;

	fresh();
	add(MIB(1), MIB(3));
	CHECK_EQ(memory_alloc(&m, NULL, MIB(4), MIB(2), MEMORY_LOW, &a), E_NOMEM);
	CHECK_EQ(memory_alloc(&m, NULL, MIB(3), MIB(2), MEMORY_LOW, &a), E_NOMEM);
	CHECK_EQ(memory_alloc(&m, NULL, UINT64_MAX & ~(uint64_t)(PAGE_SIZE - 1), PAGE_SIZE, MEMORY_HIGH, &a), E_NOMEM);
	CHECK_EQ(memory_alloc(&m, NULL, 0, PAGE_SIZE, MEMORY_LOW, &a), E_INVAL);
	CHECK_EQ(memory_alloc(&m, NULL, 1, PAGE_SIZE, MEMORY_LOW, &a), E_INVAL);
	CHECK_EQ(memory_largest(&m, NULL, MIB(2)), MIB(2));
	CHECK_EQ(memory_largest(&m, NULL, PAGE_SIZE), MIB(3));
	check_list();
}

TEST(a_refused_split_loses_nothing)
{
	struct extent a;

	for (int n = 1; n <= 2; n++) {
		fresh();
		add(MIB(1), MIB(15));
		fail_split = n;
		CHECK_EQ(memory_alloc(&m, NULL, MIB(2), MIB(2), MEMORY_LOW, &a), E_NOMEM);
		CHECK_EQ(a.size, 0);
		CHECK_EQ(m.free_bytes, MIB(15));
		check_list();
		CHECK_EQ(m.count, 1);
	}
}

/* Two nodes whose memory adjoins. */
static void two_nodes(void)
{
	fresh();
	add_to(0, MIB(2), MIB(6));
	add_to(1, MIB(8), MIB(8));
}

TEST(memory_comes_from_the_first_node_that_has_it)
{
	static const struct memory_order one_first = { 2, { 1, 0 } }, only_zero = { 1, { 0 } };
	struct extent a, b;

	two_nodes();
	CHECK_EQ(memory_alloc(&m, &one_first, MIB(6), MIB(2), MEMORY_LOW, &a), OK);
	CHECK_EQ(a.base, MIB(8));
	CHECK_EQ(a.node, 1);
	CHECK_EQ(memory_alloc(&m, &one_first, MIB(4), MIB(2), MEMORY_LOW, &b), OK);
	CHECK_EQ(b.base, MIB(2));
	CHECK_EQ(b.node, 0);
	CHECK_EQ(m.node_free[0], MIB(2));
	CHECK_EQ(m.node_free[1], MIB(2));
	check_list();
	CHECK_EQ(memory_alloc(&m, &only_zero, MIB(3), PAGE_SIZE, MEMORY_HIGH, &b), E_NOMEM);
	CHECK_EQ(memory_largest(&m, &only_zero, PAGE_SIZE), MIB(2));
	check_list();
}

TEST(neighbours_of_different_nodes_stay_apart)
{
	static const struct memory_order zero = { 1, { 0 } }, one = { 1, { 1 } };
	struct extent a, b;

	two_nodes();
	CHECK_EQ(memory_alloc(&m, &zero, MIB(6), MIB(2), MEMORY_LOW, &a), OK);
	CHECK_EQ(memory_alloc(&m, &one, MIB(8), MIB(2), MEMORY_LOW, &b), OK);
	CHECK_EQ(memory_free(&m, &a), OK);
	CHECK_EQ(memory_free(&m, &b), OK);
	memory_compact(&m);
	CHECK_EQ(m.count, 2);
	check_list();
	CHECK_EQ(memory_alloc(&m, NULL, MIB(14), MIB(2), MEMORY_LOW, &a), E_NOMEM);
	CHECK_EQ(memory_add(&m, (struct extent){ GIB(1), MIB(1), 9, true, MEMORY_NODES_MAX }), E_INVAL);
}

TEST(overlaps_are_not_added)
{
	fresh();
	add(MIB(1), MIB(1));
	CHECK_EQ(memory_add(&m, (struct extent){ MIB(1) + 4096, 4096, 9, true, 0 }), E_INVAL);
	CHECK_EQ(memory_add(&m, (struct extent){ MIB(3), 0, 9, true, 0 }), E_INVAL);
	CHECK_EQ(memory_add(&m, (struct extent){ UINT64_MAX - 4095, 8192, 9, true, 0 }), E_INVAL);
}

TEST(as_many_holes_as_there_can_be_are_all_remembered)
{
	static struct extent held[REGIONS - 2];

	fresh();
	add(MIB(1), MIB(8));
	for (int i = 0; i < REGIONS - 2; i++) {
		CHECK_EQ(memory_alloc(&m, NULL, PAGE_SIZE, PAGE_SIZE, MEMORY_HIGH, &held[i]), OK);
	}
	for (int i = 0; i < REGIONS - 2; i += 2) {
		CHECK_EQ(memory_free(&m, &held[i]), OK);
	}
	CHECK(m.count >= (REGIONS - 2) / 2);
	for (int i = 1; i < REGIONS - 2; i += 2) {
		CHECK_EQ(memory_free(&m, &held[i]), OK);
	}
	CHECK_EQ(m.free_bytes, m.total_bytes);
	memory_compact(&m);
	CHECK_EQ(m.count, 1);
}

TEST(ten_thousand_random_steps_lose_nothing)
{
	struct extent held[32] = { 0 };

	fresh();
	srand(1);
	add(0x1000, 0x9e000);
	add(MIB(1), MIB(255));
	add_to(1, MIB(256), MIB(256));
	for (int step = 0; step < 10000; step++) {
		struct extent *e = &held[rand() % 32];
		uint64_t pages = (uint64_t)(rand() % 8 ? rand() % 64 + 1 : rand() % 8192 + 1);
		bool low = rand() % 2;

		if (e->size) {
			CHECK_EQ(memory_free(&m, e), OK);
		} else {
			(void)!memory_alloc(&m, NULL, pages * PAGE_SIZE, low ? MIB(2) : PAGE_SIZE, low ? MEMORY_LOW : MEMORY_HIGH, e);
			CHECK(!e->size || region[e->handle].clean);
		}
		check_list();
	}
	for (int i = 0; i < 32; i++) {
		CHECK_EQ(memory_free(&m, &held[i]), OK);
	}
	memory_compact(&m);
	CHECK_EQ(m.count, 3);
	CHECK_EQ(alive(), 3);
	CHECK_EQ(m.free_bytes, m.total_bytes);
}
