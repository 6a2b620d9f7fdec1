/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map: claims of firmware, loader and ourselves, in any order and overlapping, become one sorted list. */
#pragma once

#include "arch/x86/boot/bootinfo.h"

enum { MEMMAP_CLAIM_MAX = 512 };

struct memmap_claim {
	uint64_t base, end;     /* bytes, any alignment; end above base                          */
	uint32_t type;          /* enum boot_mem_type                                            */
};

struct memmap {
	uint32_t count;
	bool overflow;          /* a claim did not fit: resolving then offers no memory          */
	struct memmap_claim claim[MEMMAP_CLAIM_MAX];
};

/*
 * Records that [base, base + size) is of this type. Free memory is shrunk to whole pages, everything else
 * grown. Empty claims and claims that shrink to nothing are ignored; one that wraps ends at the last page.
 * A claim that goes on where the one before it ended, with its type, extends that.
 */
void memmap_claim(struct memmap *map, uint64_t base, uint64_t size, enum boot_mem_type type);

/*
 * Fills info->mem, mem_count, mem_dropped and ram_bytes: every address gets the greatest type that was
 * claimed for it; types from LOW to PRESERVED count only where there is RAM below them. RAM under
 * 1 MiB is LOW.
 */
void memmap_resolve(const struct memmap *map, struct boot_info *info);

/* True when [base, base + size) is claimed as RAM and as nothing else so far. */
bool memmap_is_free(const struct memmap *map, uint64_t base, uint64_t size);
