/* SPDX-License-Identifier: Apache-2.0 */
/* Between the sources of the VMX back end. */
#pragma once

/* struct vmx as switch.S sees it. */
#define VMX_HOST_RSP 0
#define VMX_LAUNCHED 8

#ifndef __ASSEMBLY__

#include "arch/x86/vcpu/ops.h"
#include "arch/x86/vcpu/vcpu.h"
#include "arch/x86/vmx/vmcs.h"

enum { NO_CPU = 0xffffffff };
#define NEVER UINT64_MAX

/*
 * The back end's own state of a vCPU, behind its struct vcpu; v->backend is the VMCS. All bits of CR0 and CR4 are masked
 * and EFER is intercepted, so that what the guest has in them stands here, exact, without a VMREAD.
 */
struct vmx {
	uint64_t host_rsp;           /* as it stands in the VMCS                                      */
	uint32_t launched;
	uint32_t cpu, last_cpu;      /* where the VMCS is current, or NO_CPU; where it was last       */
	uint64_t flushed_generation; /* nothing stale is cached there while its space's generation is this, or NEVER */
	/* As they stand in the VMCS, so that only changes are written. */
	uint64_t rip, rflags, rsp, interruptibility, proc, eoi_exits[4];
	uint32_t proc_base;          /* what proc is when nothing waits                               */
	bool apicv;                  /* the APIC's controls are on (apicv.c)                          */
	/*
	 * The members of struct vcpu_state from cr0 to pat, in its order. Some stand elsewhere: in the VMCS (state.c), in
	 * struct vcpu, KERNEL_GS_BASE in the CPU from load to unload. EPT ignores the PAT, Intel CPUs CSTAR.
	 */
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0, dr[4], dr6, dr7;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter[3], pat;
};

enum { STATE_SPAN = offsetof(struct vcpu_state, pat) + 8 - offsetof(struct vcpu_state, cr0) };

_Static_assert(offsetof(struct vmx, host_rsp) == VMX_HOST_RSP && offsetof(struct vmx, launched) == VMX_LAUNCHED, "switch.S");
_Static_assert(offsetof(struct vmx, pat) + 8 - offsetof(struct vmx, cr0) == STATE_SPAN, "the order of struct vcpu_state");

static inline struct vmx *vmx_of(const struct vcpu *v)
{
	return vcpu_own(v);
}

#ifdef VMX_FAKE_VMCS                 /* unit tests bring a VMCS of their own */
uint64_t vmread(uint32_t field);
void vmwrite(uint32_t field, uint64_t val);
void vmx_flush_vpid(struct vcpu *v);
#else
/* Of the current VMCS, which has the field; a refusal is a panic (switch.S). */
static inline uint64_t vmread(uint32_t field)
{
	uint64_t val;

	__asm__ volatile("vmread %1, %0\n\tjna vmx_broken" : "=r"(val) : "r"((uint64_t)field) : "cc");
	return val;
}

static inline void vmwrite(uint32_t field, uint64_t val)
{
	__asm__ volatile("vmwrite %0, %1\n\tjna vmx_broken" : : "r"(val), "r"((uint64_t)field) : "cc", "memory");
}
#endif

/*
 * What a control word must be by its capability MSR (low half: bits that are 1 on this CPU, high half: bits that may be):
 * all of must, of may what there is. false: must is not to be had, or never is not to be avoided.
 */
bool vmx_control(uint64_t capability, uint32_t must, uint32_t may, uint32_t never, uint32_t *out);

/* Controls of every vCPU, found at boot; the bits that change are in struct vmx. */
extern uint32_t vmx_entry_control;

/* Makes v's VMCS this CPU's current one. It is nowhere else (ops.h, release). */
void vmx_use(struct vcpu *v);

/* The world switch, switch.S. False: the CPU refused, the guest has not run. */
bool vmx_enter(uint64_t *gpr, struct vmx *x);

/* Drops what the CPU caches for v's linear addresses. v is current. */
void vmx_flush_vpid(struct vcpu *v);

/* Fills e from the exit that v's VMCS tells, or from REASON_REFUSED. */
void vmx_decode(struct vcpu *v, struct vm_exit *e, uint32_t reason);

/* apicv.c, once: finds out what this CPU has, and fills its MSR bitmap after the other. For a new vCPU. */
void vmx_apicv_prepare(const uint8_t *plain_bitmap);
void vmx_apicv_init(struct vcpu *v);

/*
 * Before and after v, which has a page for it, is in the guest; leave: and apic_in. The operation. Exits of reason 56, and by an
 * interrupt of the host, which the CPU has taken from its APIC if the guest's interrupts are posted.
 */
void vmx_apicv_enter(struct vcpu *v, struct vmx *x);
void vmx_apicv_leave(struct vcpu *v);
void vmx_apicv_take(struct vcpu *v);
void vmx_apicv_written(struct vcpu *v);
void vmx_apicv_interrupted(void);

/* Operations of struct vcpu_ops in state.c. v is current. */
void vmx_mode(const struct vcpu *v, struct guest_mode *m);
bool vmx_mode_is(const struct vcpu *v, const struct guest_mode *m);
bool vmx_set_mode(struct vcpu *v, const struct guest_mode *m);
void vmx_get(struct vcpu *v, struct vcpu_state *s);
void vmx_set(struct vcpu *v, const struct vcpu_state *s);
uint64_t vmx_get_word(const struct vcpu *v, size_t offset);
void vmx_set_word(struct vcpu *v, size_t offset, uint64_t val);

/* STAR, LSTAR and SFMASK of the CPU become the guest's. */
void vmx_load_syscall(const struct vmx *x);

/* DR0 to DR3 and DR6 of the CPU become the guest's. */
void vmx_load_debug(struct vcpu *v);

#endif
