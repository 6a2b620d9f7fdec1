/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC in both modes: registers, errors, priorities, and messages of every kind between processors.
 * SDM 3A 11.4 (registers), 11.5.3 (errors), 11.6 (messages), 11.8 (priorities), 11.12 (x2APIC).
 */
#include "tests/attack/at.h"

enum {
	V1 = 0x41, V2 = 0x52, V3 = 0x63, V_ERROR = 0xe1, ESR = 0x280, LDR = 0xd0, DFR = 0xe0, PPR = 0xa0, ISR = 0x100, TMR = 0x180, IRR = 0x200,
	LVT_ERROR = 0x370, LVT_LINT1 = 0x360, LVT_PERF = 0x340, LVT_THERMAL = 0x330, VERSION = 0x30, MASKED = 0x10000,
	ERR_SEND_VECTOR = 1 << 5, ERR_RECEIVE_VECTOR = 1 << 6, ERR_REGISTER = 1 << 7,
	LOGICAL = 0x800, LOWEST = 0x100, SELF = 1 << 18, ALL = 2 << 18, OTHERS = 3 << 18, LEVEL = 1 << 15, ASSERT = 1 << 14,
};
#define MSR_BASE 0x1bu

static bool vector_bit(uint32_t bank, uint8_t vector)
{
	return apic_read(bank + (vector >> 5) * 16u) >> (vector & 31) & 1;
}

static uint32_t errors(void)
{
	apic_write(ESR, 0);
	return apic_read(ESR);
}

static uint64_t count_of(unsigned cpu, uint8_t vector)
{
	return cpus[cpu].irqs[vector];
}

static void open_window(void)
{
	__asm__ volatile("sti; nop; nop; nop; cli");
}

/* ---- priorities ---- */

static uint8_t seen[8];
static volatile unsigned seen_count;

static void on_order(struct trap *t)
{
	if (seen_count < sizeof(seen)) {
		seen[seen_count++] = (uint8_t)t->vector;
	}
	apic_write(APIC_EOI, 0);
}

/* Takes a higher one, and not a lower one, while it is served. */
static volatile bool nested_high, nested_low, in_service;

static void on_nesting(struct trap *t)
{
	if (t->vector != V2) {
		nested_high |= t->vector == V3 && in_service;
		nested_low |= t->vector == V1 && in_service;
		apic_write(APIC_EOI, 0);
		return;
	}
	in_service = true;
	apic_self_ipi(V1);
	apic_self_ipi(V3);
	ok("in service", vector_bit(ISR, V2) && !vector_bit(IRR, V2) && vector_bit(IRR, V3));
	equal("processor priority while serving", apic_read(PPR) & 0xf0, V2 & 0xf0);
	open_window();
	in_service = false;
	apic_write(APIC_EOI, 0);
}

static void priorities(void)
{
	trap_set(V1, on_order);
	trap_set(V2, on_order);
	trap_set(V3, on_order);
	seen_count = 0;
	apic_self_ipi(V1);
	apic_self_ipi(V3);
	apic_self_ipi(V2);
	apic_self_ipi(V2);
	ok("requests wait in irr", vector_bit(IRR, V1) && vector_bit(IRR, V2) && vector_bit(IRR, V3) && !vector_bit(ISR, V3));
	ok("edge: tmr is clear", !vector_bit(TMR, V1));
	__asm__ volatile("sti; nop; nop; nop; nop; nop; nop; cli");
	ok("highest first, two of one vector are one", seen_count == 3 && seen[0] == V3 && seen[1] == V2 && seen[2] == V1);
	trap_set(V1, on_nesting);
	trap_set(V2, on_nesting);
	trap_set(V3, on_nesting);
	nested_high = nested_low = false;
	apic_self_ipi(V2);
	__asm__ volatile("sti; nop; nop; nop; nop; cli");
	ok("a higher one nests, a lower one waits", nested_high && !nested_low);
	irq_sink(V1);
	irq_sink(V2);
	irq_sink(V3);
	apic_write(APIC_TPR, 0x4f);
	cpus[0].irqs[V1] = cpus[0].irqs[V2] = 0;
	apic_self_ipi(V1);
	apic_self_ipi(V2);
	open_window();
	ok("the task priority holds its class", count_of(0, V1) == 0 && count_of(0, V2) == 1);
	equal("processor priority is the task's", apic_read(PPR), 0x4f);
	apic_write(APIC_TPR, 0);
	open_window();
	ok("and lets go", count_of(0, V1) == 1);
	apic_write(APIC_EOI, 0);
	equal("an eoi of nothing", apic_read(PPR), 0);
}

