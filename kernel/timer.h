/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: one heap per CPU, one one-shot hardware timer armed for the earliest. A timer fires on the CPU that set it,
 * from the timer interrupt, with IF=0 on the CPU's stack under the kernel lock: fn must be short and may set timers.
 *
 * A timer is set and cancelled under the kernel lock, or, without it, by the one CPU in whose heap it stands if at all: the
 * timer of a guest's APIC comes along when its vCPU moves (timer_bring).
 */
#pragma once

#include "kernel/heap.h"
#include "lib/base.h"

struct timer {
	struct heap_node node;       /* queued: set; key: deadline                                    */
	void (*fn)(struct timer *);
	struct cpu *cpu;             /* whose heap it is in, while set                                */
};

/* Sets or moves t, in this CPU's heap, to deadline_ns of clock_ns(). A deadline in the past fires at once, from the interrupt. */
void timer_set(struct timer *t, uint64_t deadline_ns);
void timer_cancel(struct timer *t);

/* A timer that is set in another CPU's heap comes into that of this CPU, here. Kernel lock held. */
static inline void timer_bring(struct timer *t, const struct cpu *here)
{
	if (heap_queued(&t->node) && t->cpu != here) {
		timer_set(t, t->node.key);
	}
}

/* The handler of this CPU's timer interrupt: runs what is due, at most TIMER_BATCH, and arms the next. */
void timer_interrupt(void);
enum { TIMER_BATCH = 64 };
