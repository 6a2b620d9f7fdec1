/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What init tells of the kernel's counters and trace. Kernel and log are fakes.
 * sources: tests/fake/init_log.c
 */
#include "init/inventory.h"
#include "lib/user/sys.h"

static struct machine_stats stats;
static struct trace_record ring[256];
static unsigned written, taken;
static int64_t fake_trace(struct trace_record *out, size_t bytes);
static uint64_t fake_clock(uint64_t *tsc_khz);

#define sys_stats(machine, out, bytes) (*(out) = stats, (int)(bytes))
#define sys_trace(machine, out, bytes) fake_trace(out, bytes)
#define sys_clock(tsc_khz) fake_clock(tsc_khz)
#define __builtin_ia32_rdtsc() 1000000000ull

#include "init/counters.c"

#include <stdio.h>

#include "tests/fake/init_log.h"
#include "tests/unit/check.h"

static bool tracing;

unsigned cpus_online = 2;

static uint64_t fake_clock(uint64_t *tsc_khz)
{
	*tsc_khz = 1000000;
	return 12345678000;
}

static void record(uint64_t tsc, uint32_t kind, uint64_t a, uint64_t b)
{
	ring[written++ % ARRAY_SIZE(ring)] = (struct trace_record){ .tsc = tsc, .kind = kind, .a = a, .b = b };
}

/* As the kernel does it: the call itself is in the ring before it is read. */
static int64_t fake_trace(struct trace_record *out, size_t bytes)
{
	size_t n = 0;

	if (tracing) {
		record(999999999, TRACE_SYSCALL, 1ull << 32 | SYS_TRACE, 0);
	}
	for (; taken != written && n < bytes / sizeof(*out); n++) {
		out[n] = ring[taken++ % ARRAY_SIZE(ring)];
	}
	return (int64_t)(n * sizeof(*out));
}

static void fresh(bool on)
{
	fake_logged[0] = '\0';
	written = taken = 0;
	tracing = on;
}

static unsigned lines(void)
{
	unsigned n = 0;

	for (const char *at = fake_logged; (at = strchr(at, '\n')) != NULL; at++) {
		n++;
	}
	return n;
}

TEST(the_node_in_two_lines)
{
	fresh(false);
	stats = (struct machine_stats){
		.uptime_ns = 10000000000, .idle_ns = 15250000000, .switches = 1, .preemptions = 2, .interrupts = 3,
		.syscalls = 4, .kernel_bytes = 5 << 10, .processes = 6, .threads = 7, .spaces = 8, .regions = 9,
		.vcpus = 10, .events = 11,
	};
	counters_show_node();
	CHECK_STR(fake_logged, "node: up 10000 ms, idle 76.2 %, 1 switches, 2 preemptions, 3 interrupts, 4 system calls\n"
		  "node: kernel memory 5 KiB, 6 processes, 7 threads, 8 spaces, 9 regions, 10 vCPUs, 11 events\n");
}

TEST(shares_of_any_size)
{
	CHECK_EQ(permille(5, 0), 0);
	CHECK_EQ(permille(0, 1000000), 0);
	CHECK_EQ(permille(1000000, 1000000), 1000);
	CHECK_EQ(permille(1ull << 62, 1ull << 63), 500);
}

TEST(without_trace_it_says_how)
{
	fresh(false);
	record(999000000, TRACE_IDLE, 0, 0);
	counters_show_trace();
	CHECK_EQ(lines(), 2);
	CHECK(strstr(fake_logged, "cpu 0 idle "));
	CHECK(strstr(fake_logged, "\ntrace: with the word trace on the kernel's command line"));
}

TEST(records_are_lines_with_time_and_name)
{
	fresh(true);
	record(999000000, TRACE_EXIT, 0x500000008, 0xffffffff81000000);
	record(999500000, 77, 1, 2);
	counters_show_trace();
	CHECK_STR(fake_logged, "trace:   12.344678 cpu 0 exit    0000000500000008 ffffffff81000000\n"
		  "trace:   12.345178 cpu 0 ?       0000000000000001 0000000000000002\n");
	fake_logged[0] = '\0';
	record(999600000, TRACE_IRQ, 0x20, 0);
	counters_show_trace();
	CHECK_EQ(lines(), 1);
	CHECK(strstr(fake_logged, "irq"));
}

TEST(the_last_ones_by_time_are_shown)
{
	fresh(true);
	for (unsigned i = 0; i < 100; i++) {
		record(1000 * (i * 37 % 100), TRACE_SWITCH, i * 37 % 100, 0);    /* in no order, as of several CPUs */
	}
	counters_show_trace();
	CHECK_EQ(lines(), SHOWN);
	for (unsigned i = 0; i < SHOWN; i++) {
		char word[32];

		snprintf(word, sizeof(word), "%016x 0", 100 - SHOWN + i);
		CHECK(strstr(fake_logged, word));
	}
}

TEST(a_ring_that_never_ends_does_not_hold_init)
{
	static struct latest l;

	fresh(true);
	record(1, TRACE_IDLE, 0, 0);
	written = 1u << 20;
	CHECK(collect(&l));
	CHECK(taken <= CALLS_MAX * CHUNK);
}
