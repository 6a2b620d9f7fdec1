/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks of the chipset at their limits: HPET (IA-PC HPET 1.0a), PIT, RTC, ACPI timer, and the PICs behind them. What is
 * asserted holds on any PC; what the manuals leave open must only not hurt: at the end of each part the clock works.
 */
#include "tests/attack/at.h"

enum {
	VECTOR = 0x72, VECTOR_PIT = 0x73, VECTOR_RTC = 0x74, IOAPIC = 0xfec00000, HPET_TABLE = 0x54455048,
	CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0, TIMER = 0x100, COMPARATOR = 0x108, STRIDE = 0x20,
	ENABLE = 1, LEGACY = 2, LEVEL = 2, INTERRUPT = 4, PERIODIC = 8, CAN_PERIODIC = 0x10, SET_VALUE = 0x40, BITS_32 = 0x100,
	GSI_PIT = 2, GSI_RTC = 8, IOAPIC_LEVEL = 0x8000, MASKED = 0x10000,
};

static uint64_t base;
static unsigned line;
static volatile uint64_t *fired;

/* ---- help ---- */

static uint64_t get(unsigned reg) { return *(volatile uint64_t *)(uintptr_t)(base + reg); }
static void set(unsigned reg, uint64_t v) { *(volatile uint64_t *)(uintptr_t)(base + reg) = v; }

static void route(unsigned gsi, uint32_t low)
{
	mmio_write32(IOAPIC, 0x11 + 2 * gsi);
	mmio_write32(IOAPIC + 16, (uint32_t)this_cpu()->apic_id << 24);
	mmio_write32(IOAPIC, 0x10 + 2 * gsi);
	mmio_write32(IOAPIC + 16, low);
}

/* Some milliseconds with interrupts on. */
static void progress(uint64_t ms)
{
	(void)irqs_reach(fired, ~0ull, ms);
}

/* ---- HPET ---- */

static uint64_t ticks_per_ms(void)
{
	return 1000000000000ull / (get(0) >> 32);
}

/* Timer 0 by itself, on its line; the counter runs from start. */
static void start(uint64_t counter, uint64_t comparator, uint64_t config)
{
	set(CONFIG, 0);
	for (unsigned i = 0; i < 3; i++) {
		set(TIMER + i * STRIDE, 0);
	}
	set(STATUS, ~0ull);
	set(COUNTER, counter);
	set(TIMER, config | INTERRUPT | (uint64_t)line << 9);
	set(COMPARATOR, comparator);
	if (config & PERIODIC) {
		set(COMPARATOR, comparator);         /* the period, without SET_VALUE */
	}
	(void)irqs_reach(fired, ~0ull, 1);
	*fired = 0;
	set(CONFIG, ENABLE);
}

static void one_shots(void)
{
	uint64_t ms = ticks_per_ms(), a, b;

	start(0, ms, 0);
	a = get(COUNTER);
	ok("hpet fires", irqs_reach(fired, 1, 500));
	ok("hpet fires once", !irqs_reach(fired, 2, 3));
	b = get(COUNTER);
	ok("hpet counts", b > a && b >= ms);
	set(CONFIG, 0);
	a = get(COUNTER);
	progress(1);
	equal("hpet stands while halted", get(COUNTER), a);
	start(1000 * ms, 10 * ms, 0);
	ok("a comparator in the past is not met", !irqs_reach(fired, 1, 10));
	start(0, ~0ull, 0);
	ok("nor one at the end of time", !irqs_reach(fired, 1, 5));
	start(0xffffffff - ms / 2, ms, BITS_32);
	ok("32 bits wrap", irqs_reach(fired, 1, 500));
	if (get(0) & 0x2000) {
		start(~0ull - ms / 2, ms, 0);
		ok("64 bits wrap", irqs_reach(fired, 1, 500));
		ok("and the counter with them", get(COUNTER) < 1000 * ms);
	}
	start(0, 60 * ms, 0);
	set(TIMER, (uint64_t)line << 9);
	ok("one that is switched off meanwhile", !irqs_reach(fired, 1, 80));
}

