/* SPDX-License-Identifier: Apache-2.0 */
/* Counting notifications. */
#include "kernel/event.h"
#include "arch/x86/vcpu/vm.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/space.h"
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
		list_push(t->pending.prev, &e->in_pending);
	}
	if (t->waiting) {
		t->waiting = !event_take(t, &t->frame.rax, &t->frame.rdx);
		timer_cancel(&t->deadline);
		thread_wake(t);
	}
}

void event_signal(struct event *e)
{
	ASSERT(kernel_lock_held());
	if (e->route) {
		vm_msi(e->route, e->msi_address, e->msi_data);
		return;
	}
	e->count += e->count != UINT64_MAX;
	if (e->thread) {
		offer(e);
	}
}

static void timer_fired(struct timer *t)
{
	event_signal(container_of(t, struct event, timer));
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
	list_init(&e->in_route);
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

	timer_cancel(&e->timer);
	event_unbind(e);
	list_remove(&e->in_route);
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

void event_set_route(struct event *e, struct space *s, uint64_t msi_address, uint32_t msi_data)
{
	list_remove(&e->in_route);
	e->route = s;
	e->msi_address = msi_address;
	e->msi_data = msi_data;
	if (s) {
		list_push(&s->routes, &e->in_route);
	}
}
