/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares over all CPUs, simulated: virtual machines that compute, start, end and sleep; pinned and with weights. What each has had
 * in every two seconds is held against what is its due: as much as its weight says, as far as it can use it where it may run. And
nobody is moved from CPU to CPU more than that needs.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/sched.h"
#include <stdio.h>

#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { US = 1000, MS = 1000 * US, VMS = 32, WINDOW_MS = 2000, WINDOWS = 5, SETTLE_MS = 2000,
       OFF = 50, MOVES = 60 };

/* So many VMs of one kind; CPU time in 1/1000 of a CPU. */
struct kind {
	uint32_t count, due, weight, cpus;        /* weight 0: 100; cpus 0: all                    */
	uint32_t begin_ms, end_ms;                /* end 0: never                                  */
	uint32_t burst_us, sleep_us;              /* computes for so long, then sleeps; 0: never   */
};

struct mix {
	const char *what;
	uint32_t cpus, from_ms;                   /* when counting begins, and a little later      */
	struct kind kind[6];
};

struct vm {
	const struct kind *kind;
	struct process *process;
	struct thread *thread;
	uint64_t sleep_at_ns;                     /* of its CPU time                               */
	uint64_t wake_ns;                         /* sleeps until then; 0: does not                */
	uint64_t before_ns;
	const struct cpu *cpu;                    /* where it was last seen                        */
};

static unsigned moves;

static struct vm vms[VMS];
static uint32_t vm_count;

