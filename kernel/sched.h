/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: per-CPU queues, fair by weight. Each process has a group per CPU; groups share a CPU by virtual run
 * time (ns * 100 / weight), the threads of a group share its part equally. A thread that wakes up gets in before those
 * that compute, with a credit of at most SCHED_CREDIT_NS, so I/O is quick and sleeping saves up nothing.
 *
 * The kernel is not preemptible. A thread leaves the CPU by one of the _Noreturn calls below; its state is in struct
 * thread, nothing stays on the kernel stack, which the next dispatch reuses from the top.
 */
#pragma once

#include "kernel/heap.h"
#include "kernel/timer.h"
#include "lib/base.h"

struct cpu;
struct thread;

enum {
	SCHED_SLICE_NS = 5000000,
	SCHED_CREDIT_NS = 2000000,
	SCHED_GRANULE_NS = 200000,       /* less advantage than this does not preempt                     */
	SCHED_WEIGHT_BASE = 100,
	SCHED_WEIGHT_MAX = 10000,
};

/* What of one process waits on one CPU. */
struct sched_group {
	struct heap_node node;       /* in runqueue.groups; key: virtual run time                     */
	struct heap threads;         /* runnable, not running; key: thread.vruntime                   */
	uint64_t vruntime;           /* counted ns * 100 / weight                                     */
	uint64_t thread_floor;       /* virtual time of the group's threads: newcomers start here     */
	struct process *process;
};

struct runqueue {
	struct heap groups;          /* groups with a runnable thread, the current one's group not    */
	uint64_t floor;              /* virtual time: newcomers start here                            */
	uint32_t queued;             /* runnable threads, the current one not                         */
	uint64_t run_since_ns;       /* when the current thread was dispatched or last charged        */
	struct timer slice;
};

/* Picks the next thread and dispatches it, or idles. The caller's thread is blocked or dead. */
_Noreturn void sched_run(void);

/* Puts the current thread back (runnable, as cpu->need_resched asked) and runs the next. */
_Noreturn void sched_preempt(void);

/* As sched_preempt(), behind all others of equal right: SYS_YIELD. */
_Noreturn void sched_give_way(void);

/* t becomes runnable; sets need_resched if it should run before the current thread. Used by thread_wake(). */
void sched_enqueue(struct thread *t);
/* A runnable thread that is not running leaves the queue. */
void sched_dequeue(struct thread *t);

/* Charges the current thread up to now (also called at every dispatch). */
void sched_charge(struct cpu *c);

/* Once per CPU. */
void sched_init(struct cpu *c);

/* Inside of the scheduler, apart from the machine: what its tests drive. */

/* Charges the current thread and puts it back if it is still running; nobody is current then. */
void sched_put_current(struct cpu *c);

/* Takes the thread that should run next and makes it current. NULL: nothing to run. */
struct thread *sched_pick(struct cpu *c);
