/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena is the quota of one process: a physically contiguous piece of RAM, mapped in kmap, from which every
 * kernel object, page table and mapping record of the process is allocated. Nothing else pays for them, and the death
 * of the process gives the whole piece back. The first page holds struct arena itself.
 *
 * Pages come zeroed. Small things come from slabs of one page, which go back when empty, so that the counters of an
 * arena are equal before and after equal work. Not for interrupt context.
 */
#pragma once

#include "kernel/list.h"
#include "lib/base.h"

enum {
	ARENA_CLASSES = 7,
	ARENA_ALLOC_MAX = 1984,      /* largest arena_alloc(): two fit a page                         */
	ARENA_PAGES_MIN = 16,        /* holds the process itself, whatever the machine (process_create) */
	ARENA_PAGES_MAX = 4096,      /* mapping one is one bounded step                               */
};

struct arena {
	hpa_t base;
	uint64_t page_count;         /* all, this header's included                                   */
	uint64_t page_fresh;         /* pages below this index have been used at least once           */
	uint64_t page_free;          /* pages that can be allocated now                               */
	uint64_t retired;            /* pages that wait for their TLB epoch (arch/x86/mm/tlb.h)       */
	void *free;                  /* pages that came back, linked through their first word         */
	struct list partial[ARENA_CLASSES];
};

/* The memory [base, base + page_count pages) must be mapped in kmap. Its old contents do not matter. */
struct arena *arena_init(hpa_t base, uint64_t page_count);

/* A zeroed page, or NULL when the arena is empty. */
void *arena_page_alloc(struct arena *a) MUST_CHECK;
void arena_page_free(struct arena *a, void *page);

/* size: 1..ARENA_ALLOC_MAX bytes. Zeroed, aligned to 64. NULL when the arena is empty. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
/* p came from arena_alloc() of the same arena. */
void arena_free(struct arena *a, void *p);
