/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and replacing a vCPU's state. The vmm is not trusted: what could harm the host is checked here. */
#include "arch/x86/vcpu/state.h"

#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/kvmclock.h"
#include "arch/x86/vcpu/msr.h"
#include "arch/x86/vcpu/vcpu.h"

/* Standard XSAVE area (SDM 1 13.4): MXCSR, and the header's first two words. */
enum { XSAVE_MXCSR = 24, XSAVE_HEADER = 512, XSAVE_HEADER_BYTES = 64, MXCSR_VALID = 0xffff };

#define CR0_VALID  0xe005003full
#define RFLAGS_SET 0x3f7fd5ull

static bool control_registers_valid(struct vcpu_state *s, uint64_t cr4_allowed, uint64_t efer_allowed)
{
	bool paging = (s->cr0 & CR0_PG) != 0;

	s->cr0 |= CR0_ET;
	if ((s->cr0 & ~CR0_VALID) || (paging && !(s->cr0 & CR0_PE)) || ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD))) {
		return false;
	}
	if ((s->cr4 & ~cr4_allowed) || (s->efer & ~efer_allowed) || s->cr8 > 15) {
		return false;
	}
	s->efer &= ~(uint64_t)EFER_LMA;
	if (paging && (s->efer & EFER_LME)) {
		s->efer |= EFER_LMA;
		return (s->cr4 & CR4_PAE) && (s->cs.attr & (SEG_L | SEG_D)) != (SEG_L | SEG_D);
	}
	return true;
}