/*
 * The timer is masked, and yet a hypervisor may have an interrupt of its own for it: that must not open the guest's. Behind the window
 * nothing exits where the processor keeps the APIC, so that it comes while the guest runs.
 */
static void stays_closed(void)
{
	uint64_t end;

	cpus[0].irqs[V1] = 0;
	apic_write(APIC_TPR, 0x4f);
	apic_self_ipi(V1);
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, MASKED | V2);
	apic_write(APIC_TIMER_INIT, 300000);
	open_window();
	apic_write(APIC_TPR, 0);
	for (end = rdtsc() + 20 * tsc_per_ms(); rdtsc() < end && count_of(0, V1) == 0;) {
	}
	equal("waits as long as interrupts are off", count_of(0, V1), 0);
	open_window();
	equal("and comes then", count_of(0, V1), 1);
	apic_write(APIC_TIMER_INIT, 0);
}

/* 16 to 31 are legal for the APIC. */
static void low_vectors(void)
{
	irq_sink(0x1f);
	cpus[0].irqs[0x1f] = 0;
	apic_self_ipi(0x1f);
	open_window();
	ok("vector 31 as an interrupt", count_of(0, 0x1f) == 1);
}

/* ---- errors ---- */

static void on_error(struct trap *t)
{
	this_cpu()->irqs[t->vector]++;
	apic_write(APIC_EOI, 0);
}

static void illegal_vectors(void)
{
	uint32_t e;

	trap_set(V_ERROR, on_error);
	(void)errors();
	apic_write(LVT_ERROR, V_ERROR);
	cpus[0].irqs[V_ERROR] = 0;
	icr((uint32_t)cpus[0].apic_id, 5);
	open_window();
	e = errors();
	ok("illegal vector sent", e & ERR_SEND_VECTOR);
	ok("and the error interrupt", count_of(0, V_ERROR) >= 1);
	apic_self_ipi(15);
	e = errors();
	ok("illegal vector to itself", e & (ERR_SEND_VECTOR | ERR_RECEIVE_VECTOR));
	equal("the register is empty after reading twice", errors(), 0);
	open_window();
	icr((uint32_t)cpus[0].apic_id, LOWEST | 3);
	ok("illegal vector, lowest priority", errors() & ERR_SEND_VECTOR);
	apic_write(LVT_ERROR, MASKED);
	open_window();
}

/* ---- messages ---- */

static void clear_counts(void)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		cpus[i].irqs[V1] = 0;
	}
}

/* Who got V1, as a mask, after everybody had time; a processor that got more than one counts as bit 8. */
static uint64_t receivers(unsigned expected)
{
	uint64_t start = rdtsc(), mask = 0;
	unsigned got;

	do {
		__asm__ volatile("sti; pause; cli");
		got = 0;
		for (unsigned i = 0; i < cpu_count; i++) {
			got += (unsigned)count_of(i, V1);
		}
	} while (got < expected && rdtsc() - start < 500 * tsc_per_ms());
	for (start = rdtsc(); rdtsc() - start < tsc_per_ms() * 2;) {
		__asm__ volatile("sti; pause; cli");
	}
	for (unsigned i = 0; i < cpu_count; i++) {
		mask |= (count_of(i, V1) ? 1ull << i : 0) | (count_of(i, V1) > 1 ? 256 : 0);
	}
	return mask;
}

static unsigned bits(uint64_t mask)
{
	unsigned n = 0;

	for (; mask; mask &= mask - 1) {
		n++;
	}
	return n;
}

static void message(const char *name, uint32_t dest, uint32_t low, uint64_t want)
{
	clear_counts();
	icr(dest, low | V1);
	equal(name, receivers(bits(want)), want);
}

