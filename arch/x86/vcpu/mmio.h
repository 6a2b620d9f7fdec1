/* SPDX-License-Identifier: Apache-2.0 */
/* Memory-mapped accesses that the kernel finishes: the local APIC page and doorbells. */
#pragma once

#include "lib/base.h"

struct vcpu;

enum mmio_result {
	MMIO_OTHER,          /* not ours: the vmm's                                          */
	MMIO_DONE,           /* rip advanced                                                 */
	MMIO_EOI,            /* done, and v->vapic.eoi_vector left service                   */
	MMIO_FAILED,         /* the APIC page by an instruction that is not a plain MOV      */
};

/* A nested page fault of the vCPU's current instruction at gpa. */
enum mmio_result mmio_in_kernel(struct vcpu *v, uint64_t gpa, bool write);
