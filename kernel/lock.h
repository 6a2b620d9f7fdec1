/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ticket locks: who came first gets in first. Taken with interrupts off and given back with them still off; a lock is not
 * recursive. The order of locks stands in docs/architecture.md; the kernel lock is in kernel/cpu.h.
 */
#pragma once

#include "lib/base.h"

/* Zeros: free. */
struct lock {
	uint32_t next, serving;
};

static inline void lock_take(struct lock *l)
{
	uint32_t mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != mine) {
		__asm__ volatile("pause");
	}
}

static inline void lock_give(struct lock *l)
{
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}
