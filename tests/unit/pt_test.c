/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table walker, and spaces on top of it.
 * sources: tests/fake/walk.c tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "arch/x86/mm/pt.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "tests/fake/machine.h"
#include "tests/fake/walk.h"
#include "tests/unit/check.h"

enum { ARENA = 64 };
#define PA 0x40000000ull                 /* never touched: any number does */
#define K4 0x1000ull
#define M2 0x200000ull
#define G1 0x40000000ull

static struct arena *arena;
static struct pt pt;
static uint64_t done;

static void fresh(const struct pt_format *f)
{
	fake_machine(1);
	arena = arena_init(fake_ram(ARENA), ARENA);
	CHECK_EQ(pt_init(&pt, f, arena), OK);
}

static uint64_t leaf_size(uint64_t addr)
{
	uint64_t size = 0;

	return pt_lookup(&pt, addr, NULL, NULL, &size) ? size : 0;
}

TEST(leaves_are_as_large_as_alignment_allows)
{
	static const struct { uint64_t addr, pa, size; struct { uint64_t at, leaf; } want[3]; } row[] = {
		{ 0x1000, PA, K4, { { 0x1000, K4 }, { 0x2000, 0 }, { 0, 0 } } },
		{ M2, PA, M2, { { M2, M2 }, { 2 * M2 - 1, M2 }, { 2 * M2, 0 } } },
		{ M2, PA + K4, M2, { { M2, K4 }, { 2 * M2 - K4, K4 }, { 2 * M2, 0 } } },
		{ G1, PA, G1 + M2 + K4, { { G1, G1 }, { 2 * G1, M2 }, { 2 * G1 + M2, K4 } } },
		{ G1 - K4, PA - K4, G1, { { G1 - K4, K4 }, { G1, M2 }, { 2 * G1 - M2, K4 } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh(&pt_nested);
		CHECK_EQ(pt_map(&pt, row[i].addr, hpa(row[i].pa), row[i].size, PROT_R | PROT_W | PROT_X, 2000, &done), OK);
		CHECK_EQ(done, row[i].size);
		for (unsigned j = 0; j < 3; j++) {
			CHECK_EQ(leaf_size(row[i].want[j].at), row[i].want[j].leaf);
		}
		CHECK_EQ(pt_unmap(&pt, row[i].addr, row[i].size, 2000), row[i].size);
		tlb_retire_epoch();
		tlb_reap();
		CHECK_EQ(arena->page_free, ARENA - 2);
	}
}

TEST(every_address_leads_to_its_frame_with_its_rights)
{
	hpa_t pa;
	uint32_t prot;

	fresh(&pt_user);
	CHECK_EQ(pt_map(&pt, M2 - 2 * K4, hpa(PA - 2 * K4), M2 + 4 * K4, PROT_R | PROT_X, 2000, &done), OK);
	for (uint64_t off = 0; off < M2 + 4 * K4; off += 0x7ff) {
		CHECK(pt_lookup(&pt, M2 - 2 * K4 + off, &pa, &prot, NULL));
		CHECK_EQ(pa.v, PA - 2 * K4 + off);
		CHECK_EQ(prot, PROT_R | PROT_X);
	}
	CHECK(!pt_lookup(&pt, M2 - 3 * K4, NULL, NULL, NULL));
	CHECK(!pt_lookup(&pt, 2 * M2 + 2 * K4, NULL, NULL, NULL));
	CHECK_EQ(pt_map(&pt, 0x7fffffffe000, hpa(PA), K4, PROT_R | PROT_W, 1, &done), OK);
	CHECK(pt_lookup(&pt, 0x7fffffffe123, &pa, &prot, NULL));
	CHECK_EQ(pa.v, PA + 0x123);
	CHECK_EQ(prot, PROT_R | PROT_W);
}

TEST(a_format_with_its_own_bits_is_walked_the_same)
{
	uint32_t prot;

	fresh(&pt_ept);
	CHECK_EQ(pt_map(&pt, M2, hpa(PA), M2, PROT_R | PROT_X, 1, &done), OK);
	CHECK(pt_lookup(&pt, M2, NULL, &prot, NULL));
	CHECK_EQ(prot, PROT_R | PROT_X);
	CHECK_EQ(pt_map(&pt, 2 * M2, hpa(PA), K4, PROT_R | PROT_W, 1, &done), OK);
	CHECK(pt_lookup(&pt, 2 * M2, NULL, &prot, NULL));
	CHECK_EQ(prot, PROT_R | PROT_W);
	/* SDM 3C 29.3: R, W, X in bits 0 to 2, memory type write-back in bits 3 to 5, the guest's ignored by bit 6. */
	CHECK_EQ(*pt_slot(&pt, 2 * M2), PA | 0x73);
}

TEST(work_is_bounded_and_goes_on)
{
	fresh(&pt_user);
	CHECK_EQ(pt_map(&pt, K4, hpa(PA), 100 * K4, PROT_R, 30, &done), OK);
	CHECK_EQ(done, 30 * K4);
	CHECK_EQ(pt_map(&pt, K4 + done, hpa(PA + done), 70 * K4, PROT_R, 100, &done), OK);
	CHECK_EQ(done, 70 * K4);
	CHECK_EQ(pt_unmap(&pt, K4, 100 * K4, 40), 40 * K4);
	CHECK(!leaf_size(40 * K4) && leaf_size(41 * K4));
	CHECK_EQ(pt_unmap(&pt, 41 * K4, 60 * K4, 1000), 60 * K4);
}

TEST(holes_are_passed_quickly_and_their_tables_go)
{
	fresh(&pt_user);
	CHECK_EQ(pt_map(&pt, 0, hpa(PA), K4, PROT_R, 1, &done), OK);
	CHECK_EQ(pt_map(&pt, 5 * G1 + K4, hpa(PA), K4, PROT_R, 1, &done), OK);
	CHECK_EQ(pt_unmap(&pt, 0, 6 * G1, 3000), 6 * G1);
	tlb_retire_epoch();
	tlb_reap();
	CHECK_EQ(arena->page_free, ARENA - 2);
}

TEST(an_empty_arena_stops_a_map_and_loses_nothing)
{
	fresh(&pt_user);
	while (arena->page_free > 4) {
		CHECK(arena_page_alloc(arena));
	}
	CHECK_EQ(pt_map(&pt, 0, hpa(PA + K4), 8 * M2, PROT_R, 5000, &done), E_NOMEM);
	CHECK_EQ(done, 2 * M2);
	CHECK_EQ(pt_unmap(&pt, 0, done + K4, 5000), done + K4);
	tlb_retire_epoch();
	tlb_reap();
	CHECK_EQ(arena->page_free, 4);
}

TEST(what_is_there_is_not_mapped_over)
{
	fresh(&pt_user);
	CHECK_EQ(pt_map(&pt, M2, hpa(PA), M2, PROT_R, 1, &done), OK);
	CHECK_EQ(pt_map(&pt, M2 + K4, hpa(PA), K4, PROT_R, 1, &done), E_BUSY);
	CHECK_EQ(done, 0);
	CHECK_EQ(pt_map(&pt, M2, hpa(PA), M2, PROT_R, 1, &done), E_BUSY);
	CHECK_EQ(pt_map(&pt, 0, hpa(PA), 2 * M2, PROT_R, 1000, &done), E_BUSY);
	CHECK_EQ(done, M2);
}

/* ---- spaces ---- */

static struct process *init;
static struct region *r;

static void fresh_space(void)
{
	fake_machine(1);
	init = fake_process(128);
	r = fake_region(init, 16, true);
}

TEST(mappings_are_checked_before_anything_is_done)
{
	static const struct { uint64_t addr, offset, size; uint32_t prot; int want; } row[] = {
		{ M2, 0, 0, PROT_R, E_INVAL },
		{ M2 + 1, 0, K4, PROT_R, E_INVAL },
		{ M2, 1, K4, PROT_R, E_INVAL },
		{ M2, 0, K4 - 1, PROT_R, E_INVAL },
		{ M2, 0, K4, 0, E_INVAL },
		{ M2, 0, K4, PROT_W, E_INVAL },
		{ M2, 0, K4, PROT_R | PROT_W | PROT_X, E_INVAL },
		{ M2, 0, K4, PROT_R | PROT_DEVICE, E_INVAL },
		{ M2, 0, K4, PROT_R | 16, E_INVAL },
		{ 0, 0, K4, PROT_R, E_RANGE },
		{ M2, 0, 17 * K4, PROT_R, E_RANGE },
		{ M2, 16 * K4, K4, PROT_R, E_RANGE },
		{ M2, ~(K4 - 1), 2 * K4, PROT_R, E_RANGE },
		{ USER_END, 0, K4, PROT_R, E_RANGE },
		{ USER_END - K4, 0, 2 * K4, PROT_R, E_RANGE },
		{ ~(K4 - 1), 0, 2 * K4, PROT_R, E_RANGE },
		{ 1ull << 63, 0, K4, PROT_R, E_RANGE },
	};
	uint64_t free_before;

	fresh_space();
	free_before = init->arena->page_free;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(space_map(init->space, row[i].addr, r, row[i].offset, row[i].size, row[i].prot), row[i].want);
	}
	CHECK_EQ(init->arena->page_free, free_before);
	CHECK_EQ(space_map(init->space, USER_END - K4, r, 0, K4, PROT_R), K4);
}

TEST(registers_of_devices_are_not_cached)
{
	struct space *guest;
	uint64_t entry;

	fresh_space();
	CHECK_EQ(space_map(init->space, M2, r, 0, K4, PROT_R | PROT_W | PROT_DEVICE), E_INVAL);
	r->kind = REGION_PHYSICAL;
	CHECK_EQ(space_map(init->space, M2, r, 0, K4, PROT_R | PROT_W | PROT_DEVICE), K4);
	entry = *pt_slot(&init->space->pt, M2);
	CHECK_EQ(entry & 0x18, 0x18);        /* PCD and PWT: entry 3 of the PAT is uncached (SDM 3A 12.12.4) */
	CHECK_EQ(space_map(init->space, 2 * M2, r, 0, K4, PROT_R), K4);
	CHECK_EQ(*pt_slot(&init->space->pt, 2 * M2) & 0x18, 0);
	guest = space_create(init, OBJECT_GUEST);
	CHECK_EQ(space_map(guest, 0, r, 0, K4, PROT_R | PROT_W | PROT_DEVICE), E_INVAL);
}

TEST(a_guest_may_execute_what_it_writes)
{
	struct space *guest;

	fresh_space();
	guest = space_create(init, OBJECT_GUEST);
	CHECK(guest);
	CHECK_EQ(space_map(guest, 0, r, 0, 16 * K4, PROT_R | PROT_W | PROT_X), 16 * K4);
	CHECK_EQ(space_map(guest, GUEST_END, r, 0, K4, PROT_R), E_RANGE);
}

TEST(ranges_do_not_overlap_and_go_as_they_came)
{
	uint64_t generation, free_before;

	fresh_space();
	free_before = init->arena->page_free;
	CHECK_EQ(space_map(init->space, M2, r, 0, 8 * K4, PROT_R), 8 * K4);
	CHECK_EQ(space_map(init->space, M2 + 7 * K4, r, 0, K4, PROT_R), E_BUSY);
	CHECK_EQ(space_map(init->space, M2 - K4, r, 0, 2 * K4, PROT_R), E_BUSY);
	CHECK_EQ(space_map(init->space, M2 + 8 * K4, r, 8 * K4, K4, PROT_R), K4);
	CHECK(!list_empty(&r->mappings));
	CHECK_EQ(space_unmap(init->space, M2, 9 * K4), E_NOENT);
	CHECK_EQ(space_unmap(init->space, M2 + K4, K4), E_NOENT);
	generation = init->space->generation;
	CHECK_EQ(space_unmap(init->space, M2, 8 * K4), 8 * K4);
	CHECK(init->space->generation > generation);
	CHECK_EQ(space_unmap(init->space, M2, 8 * K4), E_NOENT);
	CHECK_EQ(space_unmap(init->space, M2 + 8 * K4, K4), K4);
	CHECK_EQ(init->arena->page_free, free_before);
	CHECK(list_empty(&r->mappings));
}

/* A frame that is not memory of the host: only page tables see it. */
static struct region *large_region(uint64_t pages)
{
	return region_create(init, hpa(PA + K4), pages * K4, REGION_RAM, true);
}

TEST(large_mappings_are_made_and_undone_in_steps_that_nobody_can_get_between)
{
	uint64_t free_before, at = 0;
	struct region *big;
	unsigned steps = 0;

	fresh_space();
	big = large_region(5000);
	free_before = init->arena->page_free;
	for (at = 0; at < big->size; steps++) {
		int64_t n = space_map(init->space, M2 + at, big, at, big->size - at, PROT_R);

		CHECK(n > 0);
		at += (uint64_t)n;
		if (at < big->size) {
			CHECK_EQ(space_map(init->space, M2 + at, r, 0, K4, PROT_R), E_BUSY);
		}
	}
	CHECK(steps > 1);
	CHECK(!list_empty(&big->mappings));
	for (at = 0; at < big->size;) {
		int64_t n = space_unmap(init->space, M2 + at, big->size - at);

		CHECK(n > 0);
		at += (uint64_t)n;
	}
	CHECK(list_empty(&big->mappings));
	CHECK_EQ(init->arena->page_free, free_before);
}

TEST(an_unfinished_mapping_can_be_undone)
{
	uint64_t free_before;
	struct region *big;
	int64_t n;

	fresh_space();
	big = large_region(5000);
	free_before = init->arena->page_free;
	n = space_map(init->space, M2, big, 0, big->size, PROT_R);
	CHECK(n > 0 && (uint64_t)n < big->size);
	CHECK(space_unmap(init->space, M2, (uint64_t)n) > 0);
	CHECK_EQ(init->space->mapping_count, 0);
	CHECK_EQ(init->arena->page_free, free_before);
	while (init->arena->page_free > 1) {
		CHECK(arena_page_alloc(init->arena));
	}
	CHECK_EQ(space_map(init->space, G1, big, 0, big->size, PROT_R), E_NOMEM);
	CHECK_EQ(init->space->mapping_count, 0);
	CHECK_EQ(init->arena->page_free, 1);
}
