/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads. Registers of user mode are saved right into thread.frame by the entry stubs: TSS.RSP0 and the SYSCALL
 * stub point to its end. A thread that blocks leaves nothing on the kernel stack. All fields but frame, and vcpu while the
 * thread runs, are the kernel lock's.
 *
 *   RUNNABLE --sched--> RUNNING --by itself, then sched_run()--> BLOCKED --thread_wake()--> RUNNABLE;   any --process end--> DEAD
 */
#pragma once

#include "arch/x86/entry/frame.h"
#include "kernel/heap.h"
#include "kernel/object.h"
#include "kernel/timer.h"
#include "lib/base.h"

enum thread_state { THREAD_RUNNABLE, THREAD_RUNNING, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
	struct object object;
	struct trap_frame frame __attribute__((aligned(16)));   /* its end is 16-byte aligned: the CPU pushes there */
	struct process *process;
	struct list in_process;      /* process.threads                                               */
	enum thread_state state;
	bool waiting;                /* blocked in SYS_EVENT_WAIT                                     */
	struct vcpu *vcpu;           /* dispatch enters its vcpu_run() again; NULL: goes to user mode    */
	uint32_t cpus;               /* bit n: may run on CPU n; of process.cpus                      */
	struct cpu *cpu;             /* where it runs, waits in the queue, or was last                */
	void *fpu;                   /* XSAVE area of user mode (arch/x86/cpu/fpu.h)                  */
	struct heap_node node;       /* in sched_group.threads; key: vruntime                         */
	uint64_t waits_since_ns, waited_ns;  /* runnable since; runnable without running, in all      */
	uint64_t vruntime;           /* ns, among the threads of its process                          */
	struct list events;          /* bound: struct event.in_thread                                 */
	struct list pending;         /* bound with a count: struct event.in_pending                   */
	struct timer deadline;       /* of SYS_EVENT_WAIT                                             */
};

_Static_assert(sizeof(struct trap_frame) % 16 == 0, "the end of thread.frame is aligned");

/* Runs at once at entry with rsp = stack, rdi = argument. p pays. NULL: its arena is empty. */
struct thread *thread_create(struct process *p, uint64_t entry, uint64_t stack, uint64_t argument) MUST_CHECK;
void thread_destroy(struct object *o);    /* of object_destroy() */

/* Blocked becomes runnable; any other state: nothing. Any context with the kernel lock. */
void thread_wake(struct thread *t);

/*
 * No further instruction of t in user mode or a guest, but for a moment on another CPU, which is told to leave it: until then it
 * is that CPU's current thread. Also for the current thread: the caller goes on to sched_run().
 */
void thread_stop(struct thread *t);
