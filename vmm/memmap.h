/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's physical memory map, in the order of addresses; the loaders translate it for their protocol. */
#pragma once

#include "lib/base.h"
#include "vmm/gmem.h"

/* ACPI 6.5, 15: the numbers are those of an e820 map and of PVH's memory map. */
enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2 };

enum { MEMMAP_MAX = 16 };

struct memmap_entry {
	uint64_t base, size;
	uint32_t type;               /* enum memmap_type                                             */
};

struct memmap {
	struct memmap_entry entry[MEMMAP_MAX];
	unsigned count;
	uint64_t low_end;            /* end of the RAM that starts at 1 MiB                          */
};

/*
 * Describes the RAM of mem: one slot at guest-physical 0, at least MEMMAP_RAM_MIN long and ending by PLATFORM_LOW_END,
 * and any others at PLATFORM_HIGH or above, sorted. E_RANGE: the RAM is laid out otherwise.
 */
int memmap_build(struct memmap *map, const struct gmem *mem) MUST_CHECK;

#define MEMMAP_RAM_MIN MIB(2)