static void one_of(const char *name, uint32_t dest, uint32_t low, uint64_t among)
{
	uint64_t got;

	clear_counts();
	icr(dest, low | V1);
	got = receivers(1);
	ok(name, bits(got) == 1 && (got & ~among) == 0);
	if (bits(got) != 1) {
		note("went to", got);
	}
}

static void set_logical(void *arg)
{
	uint32_t v = (uint32_t)(uintptr_t)arg;

	apic_write(DFR, v & 1 ? 0xffffffff : 0x0fffffff);
	apic_write(LDR, v & 0xff000000);
}

/* Flat: one bit each. Cluster: two clusters of two. */
static void logical_ids(bool flat)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		uint32_t id = flat ? 1u << i : (i / 2) << 4 | 1u << i % 2;
		void *arg = (void *)(uintptr_t)(id << 24 | flat);

		if (i == 0) {
			set_logical(arg);
		} else {
			cpu_call(i, set_logical, arg);
			(void)cpu_done(i);
		}
	}
}

static void shorthands(uint64_t all)
{
	uint32_t broadcast = in_x2apic ? 0xffffffff : 0xff;

	message("to itself by shorthand", 3, SELF, 1);
	message("to all by shorthand", 3, ALL, all);
	message("to the others by shorthand", 0, OTHERS, all & ~1ull);
	message("to itself by id", (uint32_t)cpus[0].apic_id, 0, 1);
	message("to another by id", (uint32_t)cpus[cpu_count - 1].apic_id, 0, 1ull << (cpu_count - 1));
	message("to all by the broadcast id", broadcast, 0, all);
	message("to all by the logical broadcast id", broadcast, LOGICAL, all);
	message("to an id that is not there", 200, 0, 0);
	message("edge, level bits", (uint32_t)cpus[0].apic_id, ASSERT, 1);
	one_of("lowest priority among all", broadcast, LOGICAL | LOWEST, all);
	one_of("lowest priority to one", (uint32_t)cpus[0].apic_id, LOWEST, 1);
}

static void xapic_logical(uint64_t all)
{
	logical_ids(true);
	message("flat: one", 1, LOGICAL, 1);
	message("flat: two", 3, LOGICAL, all & 3);
	message("flat: none", 0, LOGICAL, 0);
	message("flat: an id that nobody has", 0x40, LOGICAL, 0);
	one_of("flat: lowest priority of two", 3, LOGICAL | LOWEST, 3);
	logical_ids(false);
	message("cluster: one", 0x01, LOGICAL, 1);
	message("cluster: two of the first", 0x03, LOGICAL, all & 3);
	if (cpu_count > 3) {
		message("cluster: two of the second", 0x13, LOGICAL, 0xc);
		message("cluster: another cluster", 0x23, LOGICAL, 0);
	}
	logical_ids(true);
}

static void x2apic_logical(uint64_t all)
{
	uint32_t id = (uint32_t)cpus[0].apic_id;

	equal("the logical id follows the id", apic_read(LDR), id >> 4 << 16 | 1u << (id & 15));
	message("cluster: one", 1, LOGICAL, 1);
	message("cluster: the first sixteen", 0xffff, LOGICAL, all);
	message("cluster: another", 0x0001ffff, LOGICAL, 0);
	one_of("cluster: lowest priority", 0xffff, LOGICAL | LOWEST, all);
}

static void nmis(uint64_t all)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		cpus[i].irqs[NMI] = 0;
	}
	icr(0, 0x4400 | OTHERS);
	for (unsigned i = 1; i < cpu_count; i++) {
		ok(numbered("nmi to the others: processor", i), wait_for(&cpus[i].irqs[NMI], 1));
	}
	equal("and not to itself", count_of(0, NMI), 0);
	(void)all;
}

static void messages(void)
{
	uint64_t all = (1ull << cpu_count) - 1;

	irq_sink(V1);
	shorthands(all);
	if (in_x2apic) {
		x2apic_logical(all);
	} else {
		xapic_logical(all);
	}
	nmis(all);
}

/* ---- registers ---- */

struct masked { const char *name; uint32_t reg, write, read; };

