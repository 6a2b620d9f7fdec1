/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's state in the VMCS and beside it. SDM 3C 25.4, 27.3.1. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/log.h"
#include "kernel/panic.h"

/* Members of struct vcpu_state in the order of the VMCS. */
static const uint16_t segments[SEGMENTS] = {
	offsetof(struct vcpu_state, es), offsetof(struct vcpu_state, cs), offsetof(struct vcpu_state, ss),
	offsetof(struct vcpu_state, ds), offsetof(struct vcpu_state, fs), offsetof(struct vcpu_state, gs),
	offsetof(struct vcpu_state, ldtr), offsetof(struct vcpu_state, tr), offsetof(struct vcpu_state, gdtr),
	offsetof(struct vcpu_state, idtr),
};

/* Where a 64-bit member of struct vcpu_state stands: in struct vmx, or in a field of the VMCS. */
#define WORD(in_state, in_vmx) { offsetof(struct vcpu_state, in_state), offsetof(struct vmx, in_vmx), 0 }
#define FIELD(in_state, field) { offsetof(struct vcpu_state, in_state), 0, field }

static const struct word {
	uint16_t in_state, in_vmx, field;
} words[] = {
	WORD(cr0, cr0), WORD(cr2, cr2), WORD(cr4, cr4), WORD(efer, efer), WORD(dr6, dr6), WORD(pat, pat),
	WORD(star, msr[0]), WORD(lstar, msr[1]), WORD(cstar, msr[2]), WORD(sfmask, msr[3]), WORD(kernel_gs_base, msr[4]),
	FIELD(cr3, VMCS_GUEST_CR3), FIELD(dr7, VMCS_GUEST_DR7), FIELD(sysenter_cs, VMCS_GUEST_SYSENTER_CS),
	FIELD(sysenter_esp, VMCS_GUEST_SYSENTER_ESP), FIELD(sysenter_eip, VMCS_GUEST_SYSENTER_EIP),
};

static uint64_t *member(const void *record, size_t offset)
{
	return (uint64_t *)((char *)(uintptr_t)record + offset);
}

static uint64_t rights(unsigned segment)
{
	return vmread(VMCS_SEGMENT(VMCS_GUEST_RIGHTS, segment));
}

/* ---- what fetch and page walks ask ---- */

static bool is_64bit(const struct vmx *x, uint64_t cs)
{
	return (x->efer & EFER_LMA) && (cs & SEG_L);
}

void vmx_mode(const struct vcpu *v, struct guest_mode *m)
{
	const struct vmx *x = vmx_of(v);
	uint64_t cs = rights(SEGMENT_CS);

	m->cs_base = is_64bit(x, cs) ? 0 : vmread(VMCS_SEGMENT(VMCS_GUEST_BASE, SEGMENT_CS));
	m->cr0 = x->cr0;
	m->cr3 = vmread(VMCS_GUEST_CR3);
	m->cr4 = x->cr4;
	m->efer = x->efer;
	m->cs_attr = cs & RIGHTS_MASK;
	m->cpl = rights(SEGMENT_SS) >> 5 & 3;
}

bool vmx_mode_is(const struct vcpu *v, const struct guest_mode *m)
{
	const struct vmx *x = vmx_of(v);
	uint64_t cs;

	if (vmread(VMCS_GUEST_CR3) != m->cr3 || x->cr0 != m->cr0 || x->cr4 != m->cr4 || x->efer != m->efer) {
		return false;
	}
	cs = rights(SEGMENT_CS);
	return (cs & RIGHTS_MASK) == m->cs_attr && (rights(SEGMENT_SS) >> 5 & 3) == m->cpl &&
	       (is_64bit(x, cs) || vmread(VMCS_SEGMENT(VMCS_GUEST_BASE, SEGMENT_CS)) == m->cs_base);
}

/* ---- control registers ---- */

/* PDPTEs are loaded with the control registers, and entered with from here (SDM 3A 4.4.1, 3C 27.3.2.4). */
static bool load_pdptes(struct vcpu *v)
{
	uint64_t e[4] = { 0 }, reserved = 0x1e6 | ~0ull << cpu_features.phys_bits;
	bool ok = vm_read(v->vm, vmread(VMCS_GUEST_CR3) & 0xffffffe0, e, sizeof(e)) == OK;

	for (unsigned i = 0; i < ARRAY_SIZE(e); i++) {
		ok = ok && !((e[i] & 1) && (e[i] & reserved));
		vmwrite(VMCS_GUEST_PDPTE + 2 * i, e[i]);
	}
	return ok;
}

