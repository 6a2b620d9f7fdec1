/* SPDX-License-Identifier: Apache-2.0 */
/* Between the sources of the SVM back end. */
#pragma once

#include "arch/x86/svm/vmcb.h"
#include "arch/x86/vcpu/ops.h"
#include "arch/x86/vcpu/vcpu.h"

static inline struct vmcb *svm_vmcb(const struct vcpu *v)
{
	return v->backend;
}

/* The VMCB packs descriptor bits 40-47 and 52-55 in 12 bits; elsewhere bits 52-55 stay at 12-15. */
static inline uint16_t svm_pack(uint16_t attr)
{
	return (uint16_t)((attr & 0xff) | (attr >> 4 & 0xf00));
}

/* True when the CPU stores the next RIP at exits (CPUID 8000000Ah EDX bit 3). */
extern bool svm_has_next_rip;

/* World switch, switch.S. */
void svm_enter(uint64_t *gpr, uint64_t vmcb_pa, uint64_t host_pa);

/* Fills e from the exit in v's VMCB. */
void svm_decode(struct vcpu *v, struct vm_exit *e);

/* State in vmcb.c. */
void svm_reset(struct vcpu *v);
void svm_start(struct vcpu *v, uint8_t vector);
void svm_mode(const struct vcpu *v, struct guest_mode *m);
bool svm_mode_is(const struct vcpu *v, const struct guest_mode *m);
void svm_get(const struct vcpu *v, struct vcpu_state *s);
void svm_set(struct vcpu *v, const struct vcpu_state *s);
uint64_t svm_get_msr(const struct vcpu *v, uint32_t index);
void svm_set_msr(struct vcpu *v, uint32_t index, uint64_t val);
void svm_dump(const struct vcpu *v);

/* DR0 to DR3 of the CPU become the guest's and its accesses are let through, or the reverse. */
void svm_load_debug(struct vcpu *v);
void svm_unload_debug(struct vcpu *v);
