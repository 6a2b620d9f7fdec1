/* SPDX-License-Identifier: Apache-2.0 */
/* Radix page tables of all formats. */
#include "arch/x86/mm/pt.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "kernel/panic.h"

enum {
	P = 1 << 0, W = 1 << 1, U = 1 << 2, PWT = 1 << 3, PCD = 1 << 4, A = 1 << 5, D = 1 << 6, PS = 1 << 7,
	EPT_R = 1 << 0, EPT_W = 1 << 1, EPT_X = 1 << 2, EPT_WRITE_BACK = 6 << 3, EPT_IGNORE_PAT = 1 << 6,
};
#define NX        (1ull << 63)
#define ADDR_MASK 0x000ffffffffff000ull

#define USER_FORMAT { \
	.table = P | W | U | A, .present = P, .leaf = P | U | A, .write = W, .noexec = NX, .large = PS, \
	.device = PCD | PWT, .leaf_levels = 3, .fixed_level = 3, \
}
/* The kernel's half is shared by all roots through its level 2 tables, which therefore stay. */
#define KERNEL_FORMAT(caching) { \
	.table = P | W | A, .present = P, .leaf = P | A | D | (caching), .write = W, .noexec = NX, .large = PS, \
	.leaf_levels = 1, .fixed_level = 2, \
}

/*
 * Leaf sizes are what the CPU has: mm_init() takes the third away where there are no 1 GiB pages. Nested tables of AMD are
 * walked as user accesses (APM 2 15.25.5): the same bits.
 */
struct pt_format pt_user = USER_FORMAT, pt_nested = USER_FORMAT;
/* Write-back whatever the guest's PAT says: no device of the machine is a guest's. */
struct pt_format pt_ept = {
	.table = EPT_R | EPT_W | EPT_X, .present = EPT_R | EPT_W | EPT_X, .leaf = EPT_R | EPT_WRITE_BACK | EPT_IGNORE_PAT,
	.write = EPT_W, .exec = EPT_X, .large = PS, .leaf_levels = 3, .fixed_level = 3,
};
const struct pt_format *pt_guest = &pt_nested;
const struct pt_format pt_kernel = KERNEL_FORMAT(0), pt_mmio = KERNEL_FORMAT(PCD | PWT);

static unsigned shift_of(unsigned level)
{
	return PAGE_SHIFT + 9 * level;
}

static uint64_t span(unsigned level)
{
	return 1ull << shift_of(level);
}

static unsigned index_of(uint64_t addr, unsigned level)
{
	return addr >> shift_of(level) & (PT_ENTRIES - 1);
}

static uint64_t *root_of(const struct pt *pt)
{
	return kmap_ptr(pt->root);
}

static uint64_t *table_of(uint64_t entry)
{
	return kmap_ptr(hpa(entry & ADDR_MASK));
}

static bool is_leaf(const struct pt_format *f, uint64_t entry, unsigned level)
{
	return level == 0 || (entry & f->large);
}

int pt_init(struct pt *pt, const struct pt_format *format, struct arena *a)
{
	void *root = arena_page_alloc(a);

	if (!root) {
		return E_NOMEM;
	}
	*pt = (struct pt){ .root = kmap_hpa(root), .format = format, .arena = a };
	return OK;
}

void pt_fini(struct pt *pt)
{
	arena_page_free(pt->arena, root_of(pt));
}

/* The entry that decides about addr, but none below level lowest: a leaf, an absent one. *level: where it stands. */
static uint64_t *find(const struct pt *pt, uint64_t addr, unsigned lowest, unsigned *level)
{
	uint64_t *table = root_of(pt);

	for (*level = PT_LEVELS - 1;; --*level) {
		uint64_t *e = &table[index_of(addr, *level)];

		if (*level == lowest || !(*e & pt->format->present) || is_leaf(pt->format, *e, *level)) {
			return e;
		}
		table = table_of(*e);
	}
}

