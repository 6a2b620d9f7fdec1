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
	lock_take(&c->timer_lock);
	heap_insert(&c->timers, &t->node, deadline_ns);
	lock_give(&c->timer_lock);
	if (deadline_ns < c->timer_armed) {
		arm(c, deadline_ns);
	}
}

/* The hardware stays armed: one interrupt too many is cheaper than moving it each time. */
void timer_cancel(struct timer *t)
{
	if (heap_queued(&t->node)) {
		lock_take(&t->cpu->timer_lock);
		heap_remove(&t->cpu->timers, &t->node);
		lock_give(&t->cpu->timer_lock);
	}
}

/* Takes the first timer out if it is due by now; *next: when the first that stays is due, UINT64_MAX: there is none. */
static struct timer *take_due(struct cpu *c, uint64_t now, uint64_t *next)
{
	struct heap_node *n;
	bool due;

	lock_take(&c->timer_lock);
	n = c->timers.root;
	due = n && n->key <= now;
	*next = n ? n->key : UINT64_MAX;
	if (due) {
		heap_remove(&c->timers, n);
	}
	lock_give(&c->timer_lock);
	return due ? container_of(n, struct timer, node) : NULL;
}

void timer_interrupt(void)
{
	struct cpu *c = cpu_this();
	uint64_t now = clock_ns(), next = 0;
	struct timer *t;

	c->timer_armed = 0;          /* what fn sets is armed below, once */
	for (unsigned i = 0; i < TIMER_BATCH && (t = take_due(c, now, &next)); i++) {
		t->fn(t);
	}
	c->timer_armed = UINT64_MAX;
	if (next != UINT64_MAX) {
		arm(c, next);
	}
}
