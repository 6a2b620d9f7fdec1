/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's timers: one list in the order of deadlines. A VM has about five, so a list beats a heap. */
#include "vmm/hooks.h"

/* Timers run per call of vm_timers_run(); models with their floors come nowhere near. */
enum { RUN_BUDGET = 64 };

/* Owned by the device lock. */
static struct vm_timer *first;
static bool running;

static void unlink_timer(struct vm_timer *t)
{
	struct vm_timer **at = &first;

	while (*at != t) {
		at = &(*at)->next;
	}
	*at = t->next;
	t->next = NULL;
	t->armed = false;
}

void vm_timer_set(struct vm_timer *t, uint64_t deadline_ns)
{
	struct vm_timer **at = &first;

	if (t->armed) {
		unlink_timer(t);
	}
	while (*at && (*at)->deadline_ns <= deadline_ns) {
		at = &(*at)->next;
	}
	t->deadline_ns = deadline_ns;
	t->next = *at;
	t->armed = true;
	*at = t;
	if (first == t && !running) {
		vm_timer_wake();
	}
}

void vm_timer_cancel(struct vm_timer *t)
{
	if (t->armed) {
		unlink_timer(t);
	}
}

uint64_t vm_timer_next(void)
{
	return first ? first->deadline_ns : UINT64_MAX;
}

void vm_timers_run(uint64_t now_ns)
{
	running = true;
	for (unsigned budget = RUN_BUDGET; budget && first && first->deadline_ns <= now_ns; budget--) {
		struct vm_timer *t = first;

		unlink_timer(t);
		t->fn(t->arg);
	}
	running = false;
}
