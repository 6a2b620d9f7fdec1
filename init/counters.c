/* SPDX-License-Identifier: Apache-2.0 */
/* The node's counters and its trace; docs/console.md explains the lines. */
#include "init/counters.h"

#include <string.h>

#include "init/cpus.h"
#include "init/log.h"
#include "lib/user/sys.h"

enum {
	SHOWN = 48,                  /* records: their lines fit the ring to the console together    */
	CHUNK = 16,                  /* records that one call takes                                  */
	CALLS_MAX = 4096,            /* more than all rings hold; traced CPUs write meanwhile        */
};

struct latest {
	unsigned count;
	struct trace_record record[SHOWN];       /* by time                                          */
};

uint32_t permille(uint64_t part, uint64_t whole)
{
	return whole < 1000 ? 0 : (uint32_t)(part / (whole / 1000));
}

void counters_show_node(void)
{
	struct machine_stats s = { 0 };
	uint32_t idle;

	if (sys_stats(INIT_MACHINE, &s, sizeof(s)) < 0) {
		init_log("node: the kernel does not tell its counters");
		return;
	}
	idle = permille(s.idle_ns, s.uptime_ns * cpus_online);
	init_log("node: up %llu ms, idle %u.%u %%, %llu switches, %llu preemptions, %llu interrupts, %llu system calls",
		 (unsigned long long)(s.uptime_ns / 1000000), (unsigned)idle / 10, (unsigned)idle % 10,
		 (unsigned long long)s.switches, (unsigned long long)s.preemptions, (unsigned long long)s.interrupts,
		 (unsigned long long)s.syscalls);
	init_log("node: kernel memory %llu KiB, %u processes, %u threads, %u spaces, %u regions, %u vCPUs, %u events",
		 (unsigned long long)(s.kernel_bytes >> 10), (unsigned)s.processes, (unsigned)s.threads, (unsigned)s.spaces,
		 (unsigned)s.regions, (unsigned)s.vcpus, (unsigned)s.events);
}

/* Reading is traced as well, and would fill what is shown with itself. */
static bool by_reader(const struct trace_record *r)
{
	return r->kind == TRACE_SYSCALL && (uint32_t)r->a == SYS_TRACE;
}

/* CPUs are read one after the other, so a record may be older than what is there. */
static void keep(struct latest *l, const struct trace_record *r)
{
	unsigned at = l->count;

	while (at && l->record[at - 1].tsc > r->tsc) {
		at--;
	}
	if (l->count < SHOWN) {
		memmove(&l->record[at + 1], &l->record[at], (l->count - at) * sizeof(*r));
		l->count++;
	} else if (at) {
		memmove(&l->record[0], &l->record[1], --at * sizeof(*r));
	} else {
		return;
	}
	l->record[at] = *r;
}

/* True when the kernel traces everything: this call itself is among the records. */
static bool collect(struct latest *l)
{
	static struct trace_record chunk[CHUNK];
	bool all = false;

	for (unsigned call = 0; call < CALLS_MAX; call++) {
		int64_t bytes = sys_trace(INIT_MACHINE, chunk, sizeof(chunk));

		for (int64_t i = 0; i < bytes / (int64_t)sizeof(chunk[0]); i++) {
			if (by_reader(&chunk[i])) {
				all = true;
			} else {
				keep(l, &chunk[i]);
			}
		}
		if (bytes < (int64_t)sizeof(chunk)) {
			break;
		}
	}
	return all;
}

static void show_record(const struct trace_record *r, uint64_t now_tsc, uint64_t now_ns, uint64_t tsc_khz)
{
	static const char *const names[] = {
		[TRACE_NONE] = "none", [TRACE_SWITCH] = "switch", [TRACE_IDLE] = "idle", [TRACE_FAULT] = "fault",
		[TRACE_PROCESS] = "process", [TRACE_SYSCALL] = "syscall", [TRACE_EXIT] = "exit",
		[TRACE_IRQ] = "irq",
	};
	uint64_t us = now_ns / 1000 - (now_tsc - r->tsc) * 1000 / tsc_khz;

	init_log("trace: %4llu.%06llu cpu %u %-7s %016llx %016llx", (unsigned long long)(us / 1000000),
		 (unsigned long long)(us % 1000000), (unsigned)r->cpu,
		 r->kind < ARRAY_SIZE(names) ? names[r->kind] : "?", (unsigned long long)r->a, (unsigned long long)r->b);
}

void counters_show_trace(void)
{
	static struct latest latest;
	uint64_t tsc_khz = 0, now_ns, now_tsc;
	bool all;

	latest.count = 0;
	all = collect(&latest);
	now_ns = sys_clock(&tsc_khz);
	now_tsc = __builtin_ia32_rdtsc();
	for (unsigned i = 0; i < latest.count && tsc_khz; i++) {
		show_record(&latest.record[i], now_tsc, now_ns, tsc_khz);
	}
	if (!all) {
		init_log("trace: with the word trace on the kernel's command line there are system calls, exits, interrupts, too");
	}
}
