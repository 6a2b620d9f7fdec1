/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU can do, and switching it on. SDM 2A CPUID, APM 3 appendix E. No vendor is asked for here. */
#pragma once

#include "lib/base.h"

struct cpu_features {
	uint8_t phys_bits;
	bool x2apic, tsc_deadline, rdtscp, smap, gib_pages, rdrand;
	uint64_t xcr0;          /* components switched on: x87, SSE, AVX where there             */
	uint32_t xsave_size;    /* bytes of the standard-format area for all of xcr0             */
};

/* Of the boot CPU; all CPUs must have the same. Filled by cpu_features_detect. */
extern struct cpu_features cpu_features;

/* Reads CPUID; nothing else, so that it can run first. */
void cpu_features_detect(void);

/* NULL, or the sentence that says what this kernel cannot do without. After cpu_features_detect. */
const char *cpu_features_missing(void);

/*
 * On each CPU: NX and SYSCALL in EFER, WP, XSAVE with XCR0 as cpu_features.xcr0, SMEP, SMAP, UMIP where they are, the
 * PAT's power-on value. FSGSBASE stays off: NMI entry trusts that user mode cannot set GS base, and threads have no FS
 * base of their own.
 */
void cpu_features_enable(void);

/* Logs the sentence (with its full stop) and halts this CPU for ever: the machine lacks what a VM needs. */
_Noreturn void cpu_unsupported(const char *sentence);
