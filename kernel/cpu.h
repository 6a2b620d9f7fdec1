/* SPDX-License-Identifier: Apache-2.0 */
/* Per-CPU data, found through GS. Entry stubs know the offsets of the first fields (arch/x86/entry/offsets.h). */
#pragma once

#include "kernel/sched.h"
#include "kernel/timer.h"
#include "lib/base.h"

enum { CPU_MAX = 32, CPU_TRACE_PAGES = 8 };

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
	uint64_t root;               /* physical address in CR3                                       */
	void *fpu;                   /* XSAVE area whose state is in the registers; NULL: nobody's    */
	uint64_t tlb_epoch;          /* flushed past this (arch/x86/mm/tlb.h)                         */
	struct heap timers;
	uint64_t timer_armed;        /* deadline in hardware; UINT64_MAX: none                        */
	struct runqueue rq;
	struct cpu_stats stats;
	struct trace_record *trace_page[CPU_TRACE_PAGES];
	uint64_t trace_next;         /* records written since boot                                    */
	uint64_t trace_read;         /* records read by SYS_TRACE                                     */
};

extern struct cpu cpus[CPU_MAX];
extern uint32_t cpu_count;       /* online: cpus[0 .. cpu_count) */

static inline struct cpu *cpu_this(void)
{
	struct cpu *c;

	__asm__("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/*
 * Makes the calling CPU able to run threads: GS, kernel stack, trace ring, SYSCALL registers. After mm_init() and
 * gdt_load(), before any use of windows or timers. stack_top: end of its kernel stack, 16-byte aligned.
 * Panics when the boot arena is empty.
 */
void cpu_init(uint32_t id, struct tss *tss, uint64_t stack_top);
