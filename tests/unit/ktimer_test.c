/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel timers, and events with their timers.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/event.h"
#include "kernel/space.h"
#include "kernel/timer.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { TIMERS = 100 };

static struct timer timer[TIMERS];
static unsigned fired, order[4 * TIMERS];

static void note(struct timer *t)
{
	order[fired++] = (unsigned)(t - timer);
}

static void again(struct timer *t)
{
	note(t);
	timer_set(t, t->node.key + 10);
}

static void fresh(void)
{
	fake_machine(1);
	memset(timer, 0, sizeof(timer));
	fired = 0;
	for (unsigned i = 0; i < TIMERS; i++) {
		timer[i].fn = note;
	}
}

static void at(uint64_t now)
{
	fake_now_ns = now;
	timer_interrupt();
}

TEST(the_hardware_is_armed_for_the_earliest)
{
	fresh();
	timer_set(&timer[0], 500);
	CHECK_EQ(fake_armed_ns, 500);
	timer_set(&timer[1], 900);
	CHECK_EQ(fake_armed_ns, 500);
	timer_set(&timer[2], 200);
	CHECK_EQ(fake_armed_ns, 200);
	at(200);
	CHECK_EQ(fired, 1);
	CHECK_EQ(order[0], 2);
	CHECK_EQ(fake_armed_ns, 500);
	CHECK(!heap_queued(&timer[2].node) && heap_queued(&timer[0].node));
}

TEST(what_is_due_fires_in_order_and_nothing_else)
{
	fresh();
	for (unsigned i = 0; i < 50; i++) {
		timer_set(&timer[i], 1000 - i * 10);
	}
	at(700);
	CHECK_EQ(fired, 20);
	for (unsigned i = 0; i < fired; i++) {
		CHECK_EQ(order[i], 49 - i);
	}
}

TEST(a_cancelled_or_moved_timer_does_not_fire_at_its_old_time)
{
	fresh();
	timer_set(&timer[0], 100);
	timer_set(&timer[1], 100);
	timer_set(&timer[2], 100);
	timer_cancel(&timer[0]);
	timer_cancel(&timer[0]);
	timer_set(&timer[1], 300);
	at(200);
	CHECK_EQ(fired, 1);
	CHECK_EQ(order[0], 2);
	at(300);
	CHECK_EQ(fired, 2);
	CHECK_EQ(order[1], 1);
}

TEST(an_early_interrupt_arms_again)
{
	fresh();
	timer_set(&timer[0], 1000);
	fake_armed_ns = 0;
	at(400);
	CHECK_EQ(fired, 0);
	CHECK_EQ(fake_armed_ns, 1000);
}

TEST(one_interrupt_does_bounded_work)
{
	fresh();
	for (unsigned i = 0; i < TIMERS; i++) {
		timer_set(&timer[i], 100);
	}
	timer[0].fn = again;
	at(1000000);
	CHECK_EQ(fired, TIMER_BATCH);
	CHECK(fake_armed_ns <= fake_now_ns);
	at(1000000);
	CHECK_EQ(fired, 2 * TIMER_BATCH);
}

/* ---- events ---- */

static struct process *p;
static struct thread *t;
static struct event *e;

static void fresh_events(void)
{
	fake_machine(1);
	p = fake_process(64);
	t = thread_create(p, 0x400000, 0, 0);
	e = event_create(p);
}

TEST(routed_signals_are_messages_until_the_guest_or_the_event_is_gone)
{
	struct space *guest;
	unsigned before;

	fresh_events();
	before = fake_messages;
	guest = space_create(p, OBJECT_GUEST);
	event_set_route(e, guest, 0xfee00000, 0x41);
	event_set_route(event_create(p), guest, 0xfee00000, 0x42);
	event_bind(e, t, 1);
	event_signal(e);
	CHECK_EQ(fake_messages, before + 1);
	CHECK_EQ(e->count, 0);
	event_set_route(e, NULL, 0, 0);
	event_signal(e);
	CHECK_EQ(e->count, 1);
	event_set_route(e, guest, 0xfee00000, 0x41);
	object_destroy(&guest->object);
	event_signal(e);
	CHECK_EQ(fake_messages, before + 1);
	CHECK_EQ(e->count, 2);
	guest = space_create(p, OBJECT_GUEST);
	event_set_route(e, guest, 0xfee00000, 0x41);
	object_destroy(&e->object);
	CHECK(list_empty(&guest->routes));
}

