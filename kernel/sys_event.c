/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about events. */
#include "arch/x86/time/clock.h"
#include "kernel/event.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/space.h"
#include "kernel/sys.h"

static struct event *event_of(struct object *o)
{
	return container_of(o, struct event, object);
}

int64_t sys_event_create(const struct sys_args *a)
{
	struct event *e = event_create(container_of(a->object, struct process, object));
	int r;

	if (!e) {
		return E_NOMEM;
	}
	r = handle_add(a->thread->process, &e->object, RIGHT_READ | RIGHT_WRITE);
	if (r < 0) {
		event_destroy(&e->object);
	}
	return r;
}

int64_t sys_event_signal(const struct sys_args *a)
{
	event_signal(event_of(a->object));
	return OK;
}

int64_t sys_event_bind(const struct sys_args *a)
{
	if (a->arg[1] > INT64_MAX) {
		return E_INVAL;
	}
	event_bind(event_of(a->object), a->thread, a->arg[1]);
	return OK;
}

int64_t sys_event_wait(const struct sys_args *a)
{
	uint64_t key, count, deadline = a->arg[0];

	if (event_take(a->thread, &key, &count)) {
		thread_return2(a->thread, count);
		return (int64_t)key;
	}
	if (deadline <= clock_ns()) {
		return E_TIMEOUT;
	}
	a->thread->waiting = true;
	if (deadline != UINT64_MAX) {
		timer_set(&a->thread->deadline, deadline);
	}
	thread_block(a->thread);
	sched_run();
}

int64_t sys_event_timer(const struct sys_args *a)
{
	event_set_timer(event_of(a->object), a->arg[1], a->arg[2]);
	return OK;
}

int64_t sys_event_route(const struct sys_args *a)
{
	struct object *to;
	struct space *s;
	int r;

	if (a->arg[1] == SELF) {
		event_set_route(event_of(a->object), NULL, 0, 0);
		return OK;
	}
	r = handle_find(a->thread->process, a->arg[1], OBJECT_SPACE, RIGHT_WRITE, &to);
	if (r < 0) {
		return r;
	}
	s = container_of(to, struct space, object);
	if (s->kind != SPACE_GUEST || a->arg[3] > UINT32_MAX) {
		return E_INVAL;
	}
	event_set_route(event_of(a->object), s, a->arg[2], (uint32_t)a->arg[3]);
	return OK;
}
