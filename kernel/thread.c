/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: creation, blocking, the end. */
#include "kernel/thread.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/panic.h"
#include "kernel/process.h"

static void wait_timed_out(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, deadline);

	t->waiting = false;
	t->frame.rax = (uint64_t)E_TIMEOUT;
	thread_wake(t);
}

struct thread *thread_create(struct process *p, uint64_t entry, uint64_t stack, uint64_t argument)
{
	struct thread *t = object_create(OBJECT_THREAD, p, sizeof(*t));

	if (!t) {
		return NULL;
	}
	t->fpu = arena_alloc(p->arena, cpu_features.xsave_size);
	if (!t->fpu) {
		object_free(&t->object);
		return NULL;
	}
	fpu_area_init(t->fpu);
	t->frame.rip = entry;
	t->frame.rsp = stack;
	t->frame.rdi = argument;
	t->frame.cs = USER_CS;
	t->frame.ss = USER_DS;
	t->frame.rflags = RFLAGS_FIXED | RFLAGS_IF;
	t->process = p;
	t->cpus = p->cpus;
	t->cpu = cpu_this();
	t->deadline.fn = wait_timed_out;
	list_init(&t->events);
	list_init(&t->pending);
	list_push(&p->threads, &t->in_process);
	sched_enqueue(t);
	return t;
}

void thread_destroy(struct object *o)
{
	struct thread *t = container_of(o, struct thread, object);

	thread_stop(t);
	ASSERT(t->cpu->current != t);        /* so nothing of it is in any CPU's registers */
	list_for_each(e, &t->events, struct event, in_thread) {
		event_unbind(e);
	}
	list_remove(&t->in_process);
	arena_free(o->owner->arena, t->fpu);
}

void thread_wake(struct thread *t)
{
	ASSERT(kernel_lock_held());
	if (t->state == THREAD_BLOCKED) {
		sched_enqueue(t);
	}
}

void thread_stop(struct thread *t)
{
	if (t->state == THREAD_RUNNABLE) {
		sched_dequeue(t);
	}
	t->waiting = false;
	timer_cancel(&t->deadline);
	t->state = THREAD_DEAD;
	if (t->cpu->current == t) {
		sched_ask(t->cpu);           /* leaves it for ever */
	} else {
		vcpu_thread_gone(t);
	}
}
