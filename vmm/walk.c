/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's page tables in software. SDM 3A 4.3 (32-bit), 4.4 (PAE), 4.5 (4 and 5 levels), 4.6 (rights). */
#include "vmm/walk.h"

enum {
	CR4_PSE = 1 << 4, CR4_PAE = 1 << 5, CR4_LA57 = 1 << 12, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21,
	CR0_WP = 1 << 16, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, RFLAGS_AC = 1 << 18,
};
#define CR0_PG (1ull << 31)

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80 };
#define PTE_NX      (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

/* One walk on its way down: rights shrink level by level. */
struct descent {
	const struct gmem *mem;
	const struct walk_context *c;
	uint64_t linear;
	uint64_t entry;              /* the last one read                                            */
	gpa_t entry_at;
	unsigned access;             /* enum walk_access                                             */
	bool writable, user, no_execute;
};

static bool long_mode(const struct walk_context *c)
{
	return c->efer & EFER_LMA;
}

static bool is_pae(const struct walk_context *c)
{
	return c->cr4 & CR4_PAE;
}

bool walk_canonical(const struct walk_context *c, uint64_t linear)
{
	unsigned unused = c->cr4 & CR4_LA57 ? 7 : 16;

	return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

static uint32_t error_code(const struct descent *d, uint32_t why)
{
	bool nx_known = (d->c->efer & EFER_NXE && (is_pae(d->c) || long_mode(d->c))) || d->c->cr4 & CR4_SMEP;

	return why | (d->access == WALK_WRITE ? PF_WRITE : 0) | (d->c->cpl == 3 ? PF_USER : 0) |
	       (d->access == WALK_FETCH && nx_known ? PF_FETCH : 0);
}

/* Reads the entry and folds its rights in. */
static int read_entry(struct descent *d, gpa_t at, unsigned size, uint32_t *error)
{
	d->entry = 0;
	d->entry_at = at;
	if (gmem_read(d->mem, at, &d->entry, size) < 0) {
		return E_RANGE;
	}
	if (!(d->entry & PTE_P)) {
		*error = error_code(d, 0);
		return E_FAULT;
	}
	if ((d->entry & PTE_NX && !(d->c->efer & EFER_NXE)) || (d->entry & d->mem->beyond & PTE_ADDRESS)) {
		*error = error_code(d, PF_PRESENT | PF_RESERVED);
		return E_FAULT;
	}
	return OK;
}

static void fold_rights(struct descent *d)
{
	d->writable = d->writable && d->entry & PTE_W;
	d->user = d->user && d->entry & PTE_U;
	d->no_execute = d->no_execute || d->entry & PTE_NX;
}

static bool allowed(const struct descent *d)
{
	const struct walk_context *c = d->c;
	bool user = c->cpl == 3;

	if (d->access == WALK_FETCH) {
		return !d->no_execute && (user ? d->user : !(d->user && c->cr4 & CR4_SMEP));
	}
	if (user ? !d->user : d->user && c->cr4 & CR4_SMAP && !(c->rflags & RFLAGS_AC)) {
		return false;
	}
	return d->access == WALK_READ || d->writable || (!user && !(c->cr0 & CR0_WP));
}

/* E_RANGE cannot happen: the entry has just been read from there. */
static int mark(const struct descent *d, uint8_t bits)
{
	return (d->entry & bits) == bits ? OK : gmem_set_bits(d->mem, d->entry_at, bits);
}

/* The entry maps a page of 1 << shift bytes: rights, accessed and dirty bits, address. */
static int finish(struct descent *d, unsigned shift, uint64_t base, gpa_t *out, uint32_t *error)
{
	uint64_t inside = (1ull << shift) - 1;

	if (!allowed(d)) {
		*error = error_code(d, PF_PRESENT);
		return E_FAULT;
	}
	*out = gpa((base & ~inside) | (d->linear & inside));
	return mark(d, d->access == WALK_WRITE ? PTE_A | PTE_D : PTE_A);
}

static int reserved(const struct descent *d, uint32_t *error)
{
	*error = error_code(d, PF_PRESENT | PF_RESERVED);
	return E_FAULT;
}

/* 32-bit paging: two levels of 4-byte entries, 4 MiB pages with address bits 32 to 39 in bits 13 to 20. */
static int walk_legacy(struct descent *d, gpa_t *out, uint32_t *error)
{
	gpa_t at = gpa((d->c->cr3 & 0xfffff000) + (d->linear >> 22 & 0x3ff) * 4);
	int r = read_entry(d, at, 4, error);

	if (r < 0) {
		return r;
	}
	fold_rights(d);
	if (d->entry & PTE_PS && d->c->cr4 & CR4_PSE) {
		if (d->entry & 1u << 21) {
			return reserved(d, error);
		}
		return finish(d, 22, (d->entry & 0xffc00000) | (d->entry >> 13 & 0xff) << 32, out, error);
	}
	r = mark(d, PTE_A);
	if (r < 0) {
		return r;
	}
	r = read_entry(d, gpa((d->entry & 0xfffff000) + (d->linear >> 12 & 0x3ff) * 4), 4, error);
	if (r < 0) {
		return r;
	}
	fold_rights(d);
	return finish(d, 12, d->entry & 0xfffff000, out, error);
}

/* Levels of 512 entries of 8 bytes from the table at base down; large pages at levels 2 and 3. */
static int walk_levels(struct descent *d, uint64_t base, unsigned level, gpa_t *out, uint32_t *error)
{
	unsigned largest = long_mode(d->c) ? 3 : 2;

	for (;; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		int r = read_entry(d, gpa(base + (d->linear >> shift & 0x1ff) * 8), 8, error);

		if (r < 0) {
			return r;
		}
		fold_rights(d);
		if (level == 1) {
			return finish(d, shift, d->entry & PTE_ADDRESS, out, error);
		}
		if (d->entry & PTE_PS) {
			/* Bit 12 of a large page is its PAT bit, the rest up to the page's size is reserved. */
			uint64_t zero = ((1ull << shift) - 1) & PTE_ADDRESS & ~0x1000ull;

			if (level > largest || d->entry & zero) {
				return reserved(d, error);
			}
			return finish(d, shift, d->entry & PTE_ADDRESS, out, error);
		}
		r = mark(d, PTE_A);
		if (r < 0) {
			return r;
		}
		base = d->entry & PTE_ADDRESS;
	}
}

/* PAE: four pointers without rights above two levels. */
static int walk_pae(struct descent *d, gpa_t *out, uint32_t *error)
{
	int r = read_entry(d, gpa((d->c->cr3 & 0xffffffe0) + (d->linear >> 30 & 3) * 8), 8, error);

	if (r < 0) {
		return r;
	}
	if (d->entry & (PTE_NX | 0x1e6)) {
		return reserved(d, error);
	}
	return walk_levels(d, d->entry & PTE_ADDRESS, 2, out, error);
}

int walk(const struct gmem *mem, const struct walk_context *c, uint64_t linear, enum walk_access access, gpa_t *out,
	 uint32_t *error)
{
	struct descent d = { .mem = mem, .c = c, .linear = linear, .access = access, .writable = true, .user = true };
	int r;

	if (!long_mode(c)) {
		d.linear &= 0xffffffff;
	}
	if (!(c->cr0 & CR0_PG)) {
		*out = gpa(d.linear);
		return OK;
	}
	if (long_mode(c)) {
		r = walk_levels(&d, c->cr3 & PTE_ADDRESS, c->cr4 & CR4_LA57 ? 5 : 4, out, error);
	} else if (is_pae(c)) {
		r = walk_pae(&d, out, error);
	} else {
		r = walk_legacy(&d, out, error);
	}
	if (r == E_RANGE) {
		*out = d.entry_at;
	}
	return r;
}
