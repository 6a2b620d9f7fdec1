/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and replacing a vCPU's state. The vmm is not trusted: what could harm the host is checked here. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"

/* Standard XSAVE area (SDM 1 13.4): MXCSR, and the header's first two words. */
enum { XSAVE_MXCSR = 24, XSAVE_HEADER = 512, XSAVE_HEADER_BYTES = 64, MXCSR_VALID = 0xffff };

/* What the record and struct vcpu have in common as it stands. */
#define WORD(field) { offsetof(struct vcpu_state, field), offsetof(struct vcpu, field) }

static const struct {
	uint16_t in_state, in_vcpu;
} words[] = {
	WORD(rip), WORD(rflags), WORD(dr[0]), WORD(dr[1]), WORD(dr[2]), WORD(dr[3]), WORD(xcr0), WORD(tsc_aux),
	WORD(mtrr_def), WORD(kvm_system_time), WORD(kvm_wall_clock), WORD(kvm_steal_time), WORD(kvm_eoi),
};

static uint64_t *word(void *record, size_t offset)
{
	return (uint64_t *)((char *)record + offset);
}

bool state_mode_valid(struct guest_mode *m)
{
	bool paging = (m->cr0 & CR0_PG) != 0;

	m->cr0 |= CR0_ET;
	if ((m->cr0 & ~STATE_CR0_VALID) || (paging && !(m->cr0 & CR0_PE)) || ((m->cr0 & CR0_NW) && !(m->cr0 & CR0_CD)) ||
	    (m->cr4 & ~cpuid_allowed.cr4) || (m->efer & ~cpuid_allowed.efer)) {
		return false;
	}
	m->efer &= ~(uint64_t)EFER_LMA;
	if (paging && (m->efer & EFER_LME)) {
		m->efer |= EFER_LMA;
		return (m->cr4 & CR4_PAE) && (m->cs_attr & (SEG_L | SEG_D)) != (SEG_L | SEG_D);
	}
	return true;
}

static bool control_registers_valid(struct vcpu_state *s)
{
	struct guest_mode m = { .cr0 = s->cr0, .cr4 = s->cr4, .efer = s->efer, .cs_attr = s->cs.attr };
	bool ok = state_mode_valid(&m);

	s->cr0 = m.cr0;
	s->efer = m.efer;
	return ok && s->cr8 <= 15;
}

/* XRSTOR faults on a bad header or MXCSR: both are made such that it cannot. */
static void clean_xsave(struct vcpu_state *s)
{
	uint64_t present = *word(s->xsave, XSAVE_HEADER) & cpuid_allowed.xcr0;

	*(uint32_t *)word(s->xsave, XSAVE_MXCSR) &= MXCSR_VALID;
	__builtin_memset(s->xsave + XSAVE_HEADER, 0, XSAVE_HEADER_BYTES);
	*word(s->xsave, XSAVE_HEADER) = present;
}

static int check(struct vcpu_state *s)
{
	if (s->version != VCPU_STATE_VERSION || s->size != sizeof(*s) || s->xsave_bytes > VCPU_XSAVE_MAX) {
		return E_PROTO;
	}
	if (!control_registers_valid(s) || !msr_pat_valid(s->pat) || !cpuid_xcr0_valid(s->xcr0) ||
	    (s->mtrr_def & ~0xcffull) || (s->tsc_aux | s->dr6 | s->dr7) >> 32) {
		return E_INVAL;
	}
	if (s->halted > VCPU_WAIT_SIPI || (s->exception_pending && s->exception_vector > 31) ||
	    (s->interrupt_pending && s->interrupt_vector > 255)) {
		return E_INVAL;
	}
	s->rflags = (s->rflags & RFLAGS_VMM) | RFLAGS_FIXED;
	clean_xsave(s);
	return OK;
}

static void set_events(struct vcpu *v, const struct vcpu_state *s)
{
	v->event.valid = false;
	if (s->exception_pending) {
		v->event = (struct vcpu_event){ .valid = true, .type = s->exception_vector == 2 ? EVENT_NMI : EVENT_EXCEPTION,
						.vector = s->exception_vector, .has_error = s->exception_has_error,
						.error = s->exception_error };
	} else if (s->interrupt_pending) {
		v->event = (struct vcpu_event){ .valid = true, .type = EVENT_INTERRUPT,
						.vector = (uint8_t)s->interrupt_vector };
	}
	v->state = s->halted;
	v->nmi_pending = s->nmi_pending;
	v->nmi_blocked = s->nmi_blocked;
	v->nmi_iret_rip = ~0ull;
	v->shadow = s->shadow != 0;
	v->virq = 0;
	v->extint_asked = false;
	v->eoi_armed = v->eoi_armed && v->kvm_eoi;
}

