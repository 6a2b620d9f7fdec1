/* SPDX-License-Identifier: Apache-2.0 */
/* Segments, task state and the stacks of the boot CPU. SDM 3A 3.5, 8.7; order of user segments as SYSRET wants. */
#pragma once

#ifndef __ASSEMBLY__
#include "lib/base.h"
#endif

#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define USER_DS   0x1b
#define USER_CS   0x23
#define TSS_SEL   0x28
/* STAR[63:48]: SYSRET loads SS = this + 8 and CS = this + 16, both with RPL 3. */
#define STAR_USER 0x13

/* IST numbers in IDT gates; 0 means the current stack or RSP0. */
#define IST_NMI 1
#define IST_DF  2
#define IST_MC  3

#define CPU_STACK_SIZE 16384
#define CPU_STACKS_SIZE (7 * 4096 + CPU_STACK_SIZE)

#ifndef __ASSEMBLY__

/* I/O ports that a process can have: groups of 8 below TSS_PORTS, one bit each and a byte of ones behind (SDM 1 19.5.2). */
enum { TSS_PORT_GROUP = 8, TSS_PORTS = 0x400 };

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
	uint8_t ports[TSS_PORTS / 8 + 1];
} __attribute__((packed));
_Static_assert(offsetof(struct tss, ports) == 104, "TSS of the SDM");

/* A CPU's stacks; guard pages stay unmapped in the final kernel tables, so that an overflow is a #DF, not damage. */
struct cpu_stacks {
	uint8_t guard_nmi[PAGE_SIZE], nmi[PAGE_SIZE];
	uint8_t guard_df[PAGE_SIZE], df[PAGE_SIZE];
	uint8_t guard_mc[PAGE_SIZE], mc[PAGE_SIZE];
	uint8_t guard_main[PAGE_SIZE], main[CPU_STACK_SIZE];
};
_Static_assert(sizeof(struct cpu_stacks) == CPU_STACKS_SIZE, "start.S counts on it");

struct cpu_tables {
	uint64_t gdt[7];
	struct tss tss;
};

/* Of the boot CPU. The image's section .stacks holds nothing but struct cpu_stacks. */
extern struct cpu_stacks boot_stacks;
extern struct cpu_tables boot_tables;

/*
 * Builds GDT and TSS in t for the given stacks and loads them on this CPU; all segment registers but CS,
 * which is KERNEL_CS already, reloaded, FS and GS base set to 0 (set MSR_GS_BASE afterwards). RSP0 is the top of stacks->main.
 */
void gdt_load(struct cpu_tables *t, struct cpu_stacks *stacks);

/* Opens the group of ports that starts there to user mode on this CPU, and no other; 0: none. t: this CPU's. */
void gdt_open_ports(struct tss *t, uint16_t first);

/* Is that page of a struct cpu_stacks one of its guards? */
static inline bool stack_page_is_guard(unsigned index)
{
	return index % 2 == 0 && index <= 6;
}

/* True when the page at kernel address va is a guard page of the section .stacks: mm_init leaves it out. */
bool stack_is_guard(uint64_t va);

#endif
