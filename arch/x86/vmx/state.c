/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's state in the VMCS and beside it. SDM 3C 25.4, 27.3.1. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vmx/vmx.h"

_Static_assert(offsetof(struct vcpu_state, idtr) == offsetof(struct vcpu_state, es) + (SEGMENTS - 1) * sizeof(struct vcpu_segment),
	       "segments in the order of the VMCS");

/* Of the words of struct vmx, these stand in the VMCS. */
static const struct {
	uint16_t offset, field;      /* in struct vcpu_state                                          */
} fields[] = {
	{ offsetof(struct vcpu_state, cr3), VMCS_GUEST_CR3 }, { offsetof(struct vcpu_state, dr7), VMCS_GUEST_DR7 },
	{ offsetof(struct vcpu_state, sysenter_cs), VMCS_GUEST_SYSENTER_CS },
	{ offsetof(struct vcpu_state, sysenter_esp), VMCS_GUEST_SYSENTER_ESP },
	{ offsetof(struct vcpu_state, sysenter_eip), VMCS_GUEST_SYSENTER_EIP },
};

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
static bool load_pdptes(struct vcpu *v, uint64_t cr3)
{
	uint64_t e[4] = { 0 }, reserved = 0x1e6 | ~0ull << cpu_features.phys_bits;
	bool ok = vm_read(v->vm, cr3 & 0xffffffe0, e, sizeof(e)) == OK;

	for (unsigned i = 0; i < ARRAY_SIZE(e); i++) {
		ok = ok && !((e[i] & 1) && (e[i] & reserved));
		vmwrite(VMCS_GUEST_PDPTE + 2 * i, e[i]);
	}
	return ok;
}

static bool is_pae(const struct guest_mode *m)
{
	return (m->cr0 & CR0_PG) && (m->cr4 & CR4_PAE) && !(m->efer & EFER_LMA);
}

/* NE and VMXE must be set, MCE is the host's; an entry takes no caching from CR0, so CD is the guest's idea only. */
static void load_controls(struct vmx *x, const struct guest_mode *m)
{
	x->cr0 = m->cr0;
	x->cr4 = m->cr4;
	x->efer = m->efer;
	vmwrite(VMCS_CR0_SHADOW, m->cr0);
	vmwrite(VMCS_CR4_SHADOW, m->cr4);
	vmwrite(VMCS_GUEST_CR0, (m->cr0 & ~(uint64_t)(CR0_CD | CR0_NW)) | CR0_NE);
	vmwrite(VMCS_GUEST_CR4, m->cr4 | CR4_VMXE | CR4_MCE);
	vmwrite(VMCS_GUEST_EFER, m->efer);
	vmwrite(VMCS_ENTRY, vmx_entry_control | (m->efer & EFER_LMA ? ENTRY_LONG_MODE : 0));
}

bool vmx_set_mode(struct vcpu *v, const struct guest_mode *m)
{
	const uint64_t reload0 = CR0_PG | CR0_CD | CR0_NW, reload4 = CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP;
	struct vmx *x = vmx_of(v);

	if (is_pae(m) && (((x->cr0 ^ m->cr0) & reload0) || ((x->cr4 ^ m->cr4) & reload4)) && !load_pdptes(v, m->cr3)) {
		return false;
	}
	load_controls(x, m);
	vmx_flush_vpid(v);
	return true;
}

/* ---- all of it ---- */

static uint64_t *word(const struct vcpu *v, size_t offset)
{
	return &vmx_of(v)->cr0 + (offset - offsetof(struct vcpu_state, cr0)) / sizeof(uint64_t);
}

uint64_t vmx_get_word(const struct vcpu *v, size_t offset)
{
	return offset == offsetof(struct vcpu_state, dr6) && v->dr_loaded ? read_dr6() : *word(v, offset);
}

void vmx_set_word(struct vcpu *v, size_t offset, uint64_t val)
{
	*word(v, offset) = val;
	if (offset == offsetof(struct vcpu_state, efer)) {
		vmwrite(VMCS_GUEST_EFER, val);       /* LMA does not change so */
	} else if (offset == offsetof(struct vcpu_state, dr6) && v->dr_loaded) {
		write_dr6(val);
	} else if (offset >= offsetof(struct vcpu_state, star) && offset <= offsetof(struct vcpu_state, sfmask)) {
		vmx_load_syscall(vmx_of(v));
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
	vmx_use(v);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		get_segment(i, &s->es + i);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		*word(v, fields[i].offset) = vmread(fields[i].field);
	}
	__builtin_memcpy(&s->cr0, &vmx_of(v)->cr0, STATE_SPAN);
}

void vmx_set(struct vcpu *v, const struct vcpu_state *s)
{
	struct vmx *x = vmx_of(v);
	struct guest_mode m;

	vmx_use(v);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		set_segment(i, &s->es + i);
	}
	__builtin_memcpy(&x->cr0, &s->cr0, STATE_SPAN);
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		vmwrite(fields[i].field, *word(v, fields[i].offset));
	}
	vmx_mode(v, &m);
	if (is_pae(&m)) {
		(void)load_pdptes(v, m.cr3);         /* what it cannot load is absent to the guest */
	}
	load_controls(x, &m);
	x->flushed_generation = NEVER;
}
