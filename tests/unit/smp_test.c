/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads on several CPUs, simulated: where they run, who moves, and that shares follow weights over the whole machine.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/sched.h"
#include <stdio.h>

#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { MS = 1000000, VMS = 8 };

static struct process *vm[VMS];

static struct thread *spawn(struct process *p)
{
	struct thread *t = thread_create(p, 0x400000, 0, 0);

	CHECK(t);
	return t;
}

static void fresh(uint32_t cpu_total)
{
	fake_machine(cpu_total);
	for (unsigned i = 0; i < VMS; i++) {
		vm[i] = fake_process(64);
	}
}

/* What this CPU does when it is interrupted: its timer, then its queue. */
static void look(uint32_t id)
{
	struct cpu *c = &cpus[id];

	fake_become_cpu(id);
	if (fake_armed_ns <= fake_now_ns) {
		fake_armed_ns = UINT64_MAX;
		timer_interrupt();
	}
	if (!c->current || c->need_resched) {
		sched_put_current(c);
		(void)sched_pick(c);
	}
}

static void look_all(void)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < cpu_count; i++) {
			look(i);
		}
	}
	fake_become_cpu(0);
}

/* All threads that run compute until end; timers fire when they are due. */
static void run_until(uint64_t end)
{
	while (fake_now_ns < end) {
		uint64_t next = end;

		look_all();
		for (uint32_t i = 0; i < cpu_count; i++) {
			next = fake_armed[i] < next ? fake_armed[i] : next;
		}
		fake_now_ns = next > fake_now_ns ? next : fake_now_ns + 1;
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		sched_charge(&cpus[i]);
	}
}

static void block(struct thread *t)
{
	struct cpu *c = t->cpu;

	CHECK(c->current == t);
	fake_become_cpu(c->id);
	t->state = THREAD_BLOCKED;
	sched_put_current(c);
	(void)sched_pick(c);
	fake_become_cpu(0);
}

/* ---- where threads go ---- */

TEST(new_threads_spread_over_idle_cpus)
{
	fresh(4);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(spawn(vm[i])->cpu->id, i);
	}
	CHECK_EQ(fake_kicks[0], 0);
	CHECK_EQ(fake_kicks[3], 1);
	look_all();
	for (unsigned i = 0; i < 4; i++) {
		CHECK(cpus[i].current);
		CHECK_EQ(cpus[i].rq.queued, 0);
	}
}

TEST(a_thread_wakes_where_it_was_if_that_is_idle_else_where_one_is)
{
	struct thread *a, *b;

	fresh(3);
	a = spawn(vm[0]);
	b = spawn(vm[1]);
	look_all();
	block(b);
	thread_wake(b);
	CHECK_EQ(b->cpu->id, 1);
	look_all();
	block(b);
	CHECK_EQ(spawn(vm[2])->cpu->id, 1);
	look_all();
	thread_wake(b);
	CHECK_EQ(b->cpu->id, 2);
	CHECK_EQ(a->cpu->id, 0);
}

TEST(a_wake_on_a_busy_cpu_asks_it_to_look)
{
	struct thread *t;

	fresh(2);
	t = spawn(vm[0]);
	look_all();
	block(t);
	spawn(vm[1]);
	spawn(vm[2]);
	look_all();
	run_until(100 * MS);
	t->cpus = 1 << 1;
	t->cpu = &cpus[1];
	fake_kicks[1] = 0;
	thread_wake(t);
	CHECK_EQ(fake_kicks[1], 1);
	CHECK(cpus[1].need_resched);
	look(1);
	CHECK(cpus[1].current == t);
}

TEST(an_idle_cpu_takes_who_waits_elsewhere)
{
	struct thread *t[3];

	fresh(2);
	for (unsigned i = 0; i < 3; i++) {
		t[i] = spawn(vm[i]);
	}
	look_all();
	CHECK_EQ(cpus[0].rq.queued + cpus[1].rq.queued, 1);
	block(cpus[1].current);
	look_all();
	CHECK(cpus[0].current && cpus[1].current);
	CHECK_EQ(cpus[0].rq.queued + cpus[1].rq.queued, t[0]->state == THREAD_BLOCKED || t[1]->state == THREAD_BLOCKED ? 0 : 1);
}

/* The waiting thread is a sibling of the one that runs: its group is in no heap. */
TEST(an_idle_cpu_takes_a_sibling_too)
{
	struct thread *t;

	fresh(2);
	vm[0]->cpus = 1;
	spawn(vm[0]);
	look_all();
	t = spawn(vm[0]);
	look_all();
	CHECK_EQ(cpus[0].rq.queued, 1);
	CHECK(!cpus[1].current);
	t->cpus = 3;
	look(1);
	CHECK(cpus[1].current && cpus[0].current && cpus[1].current != cpus[0].current);
	CHECK_EQ(cpus[0].rq.queued, 0);
}