static void xapic_registers(void)
{
	static const struct masked row[] = {
		{ "tpr", APIC_TPR, 0xffffffff, 0xff }, { "ldr", LDR, 0xffffffff, 0xff000000 }, { "dfr", DFR, 0, 0x0fffffff },
		{ "dfr again", DFR, 0xffffffff, 0xffffffff }, { "lvt error", LVT_ERROR, 0xffffffff, 0x100ff },
		{ "lvt thermal", LVT_THERMAL, 0xffffffff, 0x107ff }, { "lvt perf", LVT_PERF, 0xffffffff, 0x107ff },
		{ "lvt timer", APIC_LVT_TIMER, 0xffffffff & ~0x40000u, 0x300ff },
		{ "tpr as it was", APIC_TPR, 0, 0 }, { "ldr as it was", LDR, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		apic_write(row[i].reg, row[i].write);
		equal(row[i].name, apic_read(row[i].reg) & (row[i].reg == APIC_LVT_TIMER ? 0x100ff : ~0u),
		      row[i].read & (row[i].reg == APIC_LVT_TIMER ? 0x100ff : ~0u));
	}
	apic_write(VERSION, 0);
	ok("version is read-only", (apic_read(VERSION) & 0xff) >= 0x10);
	apic_write(IRR + 0x20, ~0u);
	apic_write(ISR + 0x20, ~0u);
	ok("irr and isr are read-only", apic_read(IRR + 0x20) == 0 && apic_read(ISR + 0x20) == 0);
	(void)errors();
	(void)apic_read(0x3f0);
	ok("reading a reserved register", errors() & ERR_REGISTER);
	apic_write(0x40, 5);
	ok("writing a reserved register", errors() & ERR_REGISTER);
	equal("eoi reads as nothing", apic_read(APIC_EOI) & 0, 0);
	apic_write(ESR, 0);
	apic_write(LVT_ERROR, MASKED);
	apic_write(LVT_THERMAL, MASKED);
	apic_write(LVT_PERF, MASKED);
	apic_write(APIC_LVT_TIMER, MASKED);
}

/* Forms of access on the page: 32 bits at multiples of 16 are defined, the others must not hurt. */
static void xapic_forms(void)
{
	uint64_t base = 0xfee00000;

	for (uint64_t at = base; at < base + 0x400; at += 4) {
		(void)*(volatile uint8_t *)(uintptr_t)(at + 1);
		(void)*(volatile uint16_t *)(uintptr_t)at;
		(void)*(volatile uint32_t *)(uintptr_t)at;
	}
	(void)*(volatile uint64_t *)(uintptr_t)(base + 0x20);
	(void)*(volatile uint32_t *)(uintptr_t)(base + 0xff0);
	*(volatile uint8_t *)(uintptr_t)(base + 0x81) = 0xff;
	*(volatile uint16_t *)(uintptr_t)(base + 0x85) = 0xff;
	equal("odd accesses to the page", apic_read(APIC_TPR) & 0xff0, 0);
	apic_write(APIC_TPR, 0);
	equal("movzx from the page", *(volatile uint8_t *)(uintptr_t)(base + VERSION), apic_read(VERSION) & 0xff);
	(void)errors();
}

/* Another address for the page, and back. */
static void xapic_moved(void)
{
	uint64_t old = rdmsr(MSR_BASE);
	uint32_t id = mmio_read32(0xfee00000 + VERSION);

	wrmsr(MSR_BASE, (old & 0xfff) | 0xd0000000);
	equal("the page at another address", mmio_read32(0xd0000000 + VERSION), id);
	ok("and not at the old one", mmio_read32(0xfee00000 + VERSION) != id);
	wrmsr(MSR_BASE, old);
	equal("and back", mmio_read32(0xfee00000 + VERSION), id);
}

/* Off: CPUID says so, the page is gone; on again: as after reset (SDM 3A 11.4.3). */
static void switched_off(void)
{
	uint64_t old = rdmsr(MSR_BASE);

	wrmsr(MSR_BASE, old & ~0xc00ull);
	ok("cpuid of a disabled apic", !has(1, 0, 'd', 9));
	equal("off to x2apic refused", FAULT("wrmsr", (uint32_t)old | 0xc00, MSR_BASE, old >> 32), GP);
	wrmsr(MSR_BASE, old & ~0x400ull);
	in_x2apic = false;
	ok("enabled again", has(1, 0, 'd', 9));
	equal("spurious vector register is reset", mmio_read32(0xfee00000 + APIC_SVR), 0xff);
	equal("lvt is masked", mmio_read32(0xfee00000 + APIC_LVT_TIMER), MASKED);
}

void group_xapic(void)
{
	cpus_start();
	x2apic_all(false);
	xapic_registers();
	xapic_forms();
	xapic_moved();
	priorities();
	stays_closed();
	low_vectors();
	illegal_vectors();
	if (cpu_count > 1) {
		messages();
	} else {
		skip("messages", "one processor");
	}
	switched_off();
	x2apic_all(false);
}

static void x2apic_registers(void)
{
	static const uint16_t absent[] = {
		0x800, 0x801, 0x804, 0x805, 0x806, 0x807, 0x809, 0x80c, 0x80e, 0x831, 0x83a, 0x840, 0x8fe, 0x8ff,
	};
	static const uint16_t read_only[] = { 0x802, 0x803, 0x80a, 0x80d, 0x810, 0x818, 0x820, 0x839 };
	static const struct { const char *name; uint32_t msr; uint64_t value; } reserved[] = {
		{ "eoi of one", 0x80b, 1 }, { "esr of one", 0x828, 1 }, { "tpr of 256", 0x808, 0x100 }, { "svr bit 16", 0x80f, 0x101ff },
		{ "lvt timer bit 20", 0x832, 0x110000 }, { "lvt error bit 8", 0x837, 0x10100 }, { "divisor bit 2", 0x83e, 4 },
		{ "icr bit 20", 0x830, 0x104000 }, { "self ipi of 256", 0x83f, 0x100 }, { "tpr, upper half", 0x808, 1ull << 32 },
		{ "initial count, upper half", 0x838, 1ull << 32 },
	};
	uint64_t wrong = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
		wrong += FAULT("rdmsr", 0, absent[i], 0) != GP;
		wrong += FAULT("wrmsr", 0, absent[i], 0) != GP;
	}
	equal("reserved registers fault", wrong, 0);
	wrong = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++) {
		wrong += FAULT("wrmsr", 0, read_only[i], 0) != GP;
		wrong += FAULT("rdmsr", 0, read_only[i], 0) != NONE;
	}
	equal("read-only registers", wrong, 0);
	equal("eoi cannot be read", FAULT("rdmsr", 0, 0x80b, 0), GP);
	equal("self ipi cannot be read", FAULT("rdmsr", 0, 0x83f, 0), GP);
	for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++) {
		equal(reserved[i].name, FAULT("wrmsr", (uint32_t)reserved[i].value, reserved[i].msr, reserved[i].value >> 32), GP);
	}
	/* Kernels write delivery status and remote IRR back when they go (Xen); they are read-only, not reserved. */
	equal("read-only bits of an lvt", FAULT("wrmsr", 0x15700, 0x835, 0), NONE);
	equal("read-only bits of an lvt, read", rdmsr(0x835), 0x10700);
	equal("back to xapic refused", FAULT("wrmsr", 0xfee00900, MSR_BASE, 0), GP);
	equal("the base cannot lose enable alone", FAULT("wrmsr", 0xfee00500, MSR_BASE, 0), GP);
	ok("the page is not there", mmio_read32(0xfee00000 + VERSION) != apic_read(VERSION));
	cpus[0].irqs[V1] = 0;
	irq_sink(V1);
	wrmsr(0x83f, V1);
	open_window();
	equal("self ipi register", count_of(0, V1), 1);
}

void group_x2apic(void)
{
	if (!has(1, 0, 'c', 21)) {
		skip("all", "not offered");
		return;
	}
	cpus_start();
	x2apic_all(true);
	x2apic_registers();
	priorities();
	stays_closed();
	low_vectors();
	illegal_vectors();
	if (cpu_count > 1) {
		messages();
	}
	switched_off();
	x2apic_all(false);
}
