/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the instruction that exited: the guest's page tables are walked through the slots, and the last code page is
 * kept with the entries that led to it. A hit re-reads these entries, so it is never staler than the guest's tables.
 */
#pragma once

#include "arch/x86/vcpu/ops.h"
#include "lib/base.h"

/* No rip is so near above it that a fetch could hit. */
#define FETCH_NOTHING 0x8000000000000001ull

enum { WALK_LEVELS_MAX = 4, INSN_MEMO_COUNT = 16 };

/*
 * The code page of the last fetch. Holds for the same mode and as long as all entries read the same; fewer levels than
 * four leave entries that always do.
 */
struct fetch_cache {
	struct guest_mode mode;              /* the guest's then                                 */
	uint64_t page_rip;                   /* rip of the page's first byte, or FETCH_NOTHING   */
	uint64_t uva;                        /* user address of the code page                    */
	uint64_t entry_uva[WALK_LEVELS_MAX], entry[WALK_LEVELS_MAX];
};

/* Width of code: CS.D and CS.L. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

/* An instruction that the vmm decoded, or is to decode; holds only for the same bytes. */
struct insn_memo {
	uint64_t bytes[2];
	uint8_t n, mode;                     /* valid bytes; enum insn_mode                      */
	bool ok;                             /* insn is the vmm's answer                         */
	struct insn_info insn;
};

enum insn_mode guest_insn_mode(const struct guest_mode *m);

/* What the vmm told of the instruction at rip. NULL: nothing of these bytes yet; v->asked is where its answer goes. */
const struct insn_info *fetch_insn(struct vcpu *v);

/*
 * Copies up to 16 bytes at the vCPU's rip into out (zero beyond them) and returns their count; fewer at the end of what
 * is mapped, 0 when nothing can be read. v->fetch.mode is the guest's mode afterwards. The thread of the vCPU is current.
 */
unsigned fetch_code(struct vcpu *v, uint8_t out[16]);

struct code_bytes {
	uint64_t low, high;
};

/*
 * The same for the fast way: 16 bytes at rip if the cache holds, else zeros. The caller knows that v->fetch.mode is the
 * guest's mode (mode_is of the back end).
 */
struct code_bytes fetch_hit(const struct vcpu *v);
