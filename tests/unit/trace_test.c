/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary trace ring.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/trace.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { RING = CPU_TRACE_PAGES * PAGE_SIZE / sizeof(struct trace_record) };

static struct trace_record out[2 * RING];

TEST(records_are_read_once_in_order)
{
	fake_machine(1);
	trace_write(TRACE_SWITCH, 1, 2);
	trace_write(TRACE_FAULT, 3, 4);
	CHECK_EQ(trace_read(out, 1), 1);
	CHECK_EQ(out[0].kind, TRACE_SWITCH);
	CHECK_EQ(out[0].a, 1);
	CHECK_EQ(trace_read(out, 10), 1);
	CHECK_EQ(out[0].kind, TRACE_FAULT);
	CHECK_EQ(out[0].b, 4);
	CHECK_EQ(trace_read(out, 10), 0);
}

TEST(a_slow_reader_gets_the_latest)
{
	fake_machine(1);
	for (unsigned i = 0; i < RING + 100; i++) {
		trace_write(TRACE_EXIT, i, 0);
	}
	/* The oldest may be half overwritten: they are not given out. */
	CHECK_EQ(trace_read(out, ARRAY_SIZE(out)), RING - 16);
	CHECK_EQ(out[0].a, 116);
	CHECK_EQ(out[RING - 17].a, RING + 99);
	for (unsigned i = 1; i < RING - 16; i++) {
		CHECK(out[i].tsc >= out[i - 1].tsc);
	}
}

TEST(each_cpu_has_its_own)
{
	fake_machine(2);
	trace_write(TRACE_SWITCH, 1, 0);
	fake_become_cpu(1);
	trace_write(TRACE_SWITCH, 2, 0);
	CHECK_EQ(trace_read(out, 10), 2);
	CHECK_EQ(out[0].cpu, 0);
	CHECK_EQ(out[1].cpu, 1);
	CHECK_EQ(out[1].a, 2);
}

TEST(hot_records_cost_nothing_while_off)
{
	fake_machine(1);
	trace(TRACE_EXIT, 1, 1);
	CHECK_EQ(trace_read(out, 10), 0);
	trace_on = true;
	trace(TRACE_EXIT, 1, 1);
	CHECK_EQ(trace_read(out, 10), 1);
	trace_on = false;
}
