/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's state in the VMCB. APM 2 15.5, appendix B. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/svm/svm.h"
#include "kernel/panic.h"

/* Where a member of struct vcpu_state stands in the VMCB. */
struct place {
	uint16_t in_state, in_vmcb;
};

#define PLACE(field) { offsetof(struct vcpu_state, field), offsetof(struct vmcb, field) }

static const struct place segments[] = {
	PLACE(es), PLACE(cs), PLACE(ss), PLACE(ds), PLACE(fs), PLACE(gs), PLACE(ldtr), PLACE(tr), PLACE(gdtr), PLACE(idtr),
};

static const struct place words[] = {
	PLACE(cr0), PLACE(cr2), PLACE(cr3), PLACE(cr4), PLACE(efer), PLACE(dr6), PLACE(dr7), PLACE(pat), PLACE(star),
	PLACE(lstar), PLACE(cstar), PLACE(sfmask), PLACE(kernel_gs_base), PLACE(sysenter_cs), PLACE(sysenter_esp),
	PLACE(sysenter_eip),
};

/* The VMCB packs descriptor bits 40-47 and 52-55 in 12 bits; elsewhere bits 52-55 stay at 12-15. */
static uint16_t pack(uint16_t attr)
{
	return (uint16_t)((attr & 0xff) | (attr >> 4 & 0xf00));
}

static uint16_t unpack(uint16_t attr)
{
	return (uint16_t)((attr & 0xff) | (attr & 0xf00) << 4);
}

void svm_mode(const struct vcpu *v, struct guest_mode *m)
{
	const struct vmcb *c = svm_vmcb(v);

	m->cs_base = c->cs.base;
	m->cr0 = c->cr0;
	m->cr3 = c->cr3;
	m->cr4 = c->cr4;
	m->efer = c->efer & ~(uint64_t)EFER_SVME;
	m->cs_attr = unpack(c->cs.attr);
	m->cpl = c->cpl;
}

bool svm_mode_is(const struct vcpu *v, const struct guest_mode *m)
{
	const struct vmcb *c = svm_vmcb(v);

	return c->cr3 == m->cr3 && c->cr0 == m->cr0 && c->cr4 == m->cr4 && c->efer == (m->efer | EFER_SVME) &&
	       c->cs.base == m->cs_base && c->cpl == m->cpl && unpack(c->cs.attr) == m->cs_attr;
}

bool svm_set_mode(struct vcpu *v, const struct guest_mode *m)
{
	struct vmcb *c = svm_vmcb(v);

	c->cr0 = m->cr0;
	c->cr4 = m->cr4;
	c->efer = m->efer | EFER_SVME;
	c->host_asid_generation = 0;
	return true;
}

static uint64_t *word(const struct vcpu *v, size_t in_state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].in_state == in_state) {
			return (uint64_t *)((char *)svm_vmcb(v) + words[i].in_vmcb);
		}
	}
	panic("no such word of the VMCB");
}

/* SVME has to be set while a guest runs; it does not see that. */
uint64_t svm_get_word(const struct vcpu *v, size_t offset)
{
	uint64_t val = *word(v, offset);

	return offset == offsetof(struct vcpu_state, efer) ? val & ~(uint64_t)EFER_SVME : val;
}

void svm_set_word(struct vcpu *v, size_t offset, uint64_t val)
{
	*word(v, offset) = offset == offsetof(struct vcpu_state, efer) ? val | EFER_SVME : val;
}

void svm_get(struct vcpu *v, struct vcpu_state *s)
{
	for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
		const struct vmcb_segment *from = (void *)((char *)svm_vmcb(v) + segments[i].in_vmcb);
		struct vcpu_segment *to = (void *)((char *)s + segments[i].in_state);

		*to = (struct vcpu_segment){ from->base, from->limit, from->selector, unpack(from->attr) };
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		*(uint64_t *)((char *)s + words[i].in_state) = svm_get_word(v, words[i].in_state);
	}
}

void svm_set(struct vcpu *v, const struct vcpu_state *s)
{
	for (unsigned i = 0; i < ARRAY_SIZE(segments); i++) {
		const struct vcpu_segment *from = (const void *)((const char *)s + segments[i].in_state);
		struct vmcb_segment *to = (void *)((char *)svm_vmcb(v) + segments[i].in_vmcb);

		*to = (struct vmcb_segment){ from->selector, pack(from->attr), from->limit, from->base };
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		svm_set_word(v, words[i].in_state, *(const uint64_t *)((const char *)s + words[i].in_state));
	}
	/* The CPU goes by VMCB.CPL, QEMU by SS.DPL: both say the same. */
	svm_vmcb(v)->cpl = s->ss.attr >> 5 & 3;
	svm_vmcb(v)->host_asid_generation = 0;       /* translations of the old state */
}
