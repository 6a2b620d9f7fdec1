/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of this CPU. */
#include "kernel/timer.h"
#include "arch/x86/time/clock.h"
#include "kernel/cpu.h"

static void arm(struct cpu *c, uint64_t deadline)
{
	c->timer_armed = deadline;
	clock_arm(deadline);
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
	struct cpu *c = cpu_this();

	timer_cancel(t);
	t->cpu = c;
	heap_insert(&c->timers, &t->node, deadline_ns);
	if (deadline_ns < c->timer_armed) {
		arm(c, deadline_ns);
	}
}

/* The hardware stays armed: one interrupt too many is cheaper than moving it each time. */
void timer_cancel(struct timer *t)
{
	if (heap_queued(&t->node)) {
		heap_remove(&t->cpu->timers, &t->node);
	}
}

void timer_interrupt(void)
{
	struct cpu *c = cpu_this();
	uint64_t now = clock_ns();
	struct heap_node *n = c->timers.root;

	c->timer_armed = 0;          /* what fn sets is armed below, once */
	for (unsigned i = 0; i < TIMER_BATCH && n && n->key <= now; i++) {
		struct timer *t = container_of(n, struct timer, node);

		heap_remove(&c->timers, n);
		t->fn(t);
		n = c->timers.root;
	}
	if (n) {
		arm(c, n->key);
	} else {
		c->timer_armed = UINT64_MAX;
	}
}
