/* SPDX-License-Identifier: Apache-2.0 */
/* The processor in OpenNebula's words: its model and features as libvirt names them, as far as a VM gets them (vmm/cpuid.c). */
#pragma once

#include "lib/base.h"

enum { ONE_CPU_BRAND = 49, ONE_CPU_FEATURES = 1024 };

/* CPUID (SDM 2A, CPUID): eax, ebx, ecx, edx into reg. A leaf that there is not gives zeros. */
typedef void one_cpuid_fn(uint32_t leaf, uint32_t subleaf, uint32_t reg[4]);

struct one_cpu {
	char brand[ONE_CPU_BRAND];   /* without quotes                                               */
	const char *model;           /* "EPYC-Rome"; "qemu64" where libvirt has no name              */
	char features[ONE_CPU_FEATURES];     /* with commas between them                             */
};

void one_cpu_describe(one_cpuid_fn *cpuid, struct one_cpu *cpu);

/* That of the processor that asks. */
void one_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[4]);
