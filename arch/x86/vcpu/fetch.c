/* SPDX-License-Identifier: Apache-2.0 */
/* Guest page walk through the slots, and the validated fetch cache. SDM 3A 4, APM 2 5. */
#include "arch/x86/vcpu/fetch.h"

#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/vcpu/ops.h"
#include "arch/x86/vcpu/vcpu.h"

enum { PTE_PRESENT = 1, PTE_LARGE = 1 << 7 };

#define PTE_ADDRESS 0x000ffffffffff000ull

/* Shape of the guest's tables. */
struct walk_form {
	uint8_t levels, index_bits, entry_bytes;
	uint64_t root;
};

static bool long_mode(const struct guest_mode *m)
{
	return (m->efer & EFER_LMA) != 0;
}

enum insn_mode guest_insn_mode(const struct guest_mode *m)
{
	if (long_mode(m) && (m->cs_attr & SEG_L)) {
		return INSN_64;
	}
	return m->cs_attr & SEG_D ? INSN_32 : INSN_16;
}

/* CR0.PG, CR4.PAE, CR4.LA57 and EFER.LMA in one word: what decides the shape of a walk. */
static uint64_t walk_mode(const struct guest_mode *m)
{
	return (m->cr0 & CR0_PG) | (m->cr4 & (CR4_PAE | CR4_LA57)) | (m->efer & EFER_LMA);
}

static struct walk_form walk_form(const struct guest_mode *m)
{
	if (long_mode(m)) {
		return (struct walk_form){ m->cr4 & CR4_LA57 ? 5 : 4, 9, 8, m->cr3 & PTE_ADDRESS };
	}
	if (m->cr4 & CR4_PAE) {
		return (struct walk_form){ 3, 9, 8, m->cr3 & 0xffffffe0 };
	}
	return (struct walk_form){ 2, 10, 4, m->cr3 & 0xfffff000 };
}

static bool read_entry(uint64_t uva, unsigned bytes, uint64_t *out)
{
	uint32_t small;

	if (bytes == 8) {
		return user_read64(uva, out);
	}
	if (!user_read_bytes(uva, &small, 4)) {
		return false;
	}
	*out = small;
	return true;
}

/* Bits 39-32 of a 4 MiB page's address stand in bits 20-13 of its entry (PSE-36). */
static uint64_t large_frame(uint64_t entry, const struct walk_form *f, uint64_t mask)
{
	uint64_t frame = entry & PTE_ADDRESS & ~mask;

	return f->entry_bytes == 4 ? (frame & 0xffc00000) | (entry >> 13 & 0xff) << 32 : frame;
}

static bool walk_tables(struct vcpu *v, const struct guest_mode *m, uint64_t linear, uint64_t *gpa,
			struct fetch_cache *c)
{
	struct walk_form f = walk_form(m);
	uint64_t table = f.root, entry, mask;

	for (unsigned level = f.levels; level-- > 0;) {
		unsigned shift = PAGE_SHIFT + level * f.index_bits, at = f.levels - 1u - level;
		uint64_t index = linear >> shift & ((1ull << f.index_bits) - 1);
		uint64_t uva = vm_user_address(v->vm, table + index * f.entry_bytes, f.entry_bytes);

		if (!uva || !read_entry(uva, f.entry_bytes, &entry) || !(entry & PTE_PRESENT)) {
			return false;
		}
		c->entry_uva[at] = uva;
		c->entry[at] = entry;
		c->levels = (uint8_t)(at + 1);
		mask = (1ull << shift) - 1;
		if (level > 0 && level < 3 && (entry & PTE_LARGE) && (f.entry_bytes == 8 || (m->cr4 & CR4_PSE))) {
			*gpa = large_frame(entry, &f, mask) | (linear & mask);
			return true;
		}
		table = entry & (f.entry_bytes == 8 ? PTE_ADDRESS : 0xfffff000);
	}
	*gpa = table | (linear & (PAGE_SIZE - 1));
	return true;
}

bool guest_walk(struct vcpu *v, const struct guest_mode *m, uint64_t linear, uint64_t *gpa, struct fetch_cache *c)
{
	struct fetch_cache scratch;

	c = c ? c : &scratch;
	c->levels = 0;
	if (!long_mode(m)) {
		linear &= 0xffffffff;
	}
	if (!(m->cr0 & CR0_PG)) {
		*gpa = linear;
		return true;
	}
	return walk_tables(v, m, linear, gpa, c);
}

/* The cached way is still what the guest's tables say. Entries of 4-byte tables are compared as far as they were read. */
static bool cache_valid(const struct fetch_cache *c, uint64_t cr3, uint64_t mode, uint64_t page)
{
	uint64_t entry;

	if (!c->valid || c->page != page || c->cr3 != cr3 || c->mode != mode) {
		return false;
	}
	for (unsigned i = 0; i < c->levels; i++) {
		if (!user_read64(c->entry_uva[i], &entry) || entry != c->entry[i]) {
			return false;
		}
	}
	return true;
}

/* User address of the guest's linear page, by the cache where that holds. */
static uint64_t code_page(struct vcpu *v, const struct guest_mode *m, uint64_t page)
{
	struct fetch_cache *c = &v->fetch;
	uint64_t mode = walk_mode(m), gpa;

	if (cache_valid(c, m->cr3, mode, page)) {
		return c->uva;
	}
	c->valid = false;
	if (!guest_walk(v, m, page, &gpa, c)) {
		return 0;
	}
	c->uva = vm_user_address(v->vm, gpa & ~(uint64_t)(PAGE_SIZE - 1), PAGE_SIZE);
	c->page = page;
	c->cr3 = m->cr3;
	c->mode = mode;
	/* 4-byte entries are not kept: the check reads 8. */
	c->valid = c->uva && (!(m->cr0 & CR0_PG) || (m->cr4 & CR4_PAE));
	return c->uva;
}

unsigned fetch_code(struct vcpu *v, const struct guest_mode *m, uint8_t out[16])
{
	uint64_t linear = v->rip + m->cs_base, offset, uva;
	unsigned first;

	if (guest_insn_mode(m) == INSN_64) {
		linear = v->rip;
	} else {
		linear &= 0xffffffff;
	}
	offset = linear & (PAGE_SIZE - 1);
	uva = code_page(v, m, linear - offset);
	if (!uva) {
		return 0;
	}
	if (offset <= PAGE_SIZE - 16) {
		return user_read_bytes(uva + offset, out, 16) ? 16 : 0;
	}
	first = (unsigned)(PAGE_SIZE - offset);
	__builtin_memset(out, 0, 16);
	if (!user_read_bytes(uva + offset, out, first)) {
		return 0;
	}
	uva = code_page(v, m, linear - offset + PAGE_SIZE);
	return uva && user_read_bytes(uva, out + first, 16 - first) ? 16 : first;
}
