/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory map: claims of firmware, loader and ourselves, in any order and overlapping, become one sorted list in
 * info->mem. Between bootmap_start and bootmap_finish it covers all addresses, holes as BOOT_MEM_NONE.
 */
#pragma once

#include "init/bootinfo.h"

/* Forgets all claims. */
void bootmap_start(struct boot_info *info);

/*
 * [base, base + size) is of this type at least: where claims overlap the greatest counts, and types from LOW to
 * PRESERVED count only where RAM was claimed before. Free memory is shrunk to whole pages, everything else grown; a
 * claim that wraps ends at the last page. Where the table is full, free memory is left out (mem_dropped) and other
 * claims grow to the next boundary that there is.
 */
void bootmap_claim(struct boot_info *info, uint64_t base, uint64_t size, enum boot_mem_type type);

/* True when [base, base + size) is not empty, claimed as RAM and as nothing else so far. */
bool bootmap_is_free(const struct boot_info *info, uint64_t base, uint64_t size);

/* Takes the holes out and counts ram_bytes. No claims after this. */
void bootmap_finish(struct boot_info *info);

/*
 * After bootmap_finish: makes size bytes, whole pages, of the largest free range below 4 GiB BOOT_MEM_PRESERVED and returns
 * where they are: at its first multiple of 32 MiB, or else at its bottom. 0: there is no room.
 */
uint64_t bootmap_preserve(struct boot_info *info, uint64_t size);
