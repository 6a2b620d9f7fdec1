/* SPDX-License-Identifier: Apache-2.0 */
/* Counting notifications. */
#include "kernel/event.h"
#include "arch/x86/time/clock.h"
#include "kernel/process.h"
#include "kernel/thread.h"

void event_ref_set(struct event_ref *ref, struct event *e)
{
	if (ref->event) {
		list_remove(&ref->in_event);
	}
	ref->event = e;
	if (e) {
		list_push(&e->refs, &ref->in_event);
	}
}

void event_ref_signal(struct event_ref *ref)
{
	if (ref->event) {
		event_signal(ref->event);
	}
}

bool event_take(struct thread *t, uint64_t *key, uint64_t *count)
{
	if (list_empty(&t->pending)) {
		return false;
	}

	struct event *e = list_first(&t->pending, struct event, in_pending);

	list_remove(&e->in_pending);
	*key = e->key;
	*count = e->count;
	e->count = 0;
	return true;
}

/* e has something for its thread: notes that, and ends the thread's wait. */
static void offer(struct event *e)
{
	struct thread *t = e->thread;

	if (list_empty(&e->in_pending)) {
		list_append(&t->pending, &e->in_pending);
	}
	if (t->waiting) {
		t->waiting = !event_take(t, &t->frame.rax, &t->frame.rdx);
		timer_cancel(&t->deadline);
		thread_wake(t);
	}
}

void event_signal(struct event *e)
{
	e->count += e->count != UINT64_MAX;
	if (e->thread) {
		offer(e);
	}
}

static void timer_fired(struct timer *t)
{
	struct event *e = container_of(t, struct event, timer);
	uint64_t now = clock_ns(), next;

	if (e->period_ns) {
		/* All periodic events of a process together tick no faster than one may. */
		uint64_t least = e->object.owner->periodic_count * (uint64_t)EVENT_PERIOD_MIN_NS;
		uint64_t period = e->period_ns > least ? e->period_ns : least;

		/* Ticks that nobody could have seen apart are one; a sum that would wrap is never. */
		if (__builtin_add_overflow(t->node.key, period, &next) ||
		    (next <= now && __builtin_add_overflow(now, period, &next))) {
			next = UINT64_MAX;
		}
		timer_set(t, next);
	}
	event_signal(e);
}

struct event *event_create(struct process *owner)
{
	struct event *e = object_create(OBJECT_EVENT, owner, sizeof(*e));

	if (!e) {
		return NULL;
	}
	list_init(&e->in_thread);
	list_init(&e->in_pending);
	list_init(&e->refs);
	e->timer.fn = timer_fired;
	return e;
}

void event_unbind(struct event *e)
{
	list_remove(&e->in_thread);
	list_remove(&e->in_pending);
	e->thread = NULL;
}

void event_destroy(struct object *o)
{
	struct event *e = container_of(o, struct event, object);

	event_set_timer(e, 0, 0);
	event_unbind(e);
	list_for_each(ref, &e->refs, struct event_ref, in_event) {
		event_ref_set(ref, NULL);
	}
}

void event_bind(struct event *e, struct thread *t, uint64_t key)
{
	event_unbind(e);
	e->thread = t;
	e->key = key;
	list_push(&t->events, &e->in_thread);
	if (e->count) {
		offer(e);
	}
}

void event_set_timer(struct event *e, uint64_t deadline_ns, uint64_t period_ns)
{
	struct process *p = e->object.owner;

	p->periodic_count -= e->period_ns != 0;
	e->period_ns = deadline_ns ? period_ns : 0;
	p->periodic_count += e->period_ns != 0;
	if (deadline_ns) {
		timer_set(&e->timer, deadline_ns);
	} else {
		timer_cancel(&e->timer);
	}
}
