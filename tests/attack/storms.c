/* SPDX-License-Identifier: Apache-2.0 */
/* Groups that never end, for a node with a neighbour to disturb. Only by name. */
#include "tests/attack/at.h"

static uint64_t db_stack[512] __attribute__((aligned(4096)));

static void on_debug(struct trap *t)
{
	t->rflags |= 0x10000;
}

/*
 * A write breakpoint on the stack of #DB's own handler: its delivery raises it again, without an instruction in between
 * (CVE-2015-8104). A hypervisor that lets the CPU deliver #DB does not get it back.
 */
void group_debug(void)
{
	uint64_t top = (uint64_t)(uintptr_t)(db_stack + 512);

	this_cpu()->tss.ist[1] = top;
	idt_gate(DB)->low |= 2ull << 32;
	trap_set(DB, on_debug);
	__asm__ volatile("movq %0, %%dr0; movq %1, %%dr7" : : "r"(top - 40), "r"(0x90502ull | 1));
	puts_raw("storm begins\n");
	for (;;) {
		__asm__ volatile(".byte 0xf1");
	}
}

/* INIT, SIPI, NMI and interrupts to all others, for ever; they start and are stopped in the middle of it. */
void group_starts(void)
{
	cpus_start();
	irq_sink(0x44);
	puts_raw("storm begins\n");
	for (;;) {
		unsigned cpu = 1 + (unsigned)(rnd() % (cpu_count > 1 ? cpu_count - 1 : 1));

		gdt[SEL_TSS / 8 + 2 * cpu] &= ~(2ull << 40);
		switch (rnd() % 8) {
		case 0: icr(cpu, 0x4500); break;
		case 1: icr(cpu, 0x4608); break;
		case 2: icr(cpu, 0x4400); break;
		case 3: icr(0, 3u << 18 | 0x44); break;
		case 4: cpu_call(cpu, NULL, NULL); break;
		default: cpu_sipi(cpu, 0x8000); break;
		}
	}
}

static void spin(void *unused)
{
	(void)unused;
	__asm__ volatile("sti" : : : "memory");
	for (;;) {
		__asm__ volatile("pause");
	}
}

/* 2000 interrupts in x2APIC mode for a processor that only spins, each sent a while after the one before. Then silence. */
void group_posts(void)
{
	cpus_start();
	x2apic_all(true);
	irq_sink(0x44);
	cpu_call(1, spin, NULL);
	for (uint64_t i = 0; i < 2000; i++) {
		icr(1, 0x44);
		if (!wait_for(&cpus[1].irqs[0x44], i + 1)) {
			puts_raw("an interrupt is lost\n");
			break;
		}
		for (volatile unsigned wait = 0; wait < 1000; wait++) {
		}
	}
	puts_raw("posts ended\n");
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}
