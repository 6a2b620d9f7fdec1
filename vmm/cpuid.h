/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest sees in CPUID and in the MSRs that are only values: policy as data, composed once per vCPU into the page
 * that the vmm shares with the kernel. APM 3 appendix D and E, SDM 2A CPUID, SDM 4 2; the paravirtual leaves are those
 * of Linux' KVM interface.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

/* EAX, EBX, ECX, EDX of a leaf of the host. */
typedef void cpuid_reader_fn(uint32_t leaf, uint32_t subleaf, uint32_t reg[CPUID_REGS]);

/* The CPU below: CPUID and XGETBV work in ring 3 too. */
void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t reg[CPUID_REGS]);
uint64_t cpuid_host_xcr0(void);

/* Of one vCPU. */
struct cpuid_request {
	cpuid_reader_fn *host;
	uint64_t xcr0;               /* components that the host has switched on: no others are offered */
	uint32_t apic_id, vcpus;
	uint32_t kvm;                /* enum kvm_feature; 0: the KVM leaves are not there at all     */
};

/* Fills the page's tables and kvm_features; before the vCPU runs. */
void cpuid_compose(const struct cpuid_request *req, struct vcpu_page *page);
