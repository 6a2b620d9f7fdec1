/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler as a simulation: a clock that we move, threads that compute, sleep and wake.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/sched.h"
#include "kernel/arena.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { MS = 1000000, VMS = 4 };

static struct process *vm[VMS];
static struct thread *cpu_bound[VMS];
static struct cpu *c;

static void fresh(const uint32_t weight[VMS])
{
	fake_machine(1);
	c = &cpus[0];
	for (unsigned i = 0; i < VMS; i++) {
		vm[i] = fake_process(64);
		vm[i]->weight = weight[i];
		cpu_bound[i] = thread_create(vm[i], 0x400000, 0, 0);
	}
}

/* The current thread computes until something asks for the CPU, at most until end. */
static void compute(uint64_t end)
{
	while (fake_now_ns < end && !c->need_resched) {
		fake_now_ns = fake_armed_ns < end ? (fake_armed_ns > fake_now_ns ? fake_armed_ns : fake_now_ns) : end;
		if (fake_armed_ns <= fake_now_ns) {
			fake_armed_ns = UINT64_MAX;
			timer_interrupt();
		}
	}
}

static void run_until(uint64_t end)
{
	while (fake_now_ns < end) {
		if (!c->current || c->need_resched) {
			sched_put_current(c);
			if (!sched_pick(c)) {
				fake_now_ns = fake_armed_ns < end ? fake_armed_ns : end;
				if (fake_now_ns == fake_armed_ns) {
					timer_interrupt();
				}
				continue;
			}
		}
		compute(end);
	}
	sched_charge(c);
}

static void block_current(void)
{
	c->current->state = THREAD_BLOCKED;
	sched_put_current(c);
	sched_pick(c);
}

static void check_share(const struct process *p, uint64_t total_ns, unsigned percent)
{
	uint64_t got = p->cpu_ns * 1000 / total_ns;

	CHECK(got + 5 >= percent * 10 && got <= percent * 10 + 5);
}

TEST(shares_follow_weights)
{
	static const uint32_t weight[VMS] = { 100, 200, 300, 400 };

	fresh(weight);
	run_until(10000ull * MS);
	for (unsigned i = 0; i < VMS; i++) {
		check_share(vm[i], 10000ull * MS, (i + 1) * 10);
	}
}

TEST(extreme_weights_starve_nobody)
{
	static const uint32_t weight[VMS] = { 1, 10000, 100, 100 };

	fresh(weight);
	run_until(100000ull * MS);
	CHECK(vm[0]->cpu_ns > 0);
	CHECK(vm[1]->cpu_ns > 95000ull * MS);
}

TEST(more_threads_do_not_mean_a_larger_share)
{
	static const uint32_t weight[VMS] = { 100, 100, 100, 100 };

	fresh(weight);
	for (unsigned i = 0; i < 7; i++) {
		CHECK(thread_create(vm[0], 0x400000, 0, 0));
	}
	run_until(10000ull * MS);
	for (unsigned i = 0; i < VMS; i++) {
		check_share(vm[i], 10000ull * MS, 25);
	}
	list_for_each(t, &vm[0]->threads, struct thread, in_process) {
		CHECK(t->vruntime > 250ull * MS && t->vruntime < 370ull * MS);
	}
}

TEST(the_cpu_changes_hands_within_a_slice_each)
{
	static const uint32_t weight[VMS] = { 100, 100, 100, 100 };
	uint64_t last[VMS] = { 0 };

	fresh(weight);
	for (uint64_t end = 40 * MS; end < 2000ull * MS; end += 40 * MS) {
		run_until(end);
		for (unsigned i = 0; i < VMS; i++) {
			CHECK(vm[i]->cpu_ns >= last[i] + 4 * MS);
			last[i] = vm[i]->cpu_ns;
		}
	}
}

TEST(a_thread_that_wakes_gets_in_at_once_but_has_saved_up_nothing)
{
	static const uint32_t weight[VMS] = { 100, 100, 100, 100 };
	struct process *io;
	struct thread *t;
	uint64_t before;

	fresh(weight);
	io = fake_process(64);
	t = thread_create(io, 0x400000, 0, 0);
	run_until(100 * MS);
	while (c->current != t) {
		run_until(fake_now_ns + MS);
		CHECK(fake_now_ns < 300ull * MS);
	}
	block_current();
	run_until(fake_now_ns + 5000ull * MS);
	before = io->cpu_ns;
	thread_wake(t);
	CHECK(c->need_resched);
	sched_put_current(c);
	CHECK(sched_pick(c) == t);
	/* It slept 5 s; if it computes now it gets its credit, then its share. */
	run_until(fake_now_ns + 1000ull * MS);
	CHECK(io->cpu_ns - before <= 1000ull * MS / 5 + SCHED_CREDIT_NS + 2 * SCHED_SLICE_NS);
}

