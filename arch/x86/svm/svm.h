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

/* True when the CPU stores the next RIP at exits (CPUID 8000000Ah EDX bit 3). */
extern bool svm_has_next_rip;

/* World switch, switch.S. */
void svm_enter(uint64_t *gpr, uint64_t vmcb_pa, uint64_t host_pa);

/* Fills e from the exit in v's VMCB. */
void svm_decode(struct vcpu *v, struct vm_exit *e);

/* Operations of struct vcpu_ops in state.c. */
void svm_mode(const struct vcpu *v, struct guest_mode *m);
bool svm_mode_is(const struct vcpu *v, const struct guest_mode *m);
bool svm_set_mode(struct vcpu *v, const struct guest_mode *m);
void svm_get(struct vcpu *v, struct vcpu_state *s);
void svm_set(struct vcpu *v, const struct vcpu_state *s);
uint64_t svm_get_word(const struct vcpu *v, size_t offset);
void svm_set_word(struct vcpu *v, size_t offset, uint64_t val);
