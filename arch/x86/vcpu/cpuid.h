/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID of guests, and what this machine can let a guest switch on. APM 3 appendix D and E, SDM 2A CPUID. */
#pragma once

#include "arch/x86/cpu/regs.h"
#include "kernel/abi.h"
#include "lib/base.h"

enum { REG_EAX, REG_EBX, REG_ECX, REG_EDX };

struct vcpu;

/* Reads a host leaf; the host's CPUID, or a test's. */
typedef struct cpuid cpuid_host_fn(uint32_t leaf, uint32_t subleaf);

/* The guest's answer: the row of the vmm's table, and what depends on the vCPU at this moment. */
void cpuid_guest(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS]);

/*
 * CR4 bits, EFER bits and XCR0 components that a guest may have: what the CPU has and the kernel switches. They do not
 * follow the vmm's CPUID table, so that one which lies harms its own guest only.
 */
struct cpuid_allowed {
	uint64_t cr4, efer, xcr0;
};
extern struct cpuid_allowed cpuid_allowed;

/* Fills cpuid_allowed, once at boot. xcr0: components that the host has switched on. */
void cpuid_allowed_init(cpuid_host_fn *host, uint64_t xcr0);

/* XCR0 holds x87, AVX only with SSE, and nothing that is not allowed (SDM 1 13.3). */
static inline bool cpuid_xcr0_valid(uint64_t xcr0)
{
	return (xcr0 & 1) && !(xcr0 & ~cpuid_allowed.xcr0) && (xcr0 & 6) != 4;
}
