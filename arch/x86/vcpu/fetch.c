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

static struct walk_form walk_form(const struct guest_mode *m)
{
	if (long_mode(m)) {
		return (struct walk_form){ 4, 9, 8, m->cr3 & PTE_ADDRESS };
	}
	if (m->cr4 & CR4_PAE) {
		return (struct walk_form){ 3, 9, 8, m->cr3 & 0xffffffe0 };
	}
	return (struct walk_form){ 2, 10, 4, m->cr3 & 0xfffff000 };
}

/* Bits 39-32 of a 4 MiB page's address stand in bits 20-13 of its entry (PSE-36). */
static uint64_t large_frame(uint64_t entry, const struct walk_form *f, uint64_t mask)
{
	uint64_t frame = entry & PTE_ADDRESS & ~mask;

	return f->entry_bytes == 4 ? (frame & 0xffc00000) | (entry >> 13 & 0xff) << 32 : frame;
}

/* Guest-linear to guest-physical without permission checks: the CPU has done them. */
static bool walk_tables(struct vcpu *v, uint64_t linear, uint64_t *gpa, struct fetch_cache *c)
{
	const struct guest_mode *m = &v->fetch.mode;
	struct walk_form f = walk_form(m);
	uint64_t table = f.root;

	for (unsigned level = f.levels; level-- > 0;) {
		unsigned shift = PAGE_SHIFT + level * f.index_bits, at = f.levels - 1u - level;
		uint64_t index = linear >> shift & ((1ull << f.index_bits) - 1), mask = (1ull << shift) - 1;
		uint64_t uva = vm_user_address(v->vm, table + index * f.entry_bytes, f.entry_bytes), entry = 0;

		if (!uva || copy_from_user(&entry, uva, f.entry_bytes) < 0 || !(entry & PTE_PRESENT)) {
			return false;
		}
		c->entry_uva[at] = uva;
		c->entry[at] = entry;
		if (level > 0 && level < 3 && (entry & PTE_LARGE) && (f.entry_bytes == 8 || (m->cr4 & CR4_PSE))) {
			*gpa = large_frame(entry, &f, mask) | (linear & mask);
			return true;
		}
		table = entry & (f.entry_bytes == 8 ? PTE_ADDRESS : 0xfffff000);
	}
	*gpa = table | (linear & (PAGE_SIZE - 1));
	return true;
}

/* Offsets of the fields that the assembly below reads. */
#define AT(field) "i"(offsetof(struct fetch_cache, field))
#define CHECK_ENTRY(n, uva, val)                                                                                          \
	"movq %c[" uva "](%[c]), %[a]\n"                                                                                  \
	n ":\tmovq (%[a]), %[a]\n\t"                                                                                     \
	"cmpq %[a], %c[" val "](%[c])\n\t"                                                                                \
	"jne 9f\n\t" EXTABLE(n "b", "9f")

/* One opening of SMAP for all: the entries that led to the page, then 16 bytes. */
struct code_bytes fetch_hit(const struct vcpu *v)
{
	const struct fetch_cache *c = &v->fetch;
	uint64_t offset = v->rip - c->page_rip, low, high = 0;

	if (offset > PAGE_SIZE - 16) {
		return (struct code_bytes){ 0, 0 };
	}
	__asm__ volatile(STAC
			 CHECK_ENTRY("1", "u0", "e0")
			 CHECK_ENTRY("2", "u1", "e1")
			 CHECK_ENTRY("3", "u2", "e2")
			 CHECK_ENTRY("4", "u3", "e3")
			 "5:\tmovq 8(%[code]), %[b]\n"
			 "6:\tmovq (%[code]), %[a]\n\t"
			 "jmp 8f\n"
			 "9:\txorl %k[a], %k[a]\n\t"
			 "xorl %k[b], %k[b]\n"
			 "8:\t" CLAC EXTABLE("5b", "9b") EXTABLE("6b", "9b")
			 : [a] "=&r"(low), [b] "+&r"(high)
			 : [c] "r"(c), [code] "r"(c->uva + offset),
			   [u0] AT(entry_uva[0]), [u1] AT(entry_uva[1]), [u2] AT(entry_uva[2]), [u3] AT(entry_uva[3]),
			   [e0] AT(entry[0]), [e1] AT(entry[1]), [e2] AT(entry[2]), [e3] AT(entry[3])
			 : "memory", "cc");
	return (struct code_bytes){ low, high };
}