/*
 * A time that was read and comes back as it was moves no clock: what passed in between would be lost each time, and the vCPUs
 * of a VM would drift apart.
 */
static uint64_t offset_for(const struct vcpu *v, uint64_t guest_tsc)
{
	return guest_tsc == v->told_tsc ? v->vapic.tsc_offset : guest_tsc - rdtsc();
}

int state_set(struct vcpu *v, struct vcpu_state *s)
{
	int r = check(s);

	if (r < 0) {
		return r;
	}
	vcpu_take_apic(v);
	r = vapic_restore(&v->vapic, s->apic, s->apic_base, s->tsc_deadline);
	if (r < 0) {
		return r;
	}
	(void)vapic_write(&v->vapic, APIC_TPR, (uint32_t)s->cr8 << 4 | (s->apic[APIC_TPR] & 0xf));
	__builtin_memcpy(v->page->gpr, s->gpr, sizeof(s->gpr));
	v->page->dirty = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		*word(v, words[i].in_vcpu) = *word(s, words[i].in_state);
	}
	__builtin_memcpy(v->xsave, s->xsave, cpu_features.xsave_size);
	v->fetch.page_rip = FETCH_NOTHING;
	vcpu_ops->set(v, s);
	set_events(v, s);
	vcpu_move_tsc(v, offset_for(v, s->tsc));
	vcpu_add_work(v, WORK_IRQ);
	return OK;
}

static void get_events(const struct vcpu *v, struct vcpu_state *s)
{
	s->halted = v->state == VCPU_LOST ? VCPU_RUNNING : v->state;
	s->nmi_pending = v->nmi_pending;
	s->nmi_blocked = v->nmi_blocked;
	s->shadow = v->shadow;
	s->exception_pending = v->event.valid && v->event.type != EVENT_INTERRUPT;
	s->exception_vector = v->event.vector;
	s->exception_has_error = v->event.has_error;
	s->exception_error = v->event.error;
	s->interrupt_pending = v->event.valid && v->event.type == EVENT_INTERRUPT;
	s->interrupt_vector = v->event.vector;
}

void state_get(struct vcpu *v, struct vcpu_state *s)
{
	__builtin_memset(s, 0, sizeof(*s));
	s->version = VCPU_STATE_VERSION;
	s->size = sizeof(*s);
	state_take_page(v);
	vcpu_take_apic(v);
	__builtin_memcpy(s->gpr, v->page->gpr, sizeof(s->gpr));
	vcpu_ops->get(v, s);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		*word(s, words[i].in_state) = *word(v, words[i].in_vcpu);
	}
	get_events(v, s);
	s->cr8 = v->vapic.reg[APIC_TPR] >> 4;
	s->tsc = v->told_tsc = rdtsc() + v->vapic.tsc_offset;
	s->apic_base = v->vapic.base;
	s->tsc_deadline = v->vapic.tsc_deadline;
	vapic_save(&v->vapic, s->apic);
	s->xsave_bytes = cpu_features.xsave_size;
	__builtin_memcpy(s->xsave, v->xsave, cpu_features.xsave_size);
}

/* What the kernel shifts by must be what it can shift by. Copied before it is checked. */
static void take_insn(struct insn_memo *memo, const struct vcpu_page *page)
{
	struct insn_info *i = &memo->insn;

	__builtin_memcpy(i, &page->insn, sizeof(*i));
	__asm__ volatile("" : : : "memory");
	memo->ok = i->length - 1u < 15 && (i->kind != INSN_MOV || (i->size - 1u < 8 && i->reg_size - 1u < 8));
}

void state_take_page(struct vcpu *v)
{
	struct vcpu_page *page = v->page;
	uint32_t dirty = __atomic_load_n(&page->dirty, __ATOMIC_RELAXED);

	if (!dirty) {
		return;
	}
	if (dirty & DIRTY_RIP) {
		v->rip = __atomic_load_n(&page->rip, __ATOMIC_RELAXED);
		v->shadow = 0;
	}
	if (dirty & DIRTY_RFLAGS) {
		v->rflags = (__atomic_load_n(&page->rflags, __ATOMIC_RELAXED) & RFLAGS_VMM) | RFLAGS_FIXED;
	}
	if ((dirty & DIRTY_INSN) && v->asked) {
		take_insn(v->asked, page);
	}
	page->dirty = 0;
}
