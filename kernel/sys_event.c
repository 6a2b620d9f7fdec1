/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about events. */
#include "arch/x86/time/clock.h"
#include "kernel/event.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

int64_t sys_event_create(const struct call *c)
{
	struct event *e = event_create(c->on.process ? c->on.process : c->thread->process);

	return e ? sys_give(c, &e->object, RIGHT_READ | RIGHT_WRITE) : E_NOMEM;
}

int64_t sys_event_signal(const struct call *c)
{
	event_signal(c->on.event);
	return OK;
}

int64_t sys_event_bind(const struct call *c)
{
	if (c->arg[1] > INT64_MAX) {
		return E_INVAL;
	}
	event_bind(c->on.event, c->thread, c->arg[1]);
	return OK;
}

int64_t sys_event_wait(const struct call *c)
{
	struct thread *t = c->thread;
	uint64_t key, deadline = c->arg[0];

	if (event_take(t, &key, &t->frame.rdx)) {
		return (int64_t)key;
	}
	if (deadline <= clock_ns()) {
		return E_TIMEOUT;
	}
	t->waiting = true;
	if (deadline != UINT64_MAX) {
		timer_set(&t->deadline, deadline);
	}
	t->state = THREAD_BLOCKED;
	sched_run();
}

int64_t sys_event_timer(const struct call *c)
{
	timer_cancel(&c->on.event->timer);
	if (c->arg[1]) {
		timer_set(&c->on.event->timer, c->arg[1]);
	}
	return OK;
}

int64_t sys_event_route(const struct call *c)
{
	event_set_route(c->on.event, c->with.space, c->arg[2], (uint32_t)c->arg[3]);
	return OK;
}
