/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and task state: see gdt.h. SDM 3A 3.4.5, 8.2.3. */
#include "arch/x86/cpu/gdt.h"

#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/regs.h"

struct cpu_stacks boot_stacks __attribute__((section(".bss.stacks"), aligned(PAGE_SIZE)));
struct cpu_tables boot_tables;

static const uint64_t segments[] = {
	[KERNEL_CS / 8] = 0x00af9a000000ffff, [KERNEL_DS / 8] = 0x00cf92000000ffff,
	[USER_DS / 8] = 0x00cff2000000ffff, [USER_CS / 8] = 0x00affa000000ffff,
};

static void fill_tss(struct cpu_tables *t, struct cpu_stacks *stacks)
{
	uint64_t base = (uint64_t)&t->tss;

	t->tss = (struct tss){ .iomap = offsetof(struct tss, ports) };
	__builtin_memset(t->tss.ports, 0xff, sizeof(t->tss.ports));
	t->tss.rsp[0] = (uint64_t)(stacks + 1);
	t->tss.ist[IST_NMI - 1] = (uint64_t)stacks->nmi + sizeof(stacks->nmi);
	t->tss.ist[IST_DF - 1] = (uint64_t)stacks->df + sizeof(stacks->df);
	t->tss.ist[IST_MC - 1] = (uint64_t)stacks->mc + sizeof(stacks->mc);
	t->gdt[TSS_SEL / 8] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	t->gdt[TSS_SEL / 8 + 1] = base >> 32;
}

void gdt_load(struct cpu_tables *t, struct cpu_stacks *stacks)
{
	const struct table_pointer pointer = { sizeof(t->gdt) - 1, (uint64_t)t->gdt };

	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		t->gdt[i] = segments[i];
	}
	fill_tss(t, stacks);
	__asm__ volatile(
		"lgdt %0\n\t"
		"movl %1, %%ds\n\t"
		"movl %1, %%es\n\t"
		"movl %1, %%ss\n\t"
		"movl %2, %%fs\n\t"
		"movl %2, %%gs\n\t"
		"lldt %w2\n\t"
		"ltr %w3"
		: : "m"(pointer), "r"(KERNEL_DS), "r"(0), "r"(TSS_SEL) : "memory");
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
}

/* A VM exit of VT-x cuts TR's limit to 67h (SDM 3C 28.5.2), and the ports are behind that: TR is loaded again. */
void gdt_open_ports(struct tss *tss, uint16_t first)
{
	struct cpu_tables *t = container_of(tss, struct cpu_tables, tss);

	__builtin_memset(tss->ports, 0xff, sizeof(tss->ports));
	if (first) {
		tss->ports[first / TSS_PORT_GROUP] = 0;
	}
	t->gdt[TSS_SEL / 8] &= ~(2ull << 40);    /* not busy */
	__asm__ volatile("ltr %w0" : : "r"(TSS_SEL) : "memory");
}

bool stack_is_guard(uint64_t va)
{
	uint64_t page = (va - (uint64_t)__stacks_start) % sizeof(struct cpu_stacks) / PAGE_SIZE;

	return va >= (uint64_t)__stacks_start && va < (uint64_t)__stacks_end && stack_page_is_guard((unsigned)page);
}
