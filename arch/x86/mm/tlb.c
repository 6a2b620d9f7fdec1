/* SPDX-License-Identifier: Apache-2.0 */
/* Epochs of translations, and the list of pages that wait for theirs. */
#include "arch/x86/mm/tlb.h"
#include "arch/x86/entry/irq.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"

enum { REAP_STEP = 64 };

/*
 * A retired table holds its own list entry. Another CPU's page walker may still read the page: each word has bit 0
 * clear (for EPT bits 0 to 2), so that it is a not-present entry. Hence the shift of the epoch.
 */
struct retired {
	struct retired *next;
	struct arena *arena;
	uint64_t epoch_shifted;
};
enum { EPOCH_SHIFT = 4 };

static uint64_t current;             /* last epoch opened; 64 bits never wrap */
static struct retired *head, *tail;  /* oldest first */

uint64_t tlb_next_epoch(void)
{
	return current + 1;
}

void tlb_cpu_pass(void)
{
	struct cpu *c = cpu_this();
	uint64_t seen = __atomic_load_n(&current, __ATOMIC_ACQUIRE);

	if (c->tlb_epoch < seen) {
		tlb_flush_this_cpu();
		/* The flush is done before anybody may see that it is. */
		__atomic_store_n(&c->tlb_epoch, seen, __ATOMIC_RELEASE);
	}
}

uint64_t tlb_retire_epoch(void)
{
	/* The cleared entries are written before a CPU can see the epoch and flush for it. */
	uint64_t epoch = __atomic_add_fetch(&current, 1, __ATOMIC_SEQ_CST);

	for (uint32_t i = 0; i < cpu_count; i++) {
		if (&cpus[i] != cpu_this()) {
			irq_kick(&cpus[i]);
		}
	}
	tlb_cpu_pass();
	return epoch;
}

bool tlb_epoch_passed(uint64_t epoch)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (__atomic_load_n(&cpus[i].tlb_epoch, __ATOMIC_ACQUIRE) < epoch) {
			return false;
		}
	}
	return true;
}

void tlb_retire_page(struct arena *a, void *page)
{
	struct retired *r = page;

	*r = (struct retired){ .arena = a, .epoch_shifted = tlb_next_epoch() << EPOCH_SHIFT };
	if (tail) {
		tail->next = r;
	} else {
		head = r;
	}
	tail = r;
	a->retired++;
}

void tlb_reap(void)
{
	for (unsigned i = 0; i < REAP_STEP && head && tlb_epoch_passed(head->epoch_shifted >> EPOCH_SHIFT); i++) {
		struct retired *r = head;

		head = r->next;
		if (!head) {
			tail = NULL;
		}
		r->arena->retired--;
		arena_page_free(r->arena, r);
	}
}