/* A period of nothing leaves no instruction in between on a fast machine: after a while it is stopped. */
static void on_storm(struct trap *t)
{
	if (++this_cpu()->irqs[t->vector] >= 50) {
		set(CONFIG, 0);
	}
	apic_write(APIC_EOI, 0);
}

static void periods(void)
{
	uint64_t ms = ticks_per_ms();

	if (!(get(TIMER) & CAN_PERIODIC)) {
		skip("hpet periods", "not offered");
		return;
	}
	start(0, ms, PERIODIC | SET_VALUE);
	ok("a period of 1 ms", irqs_reach(fired, 5, 500));
	trap_set(VECTOR, on_storm);
	for (uint64_t ticks = 1; ticks <= 10000; ticks *= 10) {
		start(0, ticks, PERIODIC | SET_VALUE);
		ok(numbered("interrupts come at a period in ticks of", ticks), irqs_reach(fired, 10, 500));
	}
	start(0, 0, PERIODIC | SET_VALUE);
	progress(2);
	ok("a period of zero", true);
	start(0, ~0ull, PERIODIC | SET_VALUE | BITS_32);
	progress(2);
	equal("the longest one of 32 bits", *fired, 0);
	irq_sink(VECTOR);
	start(0, ms, PERIODIC | SET_VALUE);
	ok("a period of 1 ms again", irqs_reach(fired, 3, 500));
}

/* A level that stands leaves no instruction in between: the third time it is taken down. */
static void on_level(struct trap *t)
{
	this_cpu()->irqs[t->vector]++;
	if (*fired >= 3) {
		set(STATUS, 1);
	}
	apic_write(APIC_EOI, 0);
}

static void levels(void)
{
	uint64_t ms = ticks_per_ms();

	route(line, IOAPIC_LEVEL | MASKED | VECTOR);
	start(0, ms / 10, LEVEL);
	for (unsigned i = 0; i < 500 && !(get(STATUS) & 1); i++) {
		progress(1);
	}
	equal("level, the status stands", get(STATUS) & 1, 1);
	set(STATUS, 0);
	equal("level, zeros do not clear it", get(STATUS) & 1, 1);
	*fired = 0;
	trap_set(VECTOR, on_level);
	route(line, IOAPIC_LEVEL | VECTOR);
	ok("level, it interrupts as long as that", irqs_reach(fired, 3, 500));
	equal("level, a one clears it", get(STATUS) & 1, 0);
	(void)irqs_reach(fired, ~0ull, 1);
	*fired = 0;
	ok("level, and the line falls", !irqs_reach(fired, 1, 3));
	irq_sink(VECTOR);
	set(CONFIG, 0);
	route(line, VECTOR);
}

/* Legacy replacement goes on and off while PIT, RTC's line and the comparators are busy. */
static void replacement(void)
{
	uint64_t ms = ticks_per_ms(), old, n;

	if (!(get(0) & 0x8000)) {
		skip("hpet replaces the others", "not offered");
		return;
	}
	route(GSI_PIT, VECTOR_PIT);
	outb(0x43, 0x34);
	outb(0x40, 1193 & 0xff);
	outb(0x40, 1193 >> 8);
	fired = &this_cpu()->irqs[VECTOR_PIT];
	*fired = 0;
	ok("the pit ticks", irqs_reach(fired, 3, 500));
	start(0, ms, PERIODIC | SET_VALUE);
	set(CONFIG, LEGACY);
	(void)irqs_reach(fired, ~0ull, 1);
	*fired = 0;
	ok("the hpet has its line, halted", !irqs_reach(fired, 1, 5));
	set(CONFIG, ENABLE | LEGACY);
	ok("the hpet has its line", irqs_reach(fired, 3, 500));
	for (n = 0; n < 300; n++) {
		set(CONFIG, rnd() & 3);
		set(COMPARATOR, ms / 4 + rnd() % ms);
		(void)inb(0x40);
		__asm__ volatile("sti; nop; nop; cli");
	}
	set(CONFIG, 0);
	old = *fired;
	ok("the pit has its line again", irqs_reach(fired, old + 3, 500));
	route(GSI_PIT, MASKED | VECTOR_PIT);
	fired = &this_cpu()->irqs[VECTOR];
}

