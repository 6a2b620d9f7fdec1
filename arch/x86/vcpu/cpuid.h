/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest sees in CPUID: a const table over the host's leaves. APM 3 appendix D and E, SDM 2A CPUID. */
#pragma once

#include "arch/x86/cpu/regs.h"
#include "lib/base.h"

enum { REG_EAX, REG_EBX, REG_ECX, REG_EDX, CPUID_REGS };

struct vcpu;

/* Reads a host leaf; the host's CPUID, or a test's. */
typedef struct cpuid cpuid_host_fn(uint32_t leaf, uint32_t subleaf);

/*
 * Copies the host's leaves through the policy into the table that cpuid_guest serves. Once at boot. xcr0: components
 * the host has switched on; a guest is offered no others.
 */
void cpuid_policy_init(cpuid_host_fn *host, uint64_t xcr0);

/* The guest's answer: leaves that Brume does not know are zeros. */
void cpuid_guest(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS]);

/* CR4 bits, EFER bits and XCR0 components that the guest's CPUID admits. Of cpuid_policy_init. */
struct cpuid_allowed {
	uint64_t cr4, efer, xcr0;
};
extern struct cpuid_allowed cpuid_allowed;

/* XCR0 holds x87, AVX only with SSE, and nothing that is not offered (SDM 1 13.3). */
static inline bool cpuid_xcr0_valid(uint64_t xcr0)
{
	return (xcr0 & 1) && !(xcr0 & ~cpuid_allowed.xcr0) && (xcr0 & 6) != 4;
}