/* User address of the guest's linear page, and the way to it in c. 0: not mapped. */
static uint64_t code_page(struct vcpu *v, uint64_t page, struct fetch_cache *c)
{
	const struct guest_mode *m = &v->fetch.mode;
	uint64_t gpa = long_mode(m) ? page : page & 0xffffffff;

	for (unsigned i = 0; i < WALK_LEVELS_MAX; i++) {
		c->entry[i] = (uint64_t)c;
		c->entry_uva[i] = (uint64_t)&c->entry[i];
	}
	if ((m->cr0 & CR0_PG) && ((m->cr4 & CR4_LA57) || !walk_tables(v, gpa, &gpa, c))) {
		return 0;
	}
	return vm_user_address(v->vm, gpa, PAGE_SIZE);
}

/* 4-byte entries are not kept: the check compares 8. */
static bool can_keep(const struct guest_mode *m)
{
	return !(m->cr0 & CR0_PG) || (m->cr4 & CR4_PAE);
}

/* Walks and fills the cache. Apart, so that the hit does not pay for its frame. */
static __attribute__((noinline)) unsigned fetch_slowly(struct vcpu *v, uint8_t out[16])
{
	struct fetch_cache *c = &v->fetch, scratch;
	const struct guest_mode *m = &c->mode;
	uint64_t linear, offset, uva;
	unsigned first;

	__builtin_memset(out, 0, 16);
	vcpu_ops->mode(v, &c->mode);
	linear = guest_insn_mode(m) == INSN_64 ? v->rip : (v->rip + m->cs_base) & 0xffffffff;
	offset = linear & (PAGE_SIZE - 1);
	c->uva = code_page(v, linear - offset, c);
	c->page_rip = c->uva && can_keep(m) ? v->rip - offset : FETCH_NOTHING;
	__builtin_memset(out, 0, 16);
	if (!c->uva) {
		return 0;
	}
	first = offset <= PAGE_SIZE - 16 ? 16 : (unsigned)(PAGE_SIZE - offset);
	if (copy_from_user(out, c->uva + offset, first) < 0) {
		return 0;
	}
	uva = first < 16 ? code_page(v, linear - offset + PAGE_SIZE, &scratch) : 0;
	return uva && copy_from_user(out + first, uva, 16 - first) == OK ? 16 : first;
}

unsigned fetch_code(struct vcpu *v, uint8_t out[16])
{
	struct code_bytes b = { 0, 0 };

	if (vcpu_ops->mode_is(v, &v->fetch.mode)) {
		b = fetch_hit(v);
	}
	if (!(b.low | b.high)) {
		return fetch_slowly(v, out);
	}
	__builtin_memcpy(out, &b.low, sizeof(b.low));
	__builtin_memcpy(out + sizeof(b.low), &b.high, sizeof(b.high));
	return 16;
}

const struct insn_info *fetch_insn(struct vcpu *v)
{
	struct insn_memo *memo = &v->memo[(v->rip ^ v->rip >> 4) % INSN_MEMO_COUNT];
	union { uint8_t b[16]; uint64_t w[2]; } code;
	unsigned n = fetch_code(v, code.b);
	enum insn_mode mode = guest_insn_mode(&v->fetch.mode);

	if (memo->bytes[0] != code.w[0] || memo->bytes[1] != code.w[1] || memo->n != n || memo->mode != mode) {
		memo->bytes[0] = code.w[0];
		memo->bytes[1] = code.w[1];
		memo->n = (uint8_t)n;
		memo->mode = (uint8_t)mode;
		memo->ok = false;
	}
	v->asked = memo->ok ? NULL : memo;
	return memo->ok ? &memo->insn : NULL;
}
