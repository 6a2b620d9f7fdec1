/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When NMIs are taken: out of halts, behind shadows, behind the IRET that opens them, in the middle of strings. Where no
 * instruction exits, too. They come from the interrupt command register and, on their own time, from the PIT by an entry of
 * the IOAPIC. SDM 3A 6.7.1, 6.8.3.
 */
#include "tests/attack/at.h"

enum { IOAPIC = 0xfec00000, GSI_PIT = 2, DELIVERY_NMI = 0x400, MASKED = 0x10000, SCRATCH = 0x3ff, TICK = 1193 };

static volatile uint64_t nmis, depth, deepest, at, again, spin, rips[64];
extern uint64_t nmi_icr;
uint64_t nmi_icr;                    /* the address of the ICR's low half                             */

static void send(void)
{
	icr((uint32_t)this_cpu()->apic_id, 0x4400);
}

static void on_nmi(struct trap *t)
{
	at = t->rip;
	rips[nmis % ARRAY_SIZE(rips)] = t->rip;
	nmis++;
	deepest = ++depth > deepest ? depth : deepest;
	if (again) {
		again--;
		send();
	}
	depth--;
}

static void fresh(void)
{
	nmis = depth = deepest = at = again = spin = 0;
}

static void pit_nmi(uint8_t control, uint16_t count, uint32_t low)
{
	mmio_write32(IOAPIC, 0x11 + 2 * GSI_PIT);
	mmio_write32(IOAPIC + 16, (uint32_t)this_cpu()->apic_id << 24);
	mmio_write32(IOAPIC, 0x10 + 2 * GSI_PIT);
	mmio_write32(IOAPIC + 16, low);
	outb(0x43, control);
	outb(0x40, (uint8_t)count);
	outb(0x40, (uint8_t)(count >> 8));
}

static void pit_off(void)
{
	pit_nmi(0x30, 0xffff, MASKED);
}

/* Loops without an exit, IF as it is, until *what is value or 200 ms have passed. */
static void stay(volatile uint64_t *what, uint64_t value)
{
	uint64_t end = rdtsc() + 200 * tsc_per_ms();

	while (*what < value && rdtsc() < end) {
	}
}

/* They come again and again: one that comes before the halt, on a machine that is busy, is not the last. */
static uint64_t out_of_halt(void (*halt)(void))
{
	fresh();
	pit_nmi(0x34, 20 * TICK, DELIVERY_NMI);
	halt();
	pit_off();
	return nmis;
}

static void halt_deaf(void)
{
	__asm__ volatile("cli; hlt" : : : "memory");
}

