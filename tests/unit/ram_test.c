/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of which nodes the memory of a VM is: on a fake machine of three, of which the last two are neighbours.
 * sources: init/ram.c init/memory.c init/numa.c tests/fake/init_log.c
 */
#include <stdio.h>

#include "init/cpus.h"
#include "init/inventory.h"
#include "init/log.h"
#include "init/ram.h"
#include "tests/fake/init_log.h"
#include "tests/unit/check.h"

struct memory memory;
struct numa numa;

static uint32_t handles;
static struct vm vm;

/* Processor n is of node n. */
uint32_t cpus_nodes(uint32_t mask)
{
	return mask & 7;
}

void memory_give_back(struct extent *extent)
{
	CHECK_EQ(memory_free(&memory, extent), OK);
}

static int split(uint32_t region, uint64_t offset)
{
	(void)region;
	(void)offset;
	return (int)++handles;
}

static int merge(uint32_t low, uint32_t high)
{
	(void)low;
	(void)high;
	return OK;
}

static int reclaim(uint32_t region)
{
	(void)region;
	return OK;
}

static int clean(uint32_t region, uint64_t size)
{
	(void)region;
	(void)size;
	return OK;
}

static const struct region_ops ops = { split, merge, reclaim, clean };

static void add(uint8_t node, uint64_t base, uint64_t size)
{
	CHECK_EQ(memory_add(&memory, (struct extent){ base, size, ++handles, true, node }), OK);
}

static void fresh(uint64_t bytes)
{
	static const uint8_t far[3][3] = { { 10, 30, 40 }, { 30, 10, 20 }, { 40, 20, 10 } };

	numa = (struct numa){ .node_count = 3, .domain = { 0, 1, 2 } };
	for (unsigned i = 0; i < 3; i++) {
		memcpy(numa.distance[i], far[i], 3);
	}
	memory_init(&memory, &ops);
	vm = (struct vm){ .conf = { .name = "v", .memory = bytes } };
	fake_said[0] = '\0';
}

static void three_nodes(uint64_t bytes)
{
	fresh(bytes);
	add(0, MIB(2), MIB(510));
	add(1, MIB(512), MIB(512));
	add(2, GIB(1), MIB(256));
}

static void has(uint64_t mib0, uint64_t mib1, uint64_t mib2)
{
	CHECK_EQ(ram_of_node(&vm, 0), MIB(mib0));
	CHECK_EQ(ram_of_node(&vm, 1), MIB(mib1));
	CHECK_EQ(ram_of_node(&vm, 2), MIB(mib2));
}

static int start(uint32_t cpus)
{
	ram_choose_nodes(&vm, cpus);
	return ram_take(&vm);
}

TEST(bound_to_a_processor_it_gets_that_nodes_memory)
{
	three_nodes(MIB(200));
	CHECK_EQ(start(1 << 2), OK);
	has(0, 0, 200);
	CHECK_STR(fake_said, "");
	CHECK_EQ(vm.order.node[0], 2);
	ram_give_back(&vm);
	CHECK_EQ(memory.free_bytes, memory.total_bytes);
}

TEST(unbound_it_gets_the_node_with_most)
{
	three_nodes(MIB(100));
	CHECK_EQ(start(0), OK);
	has(0, 100, 0);
	CHECK_EQ(vm.near, 1 << 1);
}

TEST(the_nearest_helps_out)
{
	three_nodes(MIB(600));
	CHECK_EQ(start(1 << 2), OK);
	has(0, 344, 256);
	CHECK_STR(fake_said, "vm v: memory: 256 MiB from node 2, 344 MiB from node 1: there is no more where it runs");
}

TEST(two_homes_are_both_near)
{
	three_nodes(MIB(700));
	CHECK_EQ(start(1 << 2 | 1 << 0), OK);
	has(510, 0, 190);
	CHECK_STR(fake_said, "");
}

TEST(a_node_without_memory)
{
	fresh(MIB(64));
	add(0, MIB(2), MIB(510));
	add(1, MIB(512), MIB(512));
	CHECK_EQ(start(1 << 2), OK);
	has(0, 64, 0);
	CHECK_STR(fake_said, "vm v: memory: 64 MiB from node 1: there is no more where it runs");
}

TEST(too_much_for_all_takes_nothing)
{
	three_nodes(MIB(1279));
	CHECK_EQ(start(1), E_NOMEM);
	CHECK_EQ(vm.ram_count, 0);
	CHECK_EQ(memory.free_bytes, memory.total_bytes);
}

TEST(crumbs_of_the_near_node_do_not_use_up_all_pieces)
{
	fresh(MIB(128));
	add(0, MIB(512), MIB(512));
	for (uint64_t i = 0; i < 20; i++) {
		add(1, MIB(2) + i * MIB(8), MIB(2));
	}
	CHECK_EQ(start(1 << 1), OK);
	has(128, 0, 0);
	CHECK_STR(fake_said, "vm v: memory: 128 MiB from node 0: there is no more where it runs");
}

TEST(above_three_gigabytes)
{
	fresh(GIB(4));
	add(0, MIB(2), GIB(3));
	add(1, GIB(4), GIB(5));
	CHECK_EQ(start(1 << 1), OK);
	has(0, 4096, 0);
	CHECK_EQ(vm.ram_map[0].gpa, 0);
	CHECK_EQ(vm.ram_map[1].gpa, GIB(4));
}

TEST(with_a_balloon_it_is_cut_into_pieces_that_go_and_come_back)
{
	uint64_t free;

	three_nodes(MIB(96));
	vm.conf.balloon = 1;
	CHECK_EQ(start(1 << 1), OK);
	CHECK_EQ(vm.ram_count, 24);                          /* of 4 MiB: a 32nd, in whole 2 MiB */
	has(0, 96, 0);
	free = memory.free_bytes;
	ram_take_back(&vm, 3);
	CHECK_EQ(vm.away, 1 << 3);
	CHECK_EQ(vm.ram[3].size, 0);
	CHECK_EQ(memory.free_bytes, free + MIB(4));
	has(0, 92, 0);
	CHECK_EQ(ram_return(&vm, 3), OK);
	CHECK_EQ(vm.away, 0);
	CHECK_EQ(vm.ram[3].size, MIB(4));
	has(0, 96, 0);
	ram_take_back(&vm, 0);
	ram_give_back(&vm);
	CHECK_EQ(vm.away, 0);
	CHECK_EQ(memory.free_bytes, memory.total_bytes);
}

TEST(what_was_given_up_may_be_gone)
{
	struct extent all[64];
	unsigned n = 0;

	three_nodes(MIB(64));
	vm.conf.balloon = 1;
	CHECK_EQ(start(0), OK);
	CHECK_EQ(vm.ram_count, 32);
	ram_take_back(&vm, 31);
	while (n < ARRAY_SIZE(all) && memory_alloc(&memory, NULL, MIB(32), MIB(2), MEMORY_LOW, &all[n]) == OK) {
		n++;
	}
	while (n < ARRAY_SIZE(all) && memory_alloc(&memory, NULL, MIB(2), MIB(2), MEMORY_LOW, &all[n]) == OK) {
		n++;
	}
	CHECK_EQ(ram_return(&vm, 31), E_NOMEM);
	CHECK_EQ(vm.away, 1ull << 31);
	CHECK_EQ(memory_free(&memory, &all[n - 1]), OK);
	CHECK_EQ(ram_return(&vm, 31), OK);
}
