/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM, reached only by checked (address, length) copies. */
#pragma once

#include "lib/base.h"
#include "vmm/launch.h"

enum { GMEM_SLOTS_MAX = 4 };

/* RAM at [base, base + size) of the guest stands at host in this process. */
struct gmem_slot {
	uint64_t base, size;
	uint8_t *host;
};

struct gmem {
	struct gmem_slot slot[GMEM_SLOTS_MAX];
	unsigned count;
	const struct vmm_ram *piece; /* up to 64 of them, disjoint                                   */
	uint64_t away;               /* bit i: piece[i] is away for a while (vmm/balloon_memory.c): no memory    */
	uint64_t beyond;             /* address bits that the guest's processor does not have: reserved in its tables */
};

/*
 * Copies len bytes between guest memory and buf. The guest may change its memory meanwhile: copy once, then check.
 * E_RANGE: some byte is outside of RAM; nothing was copied. A copy may cross adjacent slots.
 */
int gmem_read(const struct gmem *mem, gpa_t addr, void *buf, size_t len) MUST_CHECK;
int gmem_write(const struct gmem *mem, gpa_t addr, const void *buf, size_t len) MUST_CHECK;
int gmem_fill(const struct gmem *mem, gpa_t addr, uint8_t byte, size_t len) MUST_CHECK;
bool gmem_has(const struct gmem *mem, gpa_t addr, size_t len);

/*
 * Where [addr, addr + len) stands in this process, for devices that read and write guest memory in place; NULL: not all of it
 * is RAM of one slot. The guest may change it at any time.
 */
uint8_t *gmem_pointer(const struct gmem *mem, uint64_t addr, uint64_t len);

/*
 * Sets bits of one byte in one atomic step, as the processor sets accessed and dirty bits of a table entry.
 * E_RANGE: not RAM.
 */
int gmem_set_bits(const struct gmem *mem, gpa_t addr, uint8_t bits) MUST_CHECK;