/* XRSTOR faults on a bad header or MXCSR: both are made such that it cannot. */
static void clean_xsave(struct vcpu_state *s, uint64_t xcr0_allowed)
{
	uint64_t present;
	uint32_t mxcsr;

	__builtin_memcpy(&mxcsr, s->xsave + XSAVE_MXCSR, sizeof(mxcsr));
	mxcsr &= MXCSR_VALID;
	__builtin_memcpy(s->xsave + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	__builtin_memcpy(&present, s->xsave + XSAVE_HEADER, sizeof(present));
	present &= xcr0_allowed;
	__builtin_memset(s->xsave + XSAVE_HEADER, 0, XSAVE_HEADER_BYTES);
	__builtin_memcpy(s->xsave + XSAVE_HEADER, &present, sizeof(present));
}

int state_check(struct vcpu_state *s, uint64_t cr4_allowed, uint64_t efer_allowed, uint64_t xcr0_allowed)
{
	if (s->version != VCPU_STATE_VERSION || s->size != sizeof(*s) || s->xsave_bytes > VCPU_XSAVE_MAX) {
		return E_PROTO;
	}
	if (!control_registers_valid(s, cr4_allowed, efer_allowed) || !msr_pat_valid(s->pat)) {
		return E_INVAL;
	}
	if (!(s->xcr0 & 1) || (s->xcr0 & ~xcr0_allowed) || (s->xcr0 & 6) == 4 || s->tsc_aux >> 32 ||
	    s->dr6 >> 32 || s->dr7 >> 32) {
		return E_INVAL;
	}
	if (s->halted > VCPU_WAIT_SIPI || (s->exception_pending && s->exception_vector > 31) ||
	    (s->interrupt_pending && s->interrupt_vector > 255) || (s->mtrr_def & ~0xcffull)) {
		return E_INVAL;
	}
	s->rflags = (s->rflags & RFLAGS_SET) | RFLAGS_FIXED;
	clean_xsave(s, xcr0_allowed);
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
	vcpu_ops->watch_iret(v, v->nmi_blocked);
}

/*
 * A state that was read less than a millisecond ago and comes back moves no clock: what passed in between would be lost
 * each time, and the vCPUs of a VM would drift apart.
 */
static uint64_t offset_for(const struct vcpu *v, uint64_t guest_tsc)
{
	uint64_t now = rdtsc(), passed = now + v->tsc_offset - guest_tsc;

	return passed < clock_tsc_khz() ? v->tsc_offset : guest_tsc - now;
}

static void set_time(struct vcpu *v, const struct vcpu_state *s)
{
	v->tsc_offset = offset_for(v, s->tsc);
	v->vapic.tsc_offset = (int64_t)v->tsc_offset;
	vcpu_ops->set_tsc_offset(v, v->tsc_offset);
	vapic_timer_restart(&v->vapic);
	v->kvm_system_time = s->kvm_system_time;
	v->kvm_wall_clock = s->kvm_wall_clock;
}

int state_set(struct vcpu *v, struct vcpu_state *s)
{
	int r = state_check(s, cpuid_cr4_allowed(), cpuid_efer_allowed(), cpuid_xcr0_allowed());

	if (r < 0) {
		return r;
	}
	r = vapic_restore(&v->vapic, s->apic, s->apic_base, s->tsc_deadline, !(v->vm->hide & VM_FEATURE_X2APIC));
	if (r < 0) {
		return r;
	}
	set_time(v, s);
	(void)vapic_write(&v->vapic, VAPIC_TPR, (uint32_t)s->cr8 << 4 | (s->apic[VAPIC_TPR] & 0xf));
	for (unsigned i = 0; i < GPR_COUNT; i++) {
		v->page->gpr[i] = s->gpr[i];
	}
	v->rip = s->rip;
	v->rflags = s->rflags;
	v->page->dirty = 0;
	for (unsigned i = 0; i < 4; i++) {
		v->dr[i] = s->dr[i];
	}
	v->xcr0 = s->xcr0;
	v->tsc_aux = s->tsc_aux;
	v->mtrr_def = s->mtrr_def;
	__builtin_memcpy(v->xsave, s->xsave, cpu_features.xsave_size);
	v->fetch.page_rip = FETCH_NOTHING;
	vcpu_ops->set(v, s);
	set_events(v, s);
	kvmclock_update(v);
	v->work |= WORK_IRQ;
	return OK;
}

void state_get(struct vcpu *v, struct vcpu_state *s)
{
	__builtin_memset(s, 0, sizeof(*s));
	s->version = VCPU_STATE_VERSION;
	s->size = sizeof(*s);
	for (unsigned i = 0; i < GPR_COUNT; i++) {
		s->gpr[i] = v->page->gpr[i];
	}
	s->rip = v->page->dirty & DIRTY_RIP ? v->page->rip : v->rip;
	s->rflags = v->page->dirty & DIRTY_RFLAGS ? v->page->rflags : v->rflags;
	for (unsigned i = 0; i < 4; i++) {
		s->dr[i] = v->dr[i];
	}
	vcpu_ops->get(v, s);
	s->cr8 = v->vapic.tpr >> 4;
	s->xcr0 = v->xcr0;
	s->tsc_aux = v->tsc_aux;
	s->mtrr_def = v->mtrr_def;
	s->tsc = rdtsc() + v->tsc_offset;
	s->apic_base = v->vapic.base;
	s->tsc_deadline = v->vapic.tsc_deadline;
	s->kvm_system_time = v->kvm_system_time;
	s->kvm_wall_clock = v->kvm_wall_clock;
	vapic_save(&v->vapic, s->apic);
	s->halted = v->state == VCPU_LOST ? VCPU_RUNNING : v->state;
	s->nmi_pending = v->nmi_pending;
	s->nmi_blocked = v->nmi_blocked;
	s->shadow = v->shadow && !(v->page->dirty & DIRTY_RIP);
	s->exception_pending = v->event.valid && v->event.type != EVENT_INTERRUPT;
	s->exception_vector = v->event.vector;
	s->exception_has_error = v->event.has_error;
	s->exception_error = v->event.error;
	s->interrupt_pending = v->event.valid && v->event.type == EVENT_INTERRUPT;
	s->interrupt_vector = v->event.vector;
	s->xsave_bytes = cpu_features.xsave_size;
	__builtin_memcpy(s->xsave, v->xsave, cpu_features.xsave_size);
}