/* Every width at every offset; registers keep to themselves. */
static void forms(void)
{
	uint64_t wrong = 0, capabilities = get(0);

	set(CONFIG, 0);
	set(COUNTER, 0x1122334455667788);
	equal("low half of the counter", *(volatile uint32_t *)(uintptr_t)(base + COUNTER), 0x55667788);
	equal("high half of the counter", *(volatile uint32_t *)(uintptr_t)(base + COUNTER + 4), 0x11223344);
	mmio_write32(base + COUNTER + 4, 0xa1a2a3a4);
	equal("a write of its high half", get(COUNTER), 0xa1a2a3a455667788);
	for (uint64_t at = 0; at < 0x400; at++) {
		wrong += FAULT("movb (%%rax), %%cl; movw (%%rax), %%cx; movl (%%rax), %%ecx; movq (%%rax), %%rcx", base + at, 0, 0) != NONE;
	}
	equal("every width at every offset is no fault", wrong, 0);
	for (uint64_t i = 0; i < 400; i++) {
		(void)FAULT("movb %%cl, (%%rax); movw %%cx, 1(%%rax); movl %%ecx, 3(%%rax); movq %%rcx, 5(%%rax)",
			    base + rnd() % 0x3f0, rnd(), 0);
	}
	set(CONFIG, 0);
	equal("capabilities after random writes", get(0), capabilities);
	for (uint64_t at = 0x160; at < 0x400; at += 8) {
		set((unsigned)at, ~0ull);
	}
	for (unsigned gsi = 0; gsi < 32; gsi++) {
		set(TIMER, INTERRUPT | (uint64_t)gsi << 9);      /* on lines that it cannot have, too */
	}
	set(CONFIG, 0);
	(void)irqs_reach(fired, ~0ull, 1);
}

static void hpet_init(void)
{
	uint64_t table = acpi_find(HPET_TABLE);

	if (!table) {
		skip("all", "no table");
		return;
	}
	base = *(volatile uint64_t *)(uintptr_t)(table + 44);
	irq_sink(VECTOR);
	irq_sink(VECTOR_PIT);
	fired = &this_cpu()->irqs[VECTOR];
	hold_output(true);
	/* The highest line that the timer can have: nobody else's. */
	line = 31 - (unsigned)__builtin_clz((uint32_t)(get(TIMER) >> 32) & 0xffffff);
	route(line, VECTOR);
}

void group_hpet(void)
{
	hpet_init();
	if (!base) {
		return;
	}
	one_shots();
	periods();
	levels();
	replacement();
	set(CONFIG, 0);
	route(line, MASKED | VECTOR);
}

/* By name only: some machines stop at an access of one byte. */
void group_hpetforms(void)
{
	hpet_init();
	if (base) {
		forms();
		one_shots();
		set(CONFIG, 0);
		route(line, MASKED | VECTOR);
	}
}

/* ---- PIT ---- */

static void pit(uint8_t control, uint16_t count)
{
	outb(0x43, control);
	outb(0x40, (uint8_t)count);
	outb(0x40, (uint8_t)(count >> 8));
}

static void on_pit(struct trap *t)
{
	if (++this_cpu()->irqs[t->vector] >= 50) {
		pit(0x30, 0xffff);
	}
	apic_write(APIC_EOI, 0);
}

static void pit_limits(void)
{
	route(GSI_PIT, VECTOR_PIT);
	fired = &this_cpu()->irqs[VECTOR_PIT];
	trap_set(VECTOR_PIT, on_pit);
	for (uint16_t count = 2; count < 1000; count = (uint16_t)(count * 7)) {
		*fired = 0;
		pit(0x34, count);
		ok(numbered("pit, a rate of", count), irqs_reach(fired, 10, 500));
		*fired = 0;
		pit(0x36, count);
		ok(numbered("pit, a square wave of", count), irqs_reach(fired, 10, 500));
	}
	irq_sink(VECTOR_PIT);
	outb(0x43, 0x30);
	/* Every control word, then counts that BCD cannot have, half-written counts, read-back of all. */
	for (unsigned control = 0; control < 256; control++) {
		outb(0x43, (uint8_t)control);
		outb((uint16_t)(0x40 + (control >> 6) % 3), 0xff);
		if (control & 1) {
			outb((uint16_t)(0x40 + (control >> 6) % 3), 0xaf);
		}
		(void)inb((uint16_t)(0x40 + control % 4));
		__asm__ volatile("sti; nop; cli");
	}
	for (unsigned i = 0; i < 2000; i++) {
		outb((uint16_t)(0x40 + rnd() % 4), (uint8_t)rnd());
		(void)inb((uint16_t)(0x40 + rnd() % 4));
		outb(0x61, (uint8_t)(rnd() & 0xf));
	}
	outb(0x61, 0);
	pit(0x34, 1193);
	*fired = 0;
	ok("pit, ticks after all of this", irqs_reach(fired, 3, 500));
	pit(0x30, 1);
	(void)irqs_reach(fired, ~0ull, 30);
	*fired = 0;
	ok("pit, a count that has ended stays so", !irqs_reach(fired, 1, 3));
	route(GSI_PIT, MASKED);
}

