/* SPDX-License-Identifier: Apache-2.0 */
/* Per-CPU data, found through GS. Entry stubs know the offsets of the first fields (arch/x86/entry/offsets.h). */
#pragma once

#include "kernel/lock.h"
#include "kernel/sched.h"
#include "kernel/timer.h"
#include "lib/base.h"

enum { CPU_MAX = 32, CPU_TRACE_PAGES = 4 };

struct cpu_stats {
	uint64_t switches, preemptions, interrupts, syscalls, idle_ns;
};

struct cpu {
	struct cpu *self;            /* 0                                                             */
	struct thread *current;      /* 8: whose registers are or were in user mode; NULL: idle       */
	uint64_t user_rsp;           /* 16: scratch of the SYSCALL stub                               */
	uint64_t frame_top;          /* 24: end of current->frame, the same as TSS.RSP0               */
	uint64_t stack_top;          /* 32: kernel stack                                              */
	uint32_t need_resched;       /* 40: leave the current thread at the next chance               */
	uint32_t id;                 /* index, 0 is the boot CPU                                      */
	struct tss *tss;             /* arch/x86/cpu/gdt.h                                            */
	uint16_t ports;              /* the group of I/O ports that is open now; 0: none              */
	struct arena *arena;         /* pays for what this CPU needs                                  */
	uint32_t apic_id;            /* where its interrupts go                                       */
	uint32_t start;              /* arch/x86/boot/ap.c: how far it has come, and its TSC then     */
	uint64_t start_tsc;
	uint64_t root;               /* physical address in CR3                                       */
	uint64_t tsc_aux;            /* as last written; ring 3 does not rely on it                   */
	void *fpu;                   /* XSAVE area whose state is in the registers; NULL: nobody's    */
	uint64_t tlb_epoch;          /* flushed past this (arch/x86/mm/tlb.h)                         */
	struct lock timer_lock;      /* of timers; a leaf: nothing is taken inside of it              */
	struct heap timers;
	uint64_t timer_armed;        /* deadline in hardware; UINT64_MAX: none. Only this CPU's       */
	struct runqueue rq;
	struct cpu_stats stats;
	struct trace_record *trace_page[CPU_TRACE_PAGES];    /* written by this CPU without a lock    */
	uint64_t trace_next;         /* records written since boot                                    */
	uint64_t trace_read;         /* records read by SYS_TRACE                                     */
};

extern struct cpu cpus[CPU_MAX];
extern uint32_t cpu_count;       /* online: cpus[0 .. cpu_count); grows under the kernel lock    */

static inline struct cpu *cpu_this(void)
{
	struct cpu *c;

	__asm__("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/*
 * The kernel lock protects all of ring 0 but what is said to be without it: the exits that a vCPU's loop finishes alone
 * (arch/x86/vcpu/run.c), and what the CPU's own fields and atomics do. Every system call and every interrupt takes it, and
 * it is given back before user mode, the guest and the halt of an idle CPU. Every path under it is bounded.
 */
extern struct kernel_lock {
	struct lock lock;
	struct cpu *holder;          /* NULL: nobody                                                  */
} kernel_lock_state;

static inline bool kernel_lock_held(void)
{
	return __atomic_load_n(&kernel_lock_state.holder, __ATOMIC_RELAXED) == cpu_this();
}

static inline void kernel_lock(void)
{
	lock_take(&kernel_lock_state.lock);
	kernel_lock_state.holder = cpu_this();
}

static inline void kernel_unlock(void)
{
	kernel_lock_state.holder = NULL;
	lock_give(&kernel_lock_state.lock);
}

/*
 * Makes the calling CPU able to run threads: GS, kernel stack, trace ring, SYSCALL registers. After mm_init() and
 * gdt_load(), before any use of windows or timers. stack_top: end of its kernel stack, 16-byte aligned. a pays for what it
 * needs, now and in vcpu_ops.cpu_on(). Panics when that is empty. The caller counts it in cpu_count when it is ready.
 */
void cpu_init(uint32_t id, struct tss *tss, uint64_t stack_top, struct arena *a);
