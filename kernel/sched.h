/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: per-CPU queues, fair by weight. Each process has a group per CPU; groups share a CPU by virtual run
 * time (ns * 100 / weight), the threads of a group share its part equally. A thread that wakes up gets in before those
 * that compute, with a credit of at most SCHED_CREDIT_NS, so I/O is quick and sleeping saves up nothing.
 *
 * Between CPUs: a thread that wakes goes to an idle one, and an idle CPU takes a waiting thread from another. process.progress is the
 * same virtual time over all CPUs. Where the one that has had least on a CPU lacks more than SCHED_BALANCE_NS of what all on another
 * CPU have had, the one beside it that has had most moves over there, and its lead or lag goes with it: so all that may run on the
 * same CPUs get on alike. Where nobody may move, what is lacking is forgotten bit by bit: it would be owed once somebody can.
 * thread.cpus says where a thread may run at all, process.home where it goes before other idle CPUs.
 *
 * All of it is the kernel lock's. The kernel is not preemptible. A thread leaves the CPU by one of the _Noreturn calls below; its state is in struct
 * thread, nothing stays on the kernel stack, which the next dispatch reuses from the top.
 */
#pragma once

#include "kernel/heap.h"
#include "kernel/timer.h"
#include "lib/base.h"

struct cpu;
struct process;
struct thread;

enum {
	SCHED_SLICE_NS = 5000000,
	SCHED_CREDIT_NS = 2000000,
	SCHED_GRANULE_NS = 200000,       /* less advantage than this does not preempt                     */
	SCHED_BALANCE_NS = 10000000,     /* a CPU looks at the others no more often; a process may lack this */
	SCHED_CARRY_NS = 20000000,       /* lead or lag that goes with who moves, or that sleep leaves    */
	SCHED_GAP_NS = 500000000,        /* what is lacking beyond this, and nobody may move, is forgotten, */
	SCHED_FORGET = 128,              /* that part of it at a time                                     */
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
	uint64_t balance_ns;         /* when it looks at the other CPUs again                         */
	struct timer slice;          /* in any CPU's heap                                             */
};

/* Picks the next thread and dispatches it, or idles. The caller holds the kernel lock, its thread is blocked or dead. */
_Noreturn void sched_run(void);

/* Takes the kernel lock, puts the current thread back (runnable, as cpu->need_resched asked) and runs the next. */
_Noreturn void sched_preempt(void);

/* As sched_run(), the current thread behind all others of equal right: SYS_YIELD. */
_Noreturn void sched_give_way(void);

/* t becomes runnable, on an idle CPU if there is one; asks the CPU if it should run before its current thread. */
void sched_enqueue(struct thread *t);

/* The CPU c leaves its current thread at its next chance, and soon. */
void sched_ask(struct cpu *c);

/* t runs on the CPUs of mask only, from now on; one bit of it at least is that of a CPU. */
void sched_set_cpus(struct thread *t, uint32_t mask);

/* A runnable thread that is not running leaves the queue. */
void sched_dequeue(struct thread *t);

/* Charges c's current thread up to now (also called at every dispatch). */
void sched_charge(struct cpu *c);

/* Once per CPU. */
void sched_init(struct cpu *c);

/* Inside of the scheduler, apart from the machine: what its tests drive. */

/* On c: charges its current thread and puts it back if it is still running, here or elsewhere; nobody is current then. */
void sched_put_current(struct cpu *c);

/* On c: takes the thread that should run next, another CPU's if it has none, and makes it current. NULL: nothing to run. */
struct thread *sched_pick(struct cpu *c);
