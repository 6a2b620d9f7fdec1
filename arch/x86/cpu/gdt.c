/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and task state: see gdt.h. SDM 3A 3.4.5, 8.2.3. */
#include "arch/x86/cpu/gdt.h"

#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"

enum { IST_STACK_PAGES = 2 };

static const uint64_t segments[] = {
	[SEL_KERNEL_CS / 8] = 0x00af9a000000ffff, [SEL_KERNEL_SS / 8] = 0x00cf92000000ffff,
	[SEL_USER_SS / 8] = 0x00cff2000000ffff, [SEL_USER_CS / 8] = 0x00affa000000ffff,
};

static void fill_tss(struct cpu_tables *t)
{
	uint64_t base = (uint64_t)&t->tss;

	t->tss = (struct tss){ .iomap = sizeof(struct tss) };
	t->tss.ist[IST_NMI - 1] = mm_stack_alloc(IST_STACK_PAGES);
	t->tss.ist[IST_MC - 1] = mm_stack_alloc(IST_STACK_PAGES);
	t->tss.ist[IST_DF - 1] = mm_stack_alloc(IST_STACK_PAGES);
	t->gdt[SEL_TSS / 8] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	t->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

void gdt_init(struct cpu_tables *t)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) pointer = {
		sizeof(t->gdt) - 1, (uint64_t)t->gdt
	};

	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		t->gdt[i] = segments[i];
	}
	fill_tss(t);
	__asm__ volatile(
		"lgdt %0\n\t"
		"pushq %1\n\t"
		"leaq 1f(%%rip), %%rax\n\t"
		"pushq %%rax\n\t"
		"lretq\n"
		"1:\n\t"
		"movl %2, %%ds\n\t"
		"movl %2, %%es\n\t"
		"movl %2, %%ss\n\t"
		"movl %3, %%fs\n\t"
		"movl %3, %%gs\n\t"
		"lldt %w3\n\t"
		"ltr %w4"
		: : "m"(pointer), "i"(SEL_KERNEL_CS), "r"(SEL_KERNEL_SS), "r"(0), "r"(SEL_TSS) : "rax", "memory");
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
}