static bool is_pae(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA);
}

/* NE and VMXE must be set, MCE is the host's; an entry takes no caching from CR0, so CD is the guest's idea only. */
static void load_controls(struct vcpu *v)
{
	const struct vmx *x = vmx_of(v);

	vmwrite(VMCS_CR0_SHADOW, x->cr0);
	vmwrite(VMCS_CR4_SHADOW, x->cr4);
	vmwrite(VMCS_GUEST_CR0, (x->cr0 & ~(uint64_t)(CR0_CD | CR0_NW)) | CR0_NE);
	vmwrite(VMCS_GUEST_CR4, x->cr4 | CR4_VMXE | CR4_MCE);
	vmwrite(VMCS_GUEST_EFER, x->efer);
	vmwrite(VMCS_ENTRY, vmx_entry_control | (x->efer & EFER_LMA ? ENTRY_LONG_MODE : 0));
}

/*
 * The transitions that fault, beside values that always do (SDM 2B MOV to control registers): paging off in 64-bit
 * code, long mode switched on in a segment with L or with a 16-bit TSS.
 */
static bool may_change(const struct guest_mode *old, const struct guest_mode *m)
{
	bool was_long = (old->efer & EFER_LMA) != 0, is_long = (m->efer & EFER_LMA) != 0;

	if (was_long == is_long) {
		return true;
	}
	return !(m->cs_attr & SEG_L) && (was_long || (rights(SEGMENT_TR) & 0xf) != 3);
}

bool vmx_write_cr(struct vcpu *v, unsigned cr, uint64_t val)
{
	const uint64_t reload0 = CR0_PG | CR0_CD | CR0_NW, reload4 = CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP;
	struct vmx *x = vmx_of(v);
	struct guest_mode old, m;
	bool pdptes;

	vmx_mode(v, &old);
	m = old;
	*(cr == 0 ? &m.cr0 : &m.cr4) = cr == 0 && !(val >> 32) ? val & STATE_CR0_VALID : val;
	if (!state_mode_valid(&m) || !may_change(&old, &m)) {
		return false;
	}
	pdptes = is_pae(m.cr0, m.cr4, m.efer) && (((old.cr0 ^ m.cr0) & reload0) || ((old.cr4 ^ m.cr4) & reload4));
	if (pdptes && !load_pdptes(v)) {
		return false;
	}
	x->cr0 = m.cr0;
	x->cr4 = m.cr4;
	x->efer = m.efer;
	load_controls(v);
	vmx_flush_vpid(v);
	return true;
}

/* ---- all of it ---- */

static const struct word *find(size_t in_state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].in_state == in_state) {
			return &words[i];
		}
	}
	panic("no such word of the guest's state");
}

static uint64_t get(const struct vmx *x, const struct word *w)
{
	return w->field ? vmread(w->field) : *member(x, w->in_vmx);
}

static void put(struct vmx *x, const struct word *w, uint64_t val)
{
	if (w->field) {
		vmwrite(w->field, val);
	} else {
		*member(x, w->in_vmx) = val;
	}
}

uint64_t vmx_get_word(const struct vcpu *v, size_t offset)
{
	if (offset == offsetof(struct vcpu_state, dr6) && v->dr_loaded) {
		return read_dr6();
	}
	return get(vmx_of(v), find(offset));
}

void vmx_set_word(struct vcpu *v, size_t offset, uint64_t val)
{
	put(vmx_of(v), find(offset), val);
	if (offset == offsetof(struct vcpu_state, efer)) {
		load_controls(v);
	} else if (offset == offsetof(struct vcpu_state, dr6) && v->dr_loaded) {
		write_dr6(val);
	}
}

static void get_segment(unsigned i, struct vcpu_segment *s)
{
	s->base = vmread(VMCS_SEGMENT(VMCS_GUEST_BASE, i));
	s->limit = (uint32_t)vmread(VMCS_SEGMENT(VMCS_GUEST_LIMIT, i));
	if (i < SEGMENTS_WITH_RIGHTS) {
		uint64_t r = rights(i);

		s->selector = (uint16_t)vmread(VMCS_SEGMENT(VMCS_GUEST_SELECTOR, i));
		s->attr = (uint16_t)(r & RIGHTS_MASK & (r & RIGHTS_UNUSABLE ? ~(uint64_t)SEG_P : ~0ull));
	}
}

