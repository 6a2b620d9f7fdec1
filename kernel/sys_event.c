/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about events. */
#include "arch/x86/time/clock.h"
#include "kernel/event.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/space.h"
#include "kernel/sys.h"

int sys_find_event(struct thread *t, uint64_t h, uint32_t rights, struct event **out)
{
	struct object *o;
	int r = handle_find(t->process, h, OBJECT_EVENT, rights, &o);

	if (r < 0) {
		return r;
	}
	*out = container_of(o, struct event, object);
	return OK;
}

int64_t sys_event_create(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	struct event *e;
	int r = sys_find_payer(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	e = event_create(p);
	if (!e) {
		return E_NOMEM;
	}
	r = handle_add(t->process, &e->object, RIGHT_READ | RIGHT_WRITE);
	if (r < 0) {
		event_destroy(&e->object);
	}
	return r;
}

int64_t sys_event_signal(struct thread *t, const uint64_t arg[6])
{
	struct event *e;
	int r = sys_find_event(t, arg[0], RIGHT_WRITE, &e);

	if (r < 0) {
		return r;
	}
	event_signal(e);
	return OK;
}

int64_t sys_event_bind(struct thread *t, const uint64_t arg[6])
{
	struct event *e;
	int r = sys_find_event(t, arg[0], RIGHT_READ, &e);

	if (r < 0) {
		return r;
	}
	if (arg[1] > INT64_MAX) {
		return E_INVAL;
	}
	event_bind(e, t, arg[1]);
	return OK;
}

int64_t sys_event_wait(struct thread *t, const uint64_t arg[6])
{
	uint64_t key, count, deadline = arg[0];

	if (event_take(t, &key, &count)) {
		thread_return2(t, count);
		return (int64_t)key;
	}
	if (deadline <= clock_ns()) {
		return E_TIMEOUT;
	}
	t->waiting = true;
	if (deadline != UINT64_MAX) {
		timer_set(&t->deadline, deadline);
	}
	thread_block(t);
	sched_run();
}

int64_t sys_event_timer(struct thread *t, const uint64_t arg[6])
{
	struct event *e;
	int r = sys_find_event(t, arg[0], RIGHT_READ | RIGHT_WRITE, &e);

	if (r < 0) {
		return r;
	}
	event_set_timer(e, arg[1], arg[2]);
	return OK;
}

int64_t sys_event_route(struct thread *t, const uint64_t arg[6])
{
	struct space *s = NULL;
	struct event *e;
	int r = sys_find_event(t, arg[0], RIGHT_READ | RIGHT_WRITE, &e);

	if (r < 0) {
		return r;
	}
	if (arg[1] != SELF) {
		r = sys_find_space(t, arg[1], RIGHT_WRITE, &s);
		if (r < 0) {
			return r;
		}
		if (s->kind != SPACE_GUEST || arg[3] > UINT32_MAX) {
			return E_INVAL;
		}
	}
	event_set_route(e, s, arg[2], (uint32_t)arg[3]);
	return OK;
}