TEST(a_pinned_process_stays_and_moves_when_told)
{
	struct thread *t;

	fresh(4);
	for (unsigned i = 0; i < 4; i++) {
		spawn(vm[i]);
	}
	vm[4]->cpus = 1 << 2;
	t = spawn(vm[4]);
	for (unsigned i = 1; i <= 20; i++) {
		run_until(i * 10ull * MS);
		CHECK_EQ(t->cpu->id, 2);
	}
	CHECK(vm[4]->cpu_ns > 0);
	sched_set_cpus(t, 1 << 1);
	run_until(300ull * MS);
	CHECK_EQ(t->cpu->id, 1);
	run_until(400ull * MS);
	CHECK_EQ(t->cpu->id, 1);
}

/* The other two of the process compete for the rest, and an idle CPU takes the one of two that may come. */
TEST(pinned_threads_of_one_process_stay_apart)
{
	struct thread *t[3];

	fresh(4);
	for (unsigned i = 0; i < 3; i++) {
		t[i] = spawn(vm[0]);
	}
	sched_set_cpus(t[0], 1 << 3);
	sched_set_cpus(t[1], 1 << 3);
	sched_set_cpus(t[2], 1 << 3 | 1 << 1);
	for (unsigned i = 1; i <= 20; i++) {
		run_until(i * 10ull * MS);
		CHECK_EQ(t[0]->cpu->id, 3);
		CHECK_EQ(t[1]->cpu->id, 3);
		CHECK_EQ(t[2]->cpu->id, 1);
	}
	CHECK(!cpus[0].current && !cpus[2].current);
	CHECK(vm[0]->cpu_ns > 380ull * MS);
	block(t[2]);
	sched_set_cpus(t[2], 1 << 2);
	thread_wake(t[2]);
	CHECK_EQ(t[2]->cpu->id, 2);
}

TEST(home_is_preferred_among_idle_cpus_and_no_more)
{
	struct thread *t, *last;

	fresh(4);
	vm[0]->home = 0xc;
	t = spawn(vm[0]);
	CHECK_EQ(t->cpu->id, 2);
	CHECK_EQ(spawn(vm[0])->cpu->id, 3);
	last = spawn(vm[0]);
	CHECK_EQ(last->cpu->id, 0);                  /* home is full */
	look(2);                                     /* as they are kicked */
	look(3);
	look(0);
	block(t);
	block(last);
	thread_wake(last);
	CHECK_EQ(last->cpu->id, 2);                  /* where it was is idle, too, but far */
	look(2);
	thread_wake(t);
	CHECK_EQ(t->cpu->id, 0);
	look(0);
	block(t);
	CHECK_EQ(spawn(vm[1])->cpu->id, 0);
	CHECK_EQ(spawn(vm[2])->cpu->id, 1);
	look_all();
	thread_wake(t);
	CHECK_EQ(t->cpu->id, 0);                     /* nobody is idle: it waits where it was */
}

/* ---- shares ---- */

struct mix {
	const char *what;
	uint32_t cpus;
	struct { uint32_t weight, threads; } vm[VMS];
};

static const struct mix mixes[] = {
	{ "three on two", 2, { { 100, 1 }, { 100, 1 }, { 100, 1 } } },
	{ "no exact partition", 2, { { 400, 1 }, { 300, 1 }, { 300, 1 } } },
	{ "exact partition", 2, { { 100, 1 }, { 200, 1 }, { 300, 1 }, { 400, 1 } } },
	{ "five on two", 2, { { 100, 1 }, { 100, 1 }, { 100, 1 }, { 100, 1 }, { 100, 1 } } },
	{ "one cannot use its share", 2, { { 1000, 1 }, { 100, 1 }, { 200, 1 } } },
	{ "heavy weights", 2, { { 5000, 1 }, { 5000, 1 }, { 5000, 1 } } },
	{ "seven on four", 4, { { 100, 1 }, { 100, 1 }, { 100, 1 }, { 100, 1 }, { 100, 1 }, { 100, 1 }, { 100, 1 } } },
	{ "four threads against one", 2, { { 100, 4 }, { 100, 1 } } },
	{ "two threads each", 2, { { 100, 2 }, { 300, 2 } } },
	{ "threads and weights", 4, { { 100, 4 }, { 200, 2 }, { 300, 1 }, { 100, 2 } } },
};

/* Each VM's due in 1/1000 of a CPU: by weight, but no thread can have more than one CPU, and what is left goes to others. */
static void dues(const struct mix *m, uint64_t due[VMS])
{
	uint64_t left = m->cpus * 1000ull, weights = 0;
	bool capped[VMS] = { false }, again = true;

	for (unsigned i = 0; i < VMS; i++) {
		weights += m->vm[i].threads ? m->vm[i].weight : 0;
	}
	while (again) {
		again = false;
		for (unsigned i = 0; i < VMS && !again; i++) {
			uint64_t most = m->vm[i].threads * 1000ull;

			if (most && !capped[i] && left * m->vm[i].weight / weights > most) {
				capped[i] = again = true;
				due[i] = most;
				left -= most;
				weights -= m->vm[i].weight;
			}
		}
	}
	for (unsigned i = 0; i < VMS; i++) {
		if (m->vm[i].threads && !capped[i]) {
			due[i] = left * m->vm[i].weight / weights;
		}
	}
}

