/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's own page tables, walked in software: no paging, 32-bit with 4 MiB pages, PAE, 4 and 5 levels.
 * SDM 3A ch. 4. Protection keys and the caching of PAE's PDPTEs in the processor are not modelled.
 */
#pragma once

#include "lib/base.h"
#include "vmm/gmem.h"

/* The registers that govern translation; cpl 3 is user. */
struct walk_context {
	uint64_t cr0, cr3, cr4, efer, rflags;
	uint8_t cpl;
};

enum walk_access { WALK_READ = 0, WALK_WRITE = 1, WALK_FETCH = 2 };

enum { PF_PRESENT = 1 << 0, PF_WRITE = 1 << 1, PF_USER = 1 << 2, PF_RESERVED = 1 << 3, PF_FETCH = 1 << 4 };

/*
 * Translates linear and sets accessed and dirty bits as the processor does.
 *   E_FAULT   page fault; *error is its error code, CR2 is linear
 *   E_RANGE   a table lies outside of RAM; *out is the table entry's address
 * The result holds to the end of its 4 KiB page.
 */
int walk(const struct gmem *mem, const struct walk_context *c, uint64_t linear, enum walk_access access, gpa_t *out,
	 uint32_t *error) MUST_CHECK;

/* True when address is canonical for the context's paging mode (48 or 57 bits). */
bool walk_canonical(const struct walk_context *c, uint64_t linear);
