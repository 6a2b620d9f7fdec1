/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector state. The kernel uses none; each thread and each vCPU has an XSAVE area, and cpu->fpu says whose state the
 * registers hold: the current thread's or its vCPU's, else nobody's once the kernel lock is given back. So a thread that is
 * not current has all of its state in its area, and may go on elsewhere. SDM 1 ch. 13.
 * An area has cpu_features.xsave_size bytes, aligned to 64. XCR0 must be the host's (all features the CPU has and we save)
 * in every call here.
 */
#pragma once

#include "kernel/cpu.h"
#include "lib/base.h"

/* Writes the initial state (all of it clean, MXCSR 1f80h) into a zeroed area. */
void fpu_area_init(void *area);

/* Saves what the registers hold: the CPU goes idle, and they are nobody's. */
static inline void fpu_save(void)
{
	struct cpu *c = cpu_this();

	if (c->fpu) {
		__asm__ volatile("xsave64 (%0)" : : "r"(c->fpu), "a"(~0u), "d"(~0u) : "memory");
		c->fpu = NULL;
	}
}

/*
 * The registers shall hold area's state: saves what they hold into its own area, loads area's. Free when they hold it
 * already. Inline, as all below are that a trip of a vCPU to its vmm needs.
 */
static inline void fpu_use(void *area)
{
	struct cpu *c = cpu_this();

	if (c->fpu != area) {
		fpu_save();
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
		c->fpu = area;
	}
}
