/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest sees in CPUID: a const table over the host's leaves. APM 3 appendix D and E, SDM 2A CPUID. */
#pragma once

#include "lib/base.h"

enum { REG_EAX, REG_EBX, REG_ECX, REG_EDX, CPUID_REGS };

/* Bits that depend on the vCPU at the moment of the exit. */
struct cpuid_context {
	uint64_t cr4, xcr0;
	uint32_t apic_id, vcpus, hide;       /* hide: enum vm_feature                             */
	bool apic_on;
};

/* Reads a host leaf; the host's CPUID, or a test's. */
typedef void cpuid_host_fn(uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS]);

/*
 * Copies the host's leaves through the policy into the table that cpuid_guest serves. Once at boot. xcr0: components
 * the host has switched on; a guest is offered no others.
 */
void cpuid_policy_init(cpuid_host_fn *host, uint64_t xcr0);

/*
 * The guest's answer: leaves that Brume does not know are zeros. false: bits of it depend on the vCPU, and cpuid_dynamic
 * must complete out.
 */
bool cpuid_fixed(uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS]);
void cpuid_dynamic(const struct cpuid_context *c, uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS]);

/* CR4 bits, EFER bits and XCR0 components that the guest's CPUID admits. */
uint64_t cpuid_cr4_allowed(void);
uint64_t cpuid_efer_allowed(void);
uint64_t cpuid_xcr0_allowed(void);

/* Bytes of the standard-format XSAVE area for the components in xcr0. */
uint32_t cpuid_xsave_size(uint64_t xcr0);