TEST(sleeping_often_earns_no_more_than_the_share)
{
	static const uint32_t weight[VMS] = { 100, 100, 100, 100 };
	uint64_t start;

	fresh(weight);
	run_until(200 * MS);
	start = fake_now_ns;
	/* vm[0] computes 1 ms whenever it gets the CPU, then sleeps for 10 us: a hog in disguise. */
	while (fake_now_ns < start + 5000ull * MS) {
		if (c->current == cpu_bound[0]) {
			compute(fake_now_ns + MS);
			block_current();
			run_until(fake_now_ns + 10000);
			thread_wake(cpu_bound[0]);
		}
		if (c->need_resched) {
			sched_put_current(c);
			sched_pick(c);
		} else {
			compute(fake_now_ns + MS);
		}
	}
	CHECK(vm[0]->cpu_ns < 5200ull * MS * 40 / 100);
}

TEST(a_lone_thread_needs_no_timer)
{
	struct process *p;

	fake_machine(1);
	c = &cpus[0];
	p = fake_process(64);
	CHECK(thread_create(p, 0x400000, 0, 0));
	sched_put_current(c);
	CHECK(sched_pick(c));
	CHECK(!heap_queued(&c->rq.slice.node));
	CHECK(thread_create(p, 0x400000, 0, 0));
	CHECK(heap_queued(&c->rq.slice.node));
}

TEST(stopped_threads_never_come_back)
{
	static const uint32_t weight[VMS] = { 100, 100, 100, 100 };
	struct process *other;

	fresh(weight);
	other = fake_process(64);
	CHECK(thread_create(other, 0x400000, 0, 0));
	run_until(100 * MS);
	for (unsigned i = 1; i < VMS; i++) {
		process_end(vm[i], PROCESS_KILLED, 0);
		thread_wake(cpu_bound[i]);
		CHECK_EQ(cpu_bound[i]->state, THREAD_DEAD);
	}
	c->need_resched = 1;
	run_until(300 * MS);
	CHECK(c->current == cpu_bound[0] || c->current->process == other);
	CHECK_EQ(c->rq.queued, 1);
}

/* ---- processes ---- */

static unsigned alive(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OBJECT_TYPE_COUNT; i++) {
		n += object_count[i];
	}
	return n;
}

/* What init does for a VM, and then takes it all back. */
static void life_of_a_vm(struct process *init, struct region *arena, struct region *ram, struct event *ended)
{
	struct process *p;
	struct space *guest;
	struct event *e;

	p = process_create(arena->base, arena->size / PAGE_SIZE, arena);
	CHECK(handle_add(init, &p->object, RIGHT_ALL) >= 0);
	CHECK(handle_add(p, &ram->object, RIGHT_READ | RIGHT_WRITE) >= 0);
	CHECK(space_map(p->space, 0x10000000, ram, 0, ram->size, PROT_R | PROT_W) > 0);
	guest = space_create(p, OBJECT_GUEST);
	CHECK(guest);
	CHECK(space_map(guest, 0, ram, 0, ram->size, PROT_R | PROT_W | PROT_X) > 0);
	e = event_create(p);
	CHECK(handle_add(init, &e->object, RIGHT_WRITE) >= 0);
	event_bind(e, thread_create(p, 0x400000, 0, 0), 1);
	timer_set(&e->timer, 1000);
	event_ref_set(&p->notify, ended);
	process_fault(p, 14, 4, 0x401234, 0x88);
	CHECK_EQ(p->end, PROCESS_FAULTED);
	CHECK_EQ(ended->count, 1);
	ended->count = 0;
	while (process_destroy(p) == E_AGAIN) {
	}
	CHECK(!arena->arena_of && !region_is_clean(arena));
	CHECK(list_empty(&ram->mappings));
}

TEST(two_hundred_lives_leave_no_trace)
{
	struct process *init;
	struct region *arena, *ram;
	struct event *ended;
	uint64_t pages, handles;
	unsigned objects;

	fake_machine(1);
	init = fake_process(128);
	arena = fake_region(init, 64, false);
	ram = fake_region(init, 128, true);
	ended = event_create(init);
	life_of_a_vm(init, arena, ram, ended);
	pages = init->arena->page_free;
	handles = init->handles.count;
	objects = alive();
	for (unsigned i = 0; i < 200; i++) {
		life_of_a_vm(init, arena, ram, ended);
		CHECK_EQ(init->arena->page_free, pages);
		CHECK_EQ(init->handles.count, handles);
		CHECK_EQ(alive(), objects);
		CHECK_EQ(cpus[0].rq.queued, 0);
		CHECK(!cpus[0].rq.groups.root);
	}
	CHECK(!cpus[0].timers.root);
}
