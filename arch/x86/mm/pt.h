/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One radix page-table walker for all table formats of x86: user spaces, nested tables of AMD, EPT. A format is a
 * record of flag bits. SDM 3A 4.5, APM 2 5.3 and 15.25, SDM 3C 29.3 (EPT).
 *
 * Tables come from an arena; freed ones are reused after their TLB epoch (tlb.h). Every call does a bounded number of
 * steps. Leaves are as large as alignment allows; a leaf never reaches over the end of a call's whole range.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

struct arena;

enum { PT_LEVELS = 4, PT_ENTRIES = 512 };

struct pt_format {
	uint64_t table;              /* entry that points to a table                                  */
	uint64_t present;            /* any of these: the entry is there                              */
	uint64_t leaf;               /* in every leaf                                                 */
	uint64_t write, exec;        /* set when allowed                                              */
	uint64_t noexec;             /* set when execution is not allowed                             */
	uint64_t large;              /* in leaves above level 0                                       */
	uint64_t device;             /* set for PROT_DEVICE: the CPU caches nothing                   */
	unsigned leaf_levels;        /* 1: 4 KiB only, 2: also 2 MiB, 3: also 1 GiB                   */
	unsigned fixed_level;        /* tables of this level and above are never given back           */
};

extern struct pt_format pt_user, pt_nested, pt_ept;
/* Of guest spaces: the back end's. Constant after boot. */
extern const struct pt_format *pt_guest;
extern const struct pt_format pt_kernel, pt_mmio;

struct pt {
	hpa_t root;
	const struct pt_format *format;
	struct arena *arena;
};

/* Allocates an empty root. E_NOMEM. */
int pt_init(struct pt *pt, const struct pt_format *format, struct arena *a) MUST_CHECK;

/* Gives the root back at once. Only when nobody uses it; tables below it die with their arena. */
void pt_fini(struct pt *pt);

/*
 * Maps [addr, addr + size) to pa upwards; all multiples of PAGE_SIZE, prot of enum prot. *done: bytes mapped, also on
 * error. Leaves may fill the whole range, so a caller that goes on later passes all of the rest each time.
 *   OK   all, or budget entries written        E_NOMEM   arena empty        E_BUSY   something is mapped there
 */
int pt_map(struct pt *pt, uint64_t addr, hpa_t pa, uint64_t size, uint32_t prot, unsigned budget, uint64_t *done)
	MUST_CHECK;

/*
 * Clears up to budget entries of [addr, addr + size), which no leaf may reach over. Returns bytes gone through. Empty
 * tables are retired. The caller flushes: every cleared entry may live on in TLBs until tlb_retire_epoch()'s passes.
 */
uint64_t pt_unmap(struct pt *pt, uint64_t addr, uint64_t size, unsigned budget);

/* The 4 KiB entry of addr, its tables made where missing. NULL: arena empty, or a larger leaf is there. */
uint64_t *pt_slot(struct pt *pt, uint64_t addr);