static void set_segment(unsigned i, const struct vcpu_segment *s)
{
	vmwrite(VMCS_SEGMENT(VMCS_GUEST_BASE, i), s->base);
	vmwrite(VMCS_SEGMENT(VMCS_GUEST_LIMIT, i), i < SEGMENTS_WITH_RIGHTS ? s->limit : s->limit & 0xffff);
	if (i < SEGMENTS_WITH_RIGHTS) {
		vmwrite(VMCS_SEGMENT(VMCS_GUEST_SELECTOR, i), s->selector);
		vmwrite(VMCS_SEGMENT(VMCS_GUEST_RIGHTS, i), (s->attr & RIGHTS_MASK) | (s->attr & SEG_P ? 0 : RIGHTS_UNUSABLE));
	}
}

void vmx_get(struct vcpu *v, struct vcpu_state *s)
{
	struct vmx *x = vmx_of(v);

	vmx_use(v);
	if (x->msrs_loaded) {
		vmx_save_msrs(v);
		vmx_load_msrs(v);
	}
	for (unsigned i = 0; i < SEGMENTS; i++) {
		get_segment(i, (struct vcpu_segment *)member(s, segments[i]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		*member(s, words[i].in_state) = get(x, &words[i]);
	}
}

void vmx_set(struct vcpu *v, const struct vcpu_state *s)
{
	struct vmx *x = vmx_of(v);

	vmx_use(v);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		set_segment(i, (const struct vcpu_segment *)member(s, segments[i]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		put(x, &words[i], *member(s, words[i].in_state));
	}
	if (x->msrs_loaded) {
		vmx_load_msrs(v);
	}
	if (is_pae(x->cr0, x->cr4, x->efer)) {
		(void)load_pdptes(v);        /* what it cannot load is absent to the guest */
	}
	load_controls(v);
	x->flushed_cpu = NO_CPU;
}

/* ---- debug registers: loaded at the first access, or while breakpoints are active ---- */

void vmx_load_debug(struct vcpu *v)
{
	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
	write_dr6(vmx_of(v)->dr6);
	v->dr_loaded = true;
}

void vmx_unload_debug(struct vcpu *v)
{
	v->dr[0] = read_dr0();
	v->dr[1] = read_dr1();
	v->dr[2] = read_dr2();
	v->dr[3] = read_dr3();
	vmx_of(v)->dr6 = read_dr6();
	v->dr_loaded = false;
}

void vmx_dump(const struct vcpu *v)
{
	const struct vmx *x = vmx_of(v);

	log_printf("  rip %#lx rflags %#lx rsp %#lx ss %04lx rights %#lx", v->rip, v->rflags, v->page->gpr[GPR_RSP],
		   vmread(VMCS_SEGMENT(VMCS_GUEST_SELECTOR, SEGMENT_SS)), rights(SEGMENT_SS));
	log_printf("  cr0 %#lx cr2 %#lx cr3 %#lx cr4 %#lx efer %#lx", x->cr0, x->cr2, vmread(VMCS_GUEST_CR3), x->cr4, x->efer);
	log_printf("  cs %04lx base %#lx limit %#lx rights %#lx, tr rights %#lx",
		   vmread(VMCS_SEGMENT(VMCS_GUEST_SELECTOR, SEGMENT_CS)), vmread(VMCS_SEGMENT(VMCS_GUEST_BASE, SEGMENT_CS)),
		   vmread(VMCS_SEGMENT(VMCS_GUEST_LIMIT, SEGMENT_CS)), rights(SEGMENT_CS), rights(SEGMENT_TR));
	log_printf("  exit %#lx qualification %#lx address %#lx vectoring %#lx event %#lx blocking %#x", vmread(VMCS_REASON),
		   vmread(VMCS_QUALIFICATION), vmread(VMCS_GUEST_PHYSICAL), vmread(VMCS_VECTORING), vmread(VMCS_ENTRY_EVENT),
		   x->interruptibility);
}