/*
 * The entry of addr at *level, making tables on the way; a table that is already where the leaf would go lowers
 * *level. E_BUSY: a larger leaf is in the way.
 */
static int walk_to(struct pt *pt, uint64_t addr, unsigned *level, uint64_t **slot)
{
	unsigned at;
	uint64_t *e = find(pt, addr, 0, &at);

	for (*level = at < *level ? at : *level; at > *level; e = &table_of(*e)[index_of(addr, --at)]) {
		void *page;

		if (*e & pt->format->present) {
			return E_BUSY;
		}
		page = arena_page_alloc(pt->arena);
		if (!page) {
			return E_NOMEM;
		}
		*e = kmap_hpa(page).v | pt->format->table;
	}
	*slot = e;
	return OK;
}

static unsigned leaf_level(const struct pt_format *f, uint64_t addr, uint64_t pa, uint64_t size)
{
	unsigned level = f->leaf_levels - 1;

	while (level > 0 && (((addr | pa) & (span(level) - 1)) || size < span(level))) {
		level--;
	}
	return level;
}

static uint64_t leaf_entry(const struct pt_format *f, uint64_t pa, uint32_t prot, unsigned level)
{
	return pa | f->leaf | (prot & PROT_W ? f->write : 0) | (prot & PROT_X ? f->exec : f->noexec) |
	       (prot & PROT_DEVICE ? f->device : 0) | (level > 0 ? f->large : 0);
}

int pt_map(struct pt *pt, uint64_t addr, hpa_t pa, uint64_t size, uint32_t prot, unsigned budget, uint64_t *done)
{
	uint64_t n = 0;
	int r = OK;

	while (n < size && budget-- > 0) {
		unsigned level = leaf_level(pt->format, addr + n, pa.v + n, size - n);
		uint64_t *slot;

		r = walk_to(pt, addr + n, &level, &slot);
		if (r == OK && (*slot & pt->format->present)) {
			r = E_BUSY;
		}
		if (r < 0) {
			break;
		}
		*slot = leaf_entry(pt->format, pa.v + n, prot, level);
		n += span(level);
	}
	*done = n;
	return r;
}

static bool table_empty(const uint64_t *table)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		if (table[i]) {
			return false;
		}
	}
	return true;
}

static uint64_t *table_around(uint64_t *entry)
{
	return (uint64_t *)ALIGN_DOWN((uintptr_t)entry, (uintptr_t)PAGE_SIZE);
}

/* Retires the tables on the way to addr that hold nothing any more. */
static void prune(struct pt *pt, uint64_t addr)
{
	unsigned level;
	uint64_t *table = table_around(find(pt, addr, 0, &level));

	while (level < pt->format->fixed_level && table_empty(table)) {
		uint64_t *parent = find(pt, addr, level + 1, &level);

		*parent = 0;
		tlb_retire_page(pt->arena, table);
		table = table_around(parent);
	}
}

uint64_t pt_unmap(struct pt *pt, uint64_t addr, uint64_t size, unsigned budget)
{
	uint64_t n = 0;

	while (n < size && budget-- > 0) {
		unsigned level;
		uint64_t at = addr + n, *e = find(pt, at, 0, &level), next = ALIGN_DOWN(at, span(level)) + span(level);

		ASSERT(!(*e & pt->format->present) || ((at & (span(level) - 1)) == 0 && span(level) <= size - n));
		*e = 0;
		n = next - addr < size ? next - addr : size;
		if (n == size || (next & (span(level + 1) - 1)) == 0) {
			prune(pt, at);       /* the last entry of its table that this call touches */
		}
	}
	return n;
}

uint64_t *pt_slot(struct pt *pt, uint64_t addr)
{
	unsigned level = 0;
	uint64_t *slot;

	return walk_to(pt, addr, &level, &slot) < 0 ? NULL : slot;
}
