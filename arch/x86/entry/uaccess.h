/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to user memory of the active address space. Each instruction that may fault stands in the exception table
 * (section __ex_table: 32-bit offsets of instruction and fixup from the entry itself); a page fault or #GP there goes to
 * its fixup. SMAP is opened by STAC around exactly these instructions (SDM 3A 4.6.1). Each STAC and CLAC is noted in
 * the section __smap_sites (32-bit offset of the instruction from the entry), because CPUs without SMAP fault on them.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

static inline bool user_range_ok(uint64_t addr, uint64_t len)
{
	return range_within(addr, len, USER_END);
}

/* All or nothing as far as the caller may rely: E_FAULT when part of the user range is not accessible. */
int copy_from_user(void *to, uint64_t from, size_t len) MUST_CHECK;
int copy_to_user(uint64_t to, const void *from, size_t len) MUST_CHECK;

/* Exchanges a byte, atomically against other CPUs. E_FAULT: nothing was changed. */
int user_exchange_byte(uint64_t addr, uint8_t *byte) MUST_CHECK;

/*
 * Raw copy without range check; either side may be the user's. Returns bytes NOT copied. entry/entry.S.
 */
size_t user_copy_raw(void *to, const void *from, size_t len);

#define SMAP_SITE(insn) \
	"771:\t" insn "\n\t.pushsection __smap_sites,\"a\"\n\t.balign 4\n\t.long 771b - .\n\t.popsection\n\t"
#define STAC SMAP_SITE("stac")
#define CLAC SMAP_SITE("clac")

#define EXTABLE(from, to) \
	".pushsection __ex_table,\"a\"\n\t.balign 4\n\t.long " from " - .\n\t.long " to " - .\n\t.popsection\n\t"

/* Makes every STAC and CLAC a no-op where the CPU has no SMAP. After cpu_features_detect, before any exception. */
void user_access_init(void);

/* Where to go on for a fault at rip, or 0: a bug. */
uint64_t extable_find(uint64_t rip);