TEST(signals_are_counted_until_somebody_takes_them)
{
	uint64_t key, count;

	fresh_events();
	CHECK(!event_take(t, &key, &count));
	event_signal(e);
	event_signal(e);
	CHECK(!event_take(t, &key, &count));
	event_bind(e, t, 77);
	event_signal(e);
	CHECK(event_take(t, &key, &count));
	CHECK_EQ(key, 77);
	CHECK_EQ(count, 3);
	CHECK(!event_take(t, &key, &count));
}

TEST(events_come_in_the_order_of_their_first_signal)
{
	struct event *f;
	uint64_t key, count;

	fresh_events();
	f = event_create(p);
	event_bind(e, t, 1);
	event_bind(f, t, 2);
	event_signal(f);
	event_signal(e);
	event_signal(f);
	CHECK(event_take(t, &key, &count));
	CHECK_EQ(key, 2);
	CHECK_EQ(count, 2);
	CHECK(event_take(t, &key, &count));
	CHECK_EQ(key, 1);
}

TEST(binding_to_another_thread_moves_what_is_pending)
{
	struct thread *u;
	uint64_t key, count;

	fresh_events();
	u = thread_create(p, 0x400000, 0, 0);
	event_bind(e, t, 1);
	event_signal(e);
	event_bind(e, u, 2);
	CHECK(!event_take(t, &key, &count));
	CHECK(event_take(u, &key, &count));
	CHECK_EQ(key, 2);
}

TEST(a_waiting_thread_gets_the_event_and_runs)
{
	fresh_events();
	event_bind(e, t, 5);
	sched_dequeue(t);
	t->state = THREAD_BLOCKED;
	t->waiting = true;
	timer_set(&t->deadline, 1000);
	event_signal(e);
	CHECK_EQ(t->state, THREAD_RUNNABLE);
	CHECK_EQ(t->frame.rax, 5);
	CHECK_EQ(t->frame.rdx, 1);
	CHECK(!heap_queued(&t->deadline.node) && !t->waiting);
	event_signal(e);
	CHECK_EQ(e->count, 1);
}

TEST(a_deadline_ends_the_wait)
{
	fresh_events();
	event_bind(e, t, 5);
	sched_dequeue(t);
	t->state = THREAD_BLOCKED;
	t->waiting = true;
	timer_set(&t->deadline, 1000);
	at(1000);
	CHECK_EQ(t->state, THREAD_RUNNABLE);
	CHECK_EQ((int64_t)t->frame.rax, E_TIMEOUT);
}

TEST(a_timer_signals_once_and_can_be_put_off)
{
	fresh_events();
	timer_set(&e->timer, 1000);
	timer_set(&e->timer, 2000);
	at(1500);
	CHECK_EQ(e->count, 0);
	at(2000);
	at(5000);
	CHECK_EQ(e->count, 1);
	timer_set(&e->timer, 6000);
	timer_cancel(&e->timer);
	at(7000);
	CHECK_EQ(e->count, 1);
}

TEST(the_end_of_an_event_leaves_nothing_that_points_to_it)
{
	struct event_ref ref = { 0 };
	uint64_t key, count;

	fresh_events();
	event_bind(e, t, 1);
	event_signal(e);
	event_ref_set(&ref, e);
	timer_set(&e->timer, 1000);
	object_destroy(&e->object);
	CHECK(!ref.event);
	event_ref_signal(&ref);
	CHECK(!event_take(t, &key, &count));
	CHECK(list_empty(&t->events));
	at(2000);
}
