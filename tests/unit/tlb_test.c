/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epochs of stale translations on many CPUs: nothing is reused before every CPU has flushed, in order.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "arch/x86/mm/tlb.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/arena.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { CPUS = 3, PAGES = 32 };

static struct arena *a;

static void fresh(uint32_t n)
{
	fake_machine(n);
	a = arena_init(fake_ram(PAGES), PAGES);
}

static void pass_on(uint32_t cpu)
{
	fake_become_cpu(cpu);
	tlb_cpu_pass();
	fake_become_cpu(0);
}

TEST(one_cpu_flushes_at_once_and_the_page_is_back)
{
	void *page;

	fresh(1);
	page = arena_page_alloc(a);
	tlb_retire_page(a, page);
	tlb_reap();
	CHECK_EQ(a->retired, 1);
	CHECK_EQ(fake_flushes[0], 0);
	CHECK(tlb_epoch_passed(tlb_retire_epoch()));
	CHECK_EQ(fake_flushes[0], 1);
	tlb_reap();
	CHECK_EQ(a->retired, 0);
	CHECK(arena_page_alloc(a) == page);
}

TEST(a_page_waits_for_the_last_cpu)
{
	uint64_t epoch;

	fresh(CPUS);
	tlb_retire_page(a, arena_page_alloc(a));
	epoch = tlb_retire_epoch();
	CHECK_EQ(fake_kicks[0], 0);
	CHECK_EQ(fake_kicks[1], 1);
	CHECK_EQ(fake_kicks[2], 1);
	tlb_reap();
	CHECK_EQ(a->retired, 1);
	pass_on(2);
	tlb_reap();
	CHECK(!tlb_epoch_passed(epoch));
	CHECK_EQ(a->retired, 1);
	pass_on(1);
	CHECK(tlb_epoch_passed(epoch));
	tlb_reap();
	CHECK_EQ(a->retired, 0);
}

TEST(a_flush_before_the_epoch_does_not_count_for_it)
{
	uint64_t epoch;

	fresh(2);
	tlb_retire_page(a, arena_page_alloc(a));
	pass_on(1);
	CHECK_EQ(fake_flushes[1], 0);
	epoch = tlb_retire_epoch();
	CHECK(!tlb_epoch_passed(epoch));
	pass_on(1);
	CHECK_EQ(fake_flushes[1], 1);
	CHECK(tlb_epoch_passed(epoch));
	pass_on(1);
	CHECK_EQ(fake_flushes[1], 1);
}

TEST(pages_come_back_in_the_order_of_their_epochs)
{
	fresh(2);
	tlb_retire_page(a, arena_page_alloc(a));
	tlb_retire_epoch();
	tlb_retire_page(a, arena_page_alloc(a));
	tlb_retire_page(a, arena_page_alloc(a));
	pass_on(1);
	tlb_reap();
	CHECK_EQ(a->retired, 2);
	tlb_retire_epoch();
	tlb_reap();
	CHECK_EQ(a->retired, 2);
	pass_on(1);
	tlb_reap();
	CHECK_EQ(a->retired, 0);
	CHECK_EQ(a->page_free, PAGES - 1);
}

TEST(a_retired_table_holds_no_present_entry)
{
	uint64_t *page;

	fresh(2);
	page = arena_page_alloc(a);
	memset(page, 0xff, 3 * sizeof(*page));
	tlb_retire_page(a, page);
	tlb_retire_page(a, arena_page_alloc(a));
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(page[i] & 7, 0);
	}
	tlb_retire_epoch();
	pass_on(1);
	tlb_reap();
}

TEST(unmapped_tables_of_a_space_wait_too)
{
	struct process *p;
	struct region *r;
	uint64_t before;

	fake_machine(2);
	p = fake_process(64);
	r = fake_region(p, 4, true);
	before = p->arena->page_free;
	CHECK_EQ(space_map(p->space, 0x400000, r, 0, r->size, PROT_R), r->size);
	CHECK_EQ(space_unmap(p->space, 0x400000, r->size), r->size);
	CHECK(p->arena->page_free < before);
	CHECK_EQ(p->arena->retired, 3);
	pass_on(1);
	tlb_reap();
	CHECK_EQ(p->arena->page_free, before);
}