/* ---- RTC ---- */

static uint8_t cmos(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void set_cmos(uint8_t reg, uint8_t v)
{
	outb(0x70, reg);
	outb(0x71, v);
}

static void rtc_limits(void)
{
	uint8_t a = cmos(0xa), b = cmos(0xb);

	route(GSI_RTC, VECTOR_RTC);
	fired = &this_cpu()->irqs[VECTOR_RTC];
	set_cmos(0xa, (a & 0xf0) | 3);               /* 8192 Hz, the fastest */
	set_cmos(0xb, b | 0x40);
	(void)cmos(0xc);
	*fired = 0;
	for (unsigned i = 0; i < 20 && *fired < 3; i++) {
		(void)irqs_reach(fired, *fired + 1, 20);
		(void)cmos(0xc);
	}
	ok("rtc, periodic interrupts", *fired >= 3);
	for (unsigned rate = 0; rate < 16; rate++) {
		set_cmos(0xa, (uint8_t)((a & 0xf0) | rate));
		(void)cmos(0xc);
		progress(1);
	}
	for (unsigned i = 0; i < 500; i++) {
		set_cmos((uint8_t)(rnd() % 14), (uint8_t)rnd());
		(void)cmos((uint8_t)(rnd() & 0xff));
		__asm__ volatile("sti; nop; cli");
	}
	set_cmos(0xb, 0x80 | 0x02);
	set_cmos(0xa, 0x26);
	set_cmos(0, 0x10);
	set_cmos(2, 0x20);
	set_cmos(4, 0x12);
	set_cmos(6, 1);
	set_cmos(7, 1);
	set_cmos(8, 1);
	set_cmos(9, 0x25);
	set_cmos(0xb, 0x02);
	(void)cmos(0xc);
	equal("rtc, the hour after all of this", cmos(4), 0x12);
	set_cmos(0xb, b & 0x7f);
	route(GSI_RTC, MASKED);
}

/* ---- PICs, ACPI timer ---- */

static void pic_limits(void)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	static const uint8_t init[][2] = {
		{ 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 4 }, { 0x21, 1 }, { 0xa0, 0x11 }, { 0xa1, 0x28 }, { 0xa1, 2 }, { 0xa1, 1 },
		{ 0x21, 0xa5 }, { 0xa1, 0x5a },
	};

	for (unsigned i = 0; i < 3000; i++) {
		outb(ports[rnd() % 6], (uint8_t)rnd());
		(void)inb(ports[rnd() % 6]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(init); i++) {
		outb(init[i][0], init[i][1]);
	}
	equal("pic, masks after all of this", inb(0x21) | (uint32_t)inb(0xa1) << 8, 0x5aa5);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static void acpi_timer(void)
{
	uint64_t wrong = 0;
	uint32_t last = pm_timer();

	for (unsigned i = 0; i < 2000; i++) {
		uint32_t now = pm_timer();

		wrong += ((now - last) & 0xffffff) > 0x800000;
		last = now;
	}
	equal("acpi timer, never backwards", wrong, 0);
}

void group_clocks(void)
{
	irq_sink(VECTOR_PIT);
	irq_sink(VECTOR_RTC);
	hold_output(true);
	pit_limits();
	rtc_limits();
	pic_limits();
	acpi_timer();
}