static void halt_open(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

static void halts(void)
{
	for (unsigned i = 0; i < 3; i++) {
		ok(numbered("out of a halt without interrupts", i), out_of_halt(halt_deaf) > 0);
	}
	ok("out of a halt with interrupts", out_of_halt(halt_open) > 0);
	fresh();
	pit_nmi(0x30, TICK, DELIVERY_NMI);
	stay(&nmis, 1);
	equal("into a loop without exits", nmis, 1);
	pit_off();
}

/* The IRET opens them; the code behind it has IF=0 or 1 and does not exit. */
static void behind_iret(void)
{
	uint64_t want;

	fresh();
	again = 1;
	send();
	stay(&nmis, 2);
	equal("a second behind the first's iret, no exits", nmis, 2);
	equal("a second, not nested", deepest, 1);
	fresh();
	again = 1;
	__asm__ volatile("sti");
	send();
	stay(&nmis, 2);
	__asm__ volatile("cli");
	equal("a second behind the first's iret, no exits, with interrupts", nmis, 2);
	/* At the very instruction that the IRET goes back to. */
	fresh();
	again = 1;
	__asm__ volatile("movq nmi_icr(%%rip), %%rax; movl $0x4400, (%%rax); 1: nop; nop; nop; nop; leaq 1b(%%rip), %0" : "=r"(want) : : "rax", "memory");
	stay(&nmis, 2);
	equal("a second, count", nmis, 2);
	ok("a second, where", rips[0] >= want && rips[1] - rips[0] <= 1);
	fresh();
	again = 5;
	send();
	stay(&nmis, 6);
	equal("six in a row", nmis, 6);
	equal("six in a row, not nested", deepest, 1);
}

/* ---- the handler returns early, by an exception's IRET ---- */

static void on_breakpoint(struct trap *t)
{
	(void)t;
}

static void on_nmi_breakpoint(struct trap *t)
{
	(void)t;
	nmis++;
	deepest = ++depth > deepest ? depth : deepest;
	if (nmis == 1) {
		send();
		__asm__ volatile("int3" : : : "memory");
		stay(&nmis, 2);
	}
	depth--;
}

/* An IRET that faults opens them, too. */
static void on_nmi_bad_iret(struct trap *t)
{
	(void)t;
	nmis++;
	deepest = ++depth > deepest ? depth : deepest;
	if (nmis == 1) {
		send();
		(void)FAULT("pushq $0; pushq %%rsp; pushfq; pushq $0x1f8; pushq $0; iretq", 0, 0, 0);
		stay(&nmis, 2);
	}
	depth--;
}

static void inner_irets(void)
{
	void (*breakpoint)(struct trap *) = trap_get(BP);

	trap_set(BP, on_breakpoint);
	trap_set(NMI, on_nmi_breakpoint);
	fresh();
	send();
	stay(&nmis, 2);
	equal("the iret of a breakpoint within opens them", deepest << 8 | nmis, 0x202);
	trap_set(BP, breakpoint);
	trap_set(NMI, on_nmi_bad_iret);
	fresh();
	send();
	stay(&nmis, 2);
	equal("an iret that faults opens them", deepest << 8 | nmis, 0x202);
	trap_set(NMI, on_nmi);
}

/* ---- shadows ---- */

#define BEHIND(name, text)                                                                                                \
	do {                                                                                                              \
		uint64_t want_;                                                                                           \
		fresh();                                                                                                  \
		__asm__ volatile("movq nmi_icr(%%rip), %%rdi; movl %%ss, %%ecx; " text "; movl $0x4400, (%%rdi); 1: nop; nop; cli;"  \
				 "leaq 1b(%%rip), %0" : "=r"(want_) : : "rax", "rcx", "rdi", "memory");                   \
		stay(&nmis, 1);                                                                                           \
		ok(name, nmis == 1 && at - want_ <= 2);                                                                   \
	} while (0)

/* Sent while the shadow of the instruction before lasts, taken when it is over; and by its own time never in one. */
static void shadows(void)
{
	uint64_t first, wrong = 0, seen = 0;

	BEHIND("sent behind sti", "sti");
	BEHIND("sent behind mov ss", "movl %%ecx, %%ss");
	fresh();
	pit_nmi(0x34, TICK, DELIVERY_NMI);
	for (uint64_t end = rdtsc() + 400 * tsc_per_ms(); rdtsc() < end && seen < 20;) {
		uint64_t before = nmis;

		__asm__ volatile("movl %%ss, %%ecx; movl $2000, %%eax; leaq 1f(%%rip), %0\n"
				 "2: movl %%ecx, %%ss; 1: nop; movl %%ecx, %%ss; nop; decl %%eax; jnz 2b" : "=r"(first) : : "rax", "rcx", "memory");
		if (nmis != before) {
			seen++;
			wrong += at == first || at == first + 3;
		}
	}
	pit_off();
	ok("some came among shadows", seen > 5);
	equal("none in the shadow of mov ss", wrong, 0);
}

/* ---- strings ---- */

static uint8_t bytes[4096];

static void strings(void)
{
	uint64_t wrong = 0;

	fresh();
	pit_nmi(0x34, TICK, DELIVERY_NMI);
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7);
	}
	for (uint64_t end = rdtsc() + 400 * tsc_per_ms(); rdtsc() < end && nmis < 8;) {
		const uint8_t *from = bytes;
		uint64_t count = sizeof(bytes);

		__asm__ volatile("cld; rep outsb" : "+S"(from), "+c"(count) : "d"(SCRATCH) : "memory");
		wrong += count != 0 || from != bytes + sizeof(bytes) || inb(SCRATCH) != bytes[sizeof(bytes) - 1];
	}
	pit_off();
	ok("some came among strings", nmis > 3);
	equal("strings went on behind them", wrong, 0);
	equal("none nested", deepest, 1);
}

void group_nmi(void)
{
	void (*old)(struct trap *) = trap_get(NMI);

	if (in_x2apic) {
		skip("all", "x2apic");
		return;
	}
	nmi_icr = 0xfee00000 + APIC_ICR;
	mmio_write32(0xfee00000 + APIC_ICR_HIGH, (uint32_t)this_cpu()->apic_id << 24);
	trap_set(NMI, on_nmi);
	hold_output(true);
	halts();
	behind_iret();
	inner_irets();
	shadows();
	strings();
	trap_set(NMI, old);
}
