/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arenas: pages, slabs, counters.
 * sources: kernel/arena.c tests/fake/machine.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/arena.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { PAGES = 32 };

static struct arena *a;

static void fresh(void)
{
	fake_machine(1);
	a = arena_init(fake_ram(PAGES), PAGES);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i]) {
			return false;
		}
	}
	return true;
}

TEST(all_pages_but_the_header_can_be_had_once_and_come_zeroed)
{
	void *page[PAGES];

	fresh();
	for (unsigned i = 0; i < PAGES - 1; i++) {
		page[i] = arena_page_alloc(a);
		CHECK(page[i] && (uintptr_t)page[i] % PAGE_SIZE == 0);
		CHECK(is_zero(page[i], PAGE_SIZE));
		memset(page[i], 0xff, PAGE_SIZE);
	}
	CHECK(!arena_page_alloc(a));
	CHECK_EQ(a->page_free, 0);
	for (unsigned i = 0; i < PAGES - 1; i++) {
		arena_page_free(a, page[i]);
	}
	CHECK_EQ(a->page_free, PAGES - 1);
	CHECK(is_zero(arena_page_alloc(a), PAGE_SIZE));
}

TEST(small_things_of_every_size_are_apart_aligned_and_zeroed)
{
	fresh();
	for (size_t size = 1; size <= ARENA_ALLOC_MAX; size += 61) {
		uint8_t *p[4];

		for (unsigned i = 0; i < 4; i++) {
			p[i] = arena_alloc(a, size);
			CHECK(p[i] && (uintptr_t)p[i] % 64 == 0);
			CHECK(is_zero(p[i], size));
			memset(p[i], (int)i + 1, size);
		}
		for (unsigned i = 0; i < 4; i++) {
			CHECK_EQ(p[i][0], i + 1);
			CHECK_EQ(p[i][size - 1], i + 1);
			arena_free(a, p[i]);
		}
		CHECK_EQ(a->page_free, PAGES - 1);
	}
}

TEST(the_same_work_any_number_of_times_leaves_the_counters_equal)
{
	void *p[200];

	fresh();
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 200; i++) {
			p[i] = arena_alloc(a, 1 + i * 7 % 300);
			CHECK(p[i]);
		}
		for (unsigned i = 0; i < 200; i++) {
			arena_free(a, p[(i * 77) % 200]);
		}
		CHECK_EQ(a->page_free, PAGES - 1);
	}
}

TEST(an_empty_arena_says_no_and_recovers)
{
	void *p[PAGES * 2];
	unsigned n = 0;

	fresh();
	while (n < PAGES * 2 && (p[n] = arena_alloc(a, ARENA_ALLOC_MAX))) {
		n++;
	}
	CHECK_EQ(n, 2 * (PAGES - 1));
	CHECK(!arena_alloc(a, 1));
	arena_free(a, p[0]);
	CHECK(arena_alloc(a, ARENA_ALLOC_MAX) == p[0]);
	CHECK(!arena_page_alloc(a));
}
