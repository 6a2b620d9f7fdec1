/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: split, merge, reclaim, clean, and mapping records on both sides.
 * sources: tests/fake/walk.c tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/region.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "kernel/handle.h"
#include "tests/fake/machine.h"
#include "tests/fake/walk.h"
#include "tests/unit/check.h"

enum { PAGES = 80 };
#define BASE 0x400000ull

static struct process *init, *vm;
static struct region *r, *high;

static void fresh(bool clean)
{
	fake_machine(1);
	init = fake_process(128);
	vm = fake_process(64);
	r = fake_region(init, PAGES, clean);
}

static uint64_t mapped_at(struct process *p, uint64_t addr)
{
	hpa_t pa;

	return pt_lookup(&p->space->pt, addr, &pa, NULL, NULL) ? pa.v : 0;
}

TEST(split_and_merge_are_each_others_undoing)
{
	uint64_t base, free_before;

	fresh(true);
	base = r->base.v;
	free_before = init->arena->page_free;
	CHECK_EQ(region_split(r, 16 * PAGE_SIZE, &high), OK);
	CHECK_EQ(r->size, 16 * PAGE_SIZE);
	CHECK_EQ(high->base.v, base + 16 * PAGE_SIZE);
	CHECK_EQ(high->size, (PAGES - 16) * PAGE_SIZE);
	CHECK(region_is_clean(r) && region_is_clean(high));
	CHECK_EQ(region_merge(high, r), E_INVAL);
	CHECK_EQ(region_merge(r, high), OK);
	CHECK_EQ(r->size, PAGES * PAGE_SIZE);
	CHECK(region_is_clean(r));
	CHECK_EQ(init->arena->page_free, free_before);
	CHECK_EQ(object_count[OBJECT_REGION], 1);
}

TEST(split_refuses_what_is_no_cut)
{
	static const uint64_t offset[] = { 0, 1, PAGE_SIZE - 1, PAGES * PAGE_SIZE, PAGES * PAGE_SIZE + PAGE_SIZE,
					   1ull << 63, UINT64_MAX };

	fresh(true);
	for (size_t i = 0; i < ARRAY_SIZE(offset); i++) {
		CHECK_EQ(region_split(r, offset[i], &high), E_INVAL);
	}
}

TEST(a_clean_and_an_unclean_piece_make_an_unclean_whole)
{
	fresh(true);
	CHECK_EQ(region_split(r, 16 * PAGE_SIZE, &high), OK);
	high->cleaned = PAGE_SIZE;
	CHECK_EQ(region_merge(r, high), OK);
	CHECK(!region_is_clean(r));
	CHECK_EQ(r->cleaned, 17 * PAGE_SIZE);
	CHECK_EQ(region_split(r, 16 * PAGE_SIZE, &high), OK);
	CHECK(region_is_clean(r) && !region_is_clean(high));
	r->cleaned = 0;
	CHECK_EQ(region_merge(r, high), OK);
	CHECK_EQ(r->cleaned, 0);
}

TEST(cleaning_goes_on_in_steps_and_zeroes_all)
{
	uint64_t done = 0;
	unsigned steps = 0;

	fresh(false);
	CHECK_EQ(region_clean(r, PAGE_SIZE), E_INVAL);
	while (done < r->size) {
		int64_t n = region_clean(r, done);

		CHECK(n > 0);
		done += (uint64_t)n;
		steps++;
	}
	CHECK_EQ(done, r->size);
	CHECK(steps > 1 && region_is_clean(r));
	for (uint64_t i = 0; i < r->size; i++) {
		CHECK_EQ(((uint8_t *)kmap_ptr(r->base))[i], 0);
	}
	CHECK_EQ(region_clean(r, 0), r->size);
	CHECK_EQ(region_clean(r, r->size), 0);
	CHECK_EQ(region_clean(r, r->size + PAGE_SIZE), E_INVAL);
}

TEST(unclean_memory_is_not_mapped)
{
	fresh(false);
	CHECK_EQ(space_map(vm->space, BASE, r, 0, PAGE_SIZE, PROT_R), E_BUSY);
}

TEST(mapped_regions_are_neither_split_nor_merged_nor_cleaned)
{
	fresh(true);
	CHECK_EQ(region_split(r, PAGE_SIZE, &high), OK);
	CHECK_EQ(space_map(vm->space, BASE, high, 0, PAGE_SIZE, PROT_R), PAGE_SIZE);
	CHECK_EQ(region_split(high, PAGE_SIZE, &(struct region *){ NULL }), E_BUSY);
	CHECK_EQ(region_merge(r, high), E_BUSY);
	high->cleaned = 0;
	CHECK_EQ(region_clean(high, 0), E_BUSY);
}

TEST(reclaim_takes_a_region_from_everybody)
{
	fresh(true);
	CHECK_EQ(handle_add(init, &r->object, RIGHT_ALL), 0);
	CHECK_EQ(handle_add(vm, &r->object, RIGHT_READ), 0);
	CHECK_EQ(space_map(vm->space, BASE, r, 0, r->size, PROT_R | PROT_W), r->size);
	CHECK_EQ(space_map(init->space, 2 * BASE, r, PAGE_SIZE, PAGE_SIZE, PROT_R), PAGE_SIZE);
	CHECK_EQ(mapped_at(vm, BASE + PAGE_SIZE), r->base.v + PAGE_SIZE);
	while (region_reclaim(r, handle_slot(init, 0)) > 0) {
	}
	CHECK(!mapped_at(vm, BASE) && !mapped_at(vm, BASE + PAGE_SIZE) && !mapped_at(init, 2 * BASE));
	CHECK(handle_slot(init, 0) && !handle_slot(vm, 0));
	CHECK(list_empty(&r->mappings));
	CHECK_EQ(vm->space->mapping_count, 0);
	CHECK(!region_is_clean(r));
}

TEST(memory_that_another_cpu_may_still_write_is_not_cleaned)
{
	fake_machine(2);
	init = fake_process(128);
	r = fake_region(init, PAGES, true);
	CHECK_EQ(space_map(init->space, BASE, r, 0, r->size, PROT_R | PROT_W), r->size);
	while (region_reclaim(r, NULL) > 0) {
	}
	CHECK_EQ(region_clean(r, 0), E_AGAIN);
	fake_become_cpu(1);
	tlb_cpu_pass();
	CHECK(region_clean(r, 0) > 0);
}

TEST(what_was_found_becomes_ram_when_it_is_claimed)
{
	fresh(true);
	r->kind = REGION_PHYSICAL;
	CHECK_EQ(region_clean(r, 0), E_INVAL);
	CHECK_EQ(region_reclaim(r, NULL), 0);
	CHECK_EQ(r->kind, REGION_RAM);
	CHECK(!region_is_clean(r));
	r->kind = REGION_PROGRAM;
	CHECK_EQ(space_map(vm->space, BASE, r, 0, PAGE_SIZE, PROT_R | PROT_W), E_INVAL);
	CHECK_EQ(region_reclaim(r, NULL), E_INVAL);
}