/* What this CPU does when it is interrupted: its timer, then its queue. */
static void look(uint32_t id)
{
	struct cpu *c = &cpus[id];

	fake_become_cpu(id);
	if (fake_armed[id] <= fake_now_ns) {
		fake_armed[id] = UINT64_MAX;
		timer_interrupt();
	}
	if (!c->current || c->need_resched) {
		sched_put_current(c);
		(void)sched_pick(c);
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Who sleeps for long wakes by a clock, who sleeps for short some time after. */
static void go_to_sleep(struct vm *v)
{
	uint64_t period = (v->kind->burst_us + v->kind->sleep_us) * 1ull * US;
	struct cpu *c = v->thread->cpu;

	v->sleep_at_ns = v->process->cpu_ns + v->kind->burst_us * 1ull * US;
	if (v->kind->sleep_us > v->kind->burst_us) {
		v->wake_ns = (fake_now_ns / period + 1) * period;
	} else {
		v->wake_ns = fake_now_ns + v->kind->sleep_us * 1ull * US;
	}
	fake_become_cpu(c->id);
	v->thread->state = THREAD_BLOCKED;
	sched_put_current(c);
	(void)sched_pick(c);
}

/* Begins, ends, wakes or puts to sleep whoever is due, and tells when the next one will be. */
static uint64_t live(struct vm *v)
{
	uint64_t next = UINT64_MAX;

	if (v->thread && v->thread->cpu != v->cpu) {
		v->cpu = v->thread->cpu;
		moves++;
	}
	if (!v->thread) {
		next = v->kind->begin_ms * 1ull * MS;
		if (fake_now_ns >= next) {
			fake_become_cpu(0);
			v->thread = thread_create(v->process, 0x400000, 0, 0);
			next = UINT64_MAX;
		}
	} else if (v->kind->end_ms && !v->process->end) {
		next = v->kind->end_ms * 1ull * MS;
		if (fake_now_ns >= next) {
			fake_become_cpu(0);
			process_end(v->process, PROCESS_KILLED, 0);
		}
	}
	if (v->wake_ns && fake_now_ns >= v->wake_ns) {
		v->wake_ns = 0;
		fake_become_cpu(0);
		thread_wake(v->thread);
	}
	if (v->kind->burst_us && v->thread && v->thread->state == THREAD_RUNNING) {
		sched_charge(v->thread->cpu);
		if (v->process->cpu_ns >= v->sleep_at_ns) {
			go_to_sleep(v);
			return fake_now_ns;          /* somebody else runs now: he must be asked, too */
		} else {
			next = earlier(next, fake_now_ns + v->sleep_at_ns - v->process->cpu_ns);
		}
	}
	return v->wake_ns ? earlier(next, v->wake_ns) : next;
}

/* Everything that is to happen now; tells when something will again. */
static uint64_t pass(uint64_t end)
{
	uint64_t next = end;

	for (uint32_t i = 0; i < cpu_count; i++) {
		look(i);
	}
	for (uint32_t i = 0; i < vm_count; i++) {
		next = earlier(next, live(&vms[i]));
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		bool again = cpus[i].need_resched || (!cpus[i].current && cpus[i].rq.queued);

		next = earlier(next, again ? fake_now_ns : fake_armed[i]);
	}
	return next;
}

static void run_until(uint64_t end)
{
	while (fake_now_ns < end) {
		uint64_t next = pass(end);

		fake_now_ns = next > fake_now_ns ? next : fake_now_ns + 1;
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		sched_charge(&cpus[i]);
	}
}

static void set_up(const struct mix *m)
{
	fake_machine(m->cpus);
	memset(vms, 0, sizeof(vms));
	vm_count = 0;
	for (unsigned k = 0; k < ARRAY_SIZE(m->kind); k++) {
		for (unsigned i = 0; i < m->kind[k].count; i++) {
			struct vm *v = &vms[vm_count++];

			CHECK(vm_count <= VMS);
			v->kind = &m->kind[k];
			v->process = fake_process(64);
			v->process->weight = v->kind->weight ? v->kind->weight : 100;
			v->process->cpus = v->kind->cpus ? v->kind->cpus : v->process->cpus;
			v->sleep_at_ns = v->kind->burst_us * 1ull * US;
		}
	}
}

/* What one window was off at worst, in 1/1000 of the due; a slice of 5 ms more or less is nobody's fault. */
static uint32_t judge(const struct mix *m, unsigned window)
{
	uint32_t worst = 0;

	for (uint32_t i = 0; i < vm_count; i++) {
		struct vm *v = &vms[i];
		int64_t due = v->kind->due * (int64_t)WINDOW_MS * US, got = (int64_t)(v->process->cpu_ns - v->before_ns);
		int64_t off = (got > due ? got - due : due - got) - SCHED_SLICE_NS;
		uint32_t part = due && off > 0 ? (uint32_t)(off * 1000 / due) : 0;

		v->before_ns = v->process->cpu_ns;
		worst = part > worst ? part : worst;
		if (part > OFF) {
			printf("# %s, window %u: vm %u had %lld ms, due %lld\n", m->what, window, i, (long long)got / MS,
			       (long long)due / MS);
		}
	}
	return worst;
}

static const struct mix mixes[] = {
	{ "sixteen on two", 2, 0, { { .count = 16, .due = 125 } } },
	{ "sixteen on two, one after the other", 2, 800, {
		{ .count = 4, .due = 125 }, { .count = 4, .due = 125, .begin_ms = 130 }, { .count = 3, .due = 125, .begin_ms = 310 },
		{ .count = 5, .due = 125, .begin_ms = 700 } } },
	{ "fifteen on two", 2, 0, { { .count = 15, .due = 133 } } },
	{ "three on two", 2, 0, { { .count = 3, .due = 667 } } },
	{ "three on two, light ones", 2, 0, { { .count = 3, .due = 667, .weight = 10 } } },
	{ "three on two, heavy ones", 2, 0, { { .count = 3, .due = 667, .weight = 5000 } } },
	{ "five on two", 2, 0, { { .count = 5, .due = 400 } } },
	{ "seven on four", 4, 0, { { .count = 7, .due = 571 } } },
	{ "thirty-one on four", 4, 0, { { .count = 31, .due = 129 } } },
	{ "weights", 2, 0, { { 1, .due = 800, .weight = 400 }, { .count = 2, .due = 600, .weight = 300 } } },
	{ "many weights", 2, 0, {
		{ .count = 4, .due = 50, .weight = 50 }, { .count = 4, .due = 100 }, { .count = 2, .due = 200, .weight = 200 },
		{ .count = 2, .due = 500, .weight = 500 } } },
	{ "two beside one that cannot use its share", 2, 0, {
		{ .count = 1, .due = 1000, .weight = 1000 }, { .count = 1, .due = 333 }, { .count = 1, .due = 667, .weight = 200 } } },
	{ "two pinned, one pinned, one free", 2, 0, {
		{ .count = 2, .due = 500, .cpus = 1 }, { .count = 1, .due = 500, .cpus = 2 }, { .count = 1, .due = 500 } } },
	{ "two pinned, one pinned for long, then a free one", 2, 10200, {
		{ .count = 2, .due = 500, .cpus = 1 }, { .count = 1, .due = 500, .cpus = 2 },
		{ .count = 1, .due = 500, .begin_ms = 10000 } } },
	{ "three pinned, one pinned, one free", 2, 0, {
		{ .count = 3, .due = 333, .cpus = 1 }, { .count = 1, .due = 500, .cpus = 2 }, { .count = 1, .due = 500 } } },
	{ "two pinned, three free", 2, 0, { { .count = 2, .due = 400, .cpus = 1 }, { .count = 3, .due = 400 } } },
	{ "two sets of CPUs", 4, 0, { { .count = 5, .due = 400, .cpus = 3 }, { .count = 3, .due = 667, .cpus = 0xc } } },
	{ "two sets of CPUs and one free", 4, 0, {
		{ .count = 5, .due = 400, .cpus = 3 }, { .count = 3, .due = 500, .cpus = 0xc }, { .count = 1, .due = 500 } } },
	{ "crowded for long, then most of the crowd ends", 2, 31000, {
		{ .count = 1, .due = 667, .cpus = 1 }, { .count = 2, .cpus = 1, .end_ms = 30000 }, { .count = 1, .due = 667, .cpus = 2 },
		{ .count = 1, .due = 667 } } },
	{ "sixteen on two that tick", 2, 0, { { .count = 16, .due = 125, .burst_us = 3900, .sleep_us = 20 } } },
	{ "five on two that tick", 2, 0, { { .count = 5, .due = 400, .burst_us = 3900, .sleep_us = 20 } } },
	{ "three on two that tick", 2, 0, { { .count = 3, .due = 667, .burst_us = 990, .sleep_us = 10 } } },
	{ "five on two and sleepers", 2, 0, {
		{ .count = 5, .due = 360 }, { .count = 2, .due = 100, .burst_us = 100, .sleep_us = 900 } } },
};

/* Each sleep lets a CPU take somebody from another. */
static bool anybody_sleeps(void)
{
	bool sleeps = false;

	for (uint32_t i = 0; i < vm_count; i++) {
		sleeps = sleeps || vms[i].kind->sleep_us;
	}
	return sleeps;
}

TEST(each_two_seconds_everybody_has_its_due)
{
	unsigned bad = 0;

	for (unsigned k = 0; k < ARRAY_SIZE(mixes); k++) {
		const struct mix *m = &mixes[k];
		uint64_t at = m->from_ms + SETTLE_MS;
		uint32_t worst = 0;

		set_up(m);
		run_until(at * MS);
		for (uint32_t i = 0; i < vm_count; i++) {
			vms[i].before_ns = vms[i].process->cpu_ns;
		}
		moves = 0;
		for (unsigned w = 0; w < WINDOWS; w++) {
			uint32_t off;

			run_until((at += WINDOW_MS) * MS);
			off = judge(m, w);
			worst = off > worst ? off : worst;
		}
		moves = moves * 1000 / (WINDOWS * WINDOW_MS);
		printf("# %s: at most %u/1000 off, %u moves per second\n", m->what, worst, moves);
		bad += worst > OFF || (!anybody_sleeps() && moves > MOVES);
	}
	CHECK_EQ(bad, 0);
}
