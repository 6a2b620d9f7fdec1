/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and task state. SDM 3A 3.5, 8.7. The selectors are those of arch/x86/entry/frame.h. */
#pragma once

#include "lib/base.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "TSS of the SDM");

/* One per CPU, for as long as the CPU runs. */
struct cpu_tables {
	uint64_t gdt[7];
	uint32_t pad;                   /* puts tss.rsp on 8 bytes                               */
	struct tss tss;
};
_Static_assert(offsetof(struct cpu_tables, tss.rsp) % 8 == 0, "RSP0 is written through a pointer");

/*
 * Builds GDT and TSS in t with fresh stacks for NMI, #MC and #DF, and loads them on this CPU; all segment registers
 * reloaded, FS and GS base 0. RSP0 stays 0 for cpu_init(). After mm_init: panics when there is no memory for the stacks.
 */
void gdt_init(struct cpu_tables *t);