TEST(shares_follow_weights_over_all_cpus)
{
	for (unsigned k = 0; k < ARRAY_SIZE(mixes); k++) {
		const struct mix *m = &mixes[k];
		uint64_t due[VMS] = { 0 };

		fresh(m->cpus);
		for (unsigned i = 0; i < VMS; i++) {
			vm[i]->weight = m->vm[i].weight ? m->vm[i].weight : 100;
			for (unsigned t = 0; t < m->vm[i].threads; t++) {
				spawn(vm[i]);
			}
		}
		dues(m, due);
		run_until(10000ull * MS);
		for (unsigned i = 0; i < VMS; i++) {
			uint64_t got = vm[i]->cpu_ns / (10ull * MS);

			if (got * 10 < due[i] * 9 || got * 10 > due[i] * 11 + 10) {
				printf("# %s: vm %u had %llu, due %llu\n", m->what, i, (unsigned long long)got,
				       (unsigned long long)due[i]);
			}
			CHECK(got * 10 >= due[i] * 9 && got * 10 <= due[i] * 11 + 10);
		}
	}
}

/* No thread is forgotten for long, whatever moves. */
TEST(every_thread_runs_again_and_again)
{
	uint64_t last[VMS] = { 0 };

	fresh(2);
	for (unsigned i = 0; i < VMS; i++) {
		spawn(vm[i]);
	}
	for (uint64_t end = 100ull * MS; end < 5000ull * MS; end += 100ull * MS) {
		run_until(end);
		for (unsigned i = 0; i < VMS; i++) {
			CHECK(vm[i]->cpu_ns > last[i]);
			last[i] = vm[i]->cpu_ns;
		}
	}
}

/* Alone for long, a thread is not in debt to one that comes later. */
TEST(who_computed_alone_owes_nothing)
{
	uint64_t before;

	fresh(1);
	spawn(vm[0]);
	run_until(5000ull * MS);
	before = vm[0]->cpu_ns;
	spawn(vm[1]);
	run_until(6000ull * MS);
	CHECK(vm[0]->cpu_ns - before > 450ull * MS);
}

/* ---- ends ---- */

TEST(a_process_that_runs_elsewhere_goes_when_it_is_off_the_cpu)
{
	struct process *p;
	struct region *arena;

	fresh(2);
	spawn(vm[0]);
	arena = fake_region(vm[0], 64, false);
	p = process_create(arena->base, arena->size / PAGE_SIZE, arena);
	spawn(p);
	look_all();
	CHECK(cpus[1].current && cpus[1].current->process == p);
	fake_kicks[1] = 0;
	CHECK_EQ(process_destroy(p), E_AGAIN);
	CHECK_EQ(process_destroy(p), E_AGAIN);
	CHECK_EQ(fake_kicks[1], 1);
	look(1);
	CHECK(!cpus[1].current);
	fake_become_cpu(0);
	for (unsigned i = 0; i < 10 && process_destroy(p) == E_AGAIN; i++) {
		fake_become_cpu(1);
		tlb_cpu_pass();
		fake_become_cpu(0);
	}
	CHECK(!arena->arena_of);
}

/* ---- timers ---- */

static unsigned fired;

static void count(struct timer *t)
{
	(void)t;
	fired++;
}

TEST(a_timer_is_cancelled_by_another_cpu_and_brought_along)
{
	struct timer a = { .fn = count }, b = { .fn = count };

	fresh(2);
	fired = 0;
	timer_set(&a, 1000);
	timer_set(&b, 2000);
	fake_become_cpu(1);
	timer_cancel(&a);
	CHECK(!heap_queued(&a.node));
	timer_bring(&b, cpu_this());
	CHECK(b.cpu == &cpus[1]);
	CHECK_EQ(fake_armed_ns, 2000);
	CHECK(!cpus[0].timers.root);
	CHECK_EQ(cpus[0].timer_lock.next, cpus[0].timer_lock.serving);
	CHECK_EQ(cpus[1].timer_lock.next, cpus[1].timer_lock.serving);
	fake_now_ns = 2000;
	fake_become_cpu(0);
	timer_interrupt();
	CHECK_EQ(fired, 0);
	fake_become_cpu(1);
	timer_interrupt();
	CHECK_EQ(fired, 1);
}

/* ---- the heap's order of visiting ---- */

TEST(all_nodes_of_a_heap_are_seen_once)
{
	struct heap h = { NULL };
	struct heap_node n[50];
	unsigned seen = 0, sum = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(n); i++) {
		heap_insert(&h, &n[i], i * 7919 % 101);
	}
	for (struct heap_node *at = h.root; at; at = heap_next(at)) {
		seen++;
		sum += (unsigned)(at - n);
	}
	CHECK_EQ(seen, ARRAY_SIZE(n));
	CHECK_EQ(sum, ARRAY_SIZE(n) * (ARRAY_SIZE(n) - 1) / 2);
}
