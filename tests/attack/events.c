/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery of exceptions and interrupts: gates, double faults, what the hypervisor injects, interrupts under load. SDM 3A 6. */
#include "tests/attack/at.h"

enum { SCRATCH = 0x3ff, IOAPIC = 0xfec00000, VECTOR_TIMER = 0x71, VECTOR_SELF = 0x61, GATE_P = 47 };

static void present(uint8_t vector, bool yes)
{
	struct gate *g = idt_gate(vector);

	g->low = yes ? g->low | 1ull << GATE_P : g->low & ~(1ull << GATE_P);
}

static void software(void)
{
	uint64_t n;

	equal("int3", FAULT("int3", 0, 0, 0), BP);
	n = FAULT("leaq 1f(%%rip), %%rax; int3; 1: nop", 0, 0, 0);
	ok("int3 is a trap", n == BP && this_cpu()->rip == out.a);
	n = FAULT("leaq 1f(%%rip), %%rax; .byte 0xf1; 1: nop", 0, 0, 0);
	ok("int1 is a trap", n == DB && this_cpu()->rip == out.a);
	equal("int3 at cpl 3 through a supervisor gate", FAULT_USER("int3", 0, 0, 0, 2), GP);
	equal("and its error", this_cpu()->error, BP * 8 + 2);
	equal("into is not there in 64-bit mode", FAULT(".byte 0xce", 0, 0, 0), UD);
	irq_sink(0x80);
	present(0x80, false);
	equal("int through a gate not present", FAULT("int $0x80", 0, 0, 0), NP);
	equal("and its error", this_cpu()->error, 0x80 * 8 + 2);
	present(0x80, true);
	equal("ud2", FAULT("ud2", 0, 0, 0), UD);
	equal("divide by zero", FAULT("divl %%ecx", 1, 0, 0), DE);
	equal("sixteen bytes of one instruction", FAULT(".rept 15; .byte 0x2e; .endr; nop", 0, 0, 0), GP);
}

/*
 * Exceptions that a hypervisor raises for instructions that exit are delivered like those of the processor: a fault on
 * the way makes a double fault of them, or not (SDM 3A table 6-5).
 */
static void delivery(void)
{
	present(GP, false);
	equal("#GP of the processor through a gate not present", FAULT("movl %%eax, %%ds", 0x1f8, 0, 0), DF);
	equal("#GP of the hypervisor through a gate not present", FAULT("rdmsr", 0, 0xdeadbeef, 0), DF);
	equal("error of #DF", this_cpu()->error, 0);
	present(GP, true);
	present(UD, false);
	equal("#UD of the processor through a gate not present", FAULT("ud2", 0, 0, 0), NP);
	equal("#UD of the hypervisor through a gate not present", FAULT("vmrun", 0, 0, 0) == NP || this_cpu()->vector == DF, true);
	present(UD, true);
	present(PF, false);
	equal("#PF through a gate not present", FAULT("movq (%%rax), %%rax", WINDOW + 511 * 4096, 0, 0), DF);
	present(PF, true);
	present(DB, false);
	equal("#DB through a gate not present", FAULT("pushfq; orl $0x100, (%%rsp); popfq; cpuid; nop", 0, 0, 0), NP);
	present(DB, true);
	equal("after all of this", FAULT("rdmsr", 0, 0xdeadbeef, 0), GP);
}

/* The stack of the handler lies in a hole. */
static void bad_stack(void)
{
	struct cpu *c = this_cpu();
	uint64_t old = c->tss.rsp[0];

	c->tss.rsp[0] = WINDOW + 500 * 4096;
	equal("fault at cpl 3 without a stack", FAULT_USER("ud2", 0, 0, 0, 2), DF);
	apic_self_ipi(VECTOR_SELF);
	equal("interrupt at cpl 3 without a stack", FAULT_USER("nop; nop; nop", 0, 0, 0, 0x202), DF);
	c->tss.rsp[0] = old;
	/* Whether the interrupt was accepted before its delivery failed, or still waits: end it. */
	apic_write(APIC_EOI, 0);
	__asm__ volatile("sti; nop; nop; cli");
	equal("with a stack again", FAULT_USER("ud2", 0, 0, 0, 2), UD);
}

/* ---- load ---- */

static void busy_step(uint64_t i, uint64_t sum[2])
{
	uint64_t a = i * 0x9e3779b97f4a7c15ull, got = a;

	switch (i % 6) {
	case 0: (void)cpuid(0, 0); break;
	case 1: (void)inb(SCRATCH); break;
	case 2: (void)mmio_read32(IOAPIC); break;
	case 3: outb(0x80, (uint8_t)i); break;
	case 4: (void)rdmsr(0x1b); break;
	default: __asm__ volatile("movq %1, %%xmm3; pause; movq %%xmm3, %0" : "=r"(got) : "r"(a)); break;
	}
	sum[0] += a;
	sum[1] += got;
}

/* Fast timer and self-IPIs while everything else goes on: nothing is lost, nothing is counted twice, no register changes. */
static void load(void)
{
	struct cpu *c = this_cpu();
	uint64_t sum[2] = { 0, 0 }, sent = 0, cr4 = READ_CR(4), ticks;

	irq_sink(VECTOR_TIMER);
	c->irqs[VECTOR_TIMER] = c->irqs[VECTOR_SELF] = 0;
	WRITE_CR(4, cr4 | 0x600);
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, 0x20000 | VECTOR_TIMER);
	apic_write(APIC_TIMER_INIT, 3000000);
	__asm__ volatile("sti");
	for (uint64_t i = 0; i < 6000; i++) {
		busy_step(i, sum);
		if (i % 8 == 0) {
			apic_self_ipi(VECTOR_SELF);
			sent++;
			while (c->irqs[VECTOR_SELF] != sent) {
				__asm__ volatile("pause");
			}
		}
	}
	__asm__ volatile("cli");
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, 0x10000);
	WRITE_CR(4, cr4);
	ticks = c->irqs[VECTOR_TIMER];
	equal("every self-ipi came once", c->irqs[VECTOR_SELF], sent);
	equal("registers kept under load", sum[0], sum[1]);
	note("timer ticks meanwhile", ticks);
	ok("the timer went on", ticks > 2);
}

void group_events(void)
{
	irq_sink(VECTOR_SELF);
	software();
	delivery();
	bad_stack();
	load();
}
