/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC's timer at its limits: 0, 1, the largest; deadlines past, now and never; changes of mode. SDM 3A 11.5.4. */
#include "tests/attack/at.h"

enum { VECTOR = 0x71, MASKED = 0x10000, PERIODIC = 0x20000, DEADLINE = 0x40000 };
#define MSR_DEADLINE 0x6e0u

static volatile uint64_t *fired;

static void lvt(uint32_t v)
{
	apic_write(APIC_LVT_TIMER, v);
}

static void counts(void)
{
	*fired = 0;
	apic_write(APIC_TIMER_DIV, 0xb);
	lvt(VECTOR);
	apic_write(APIC_TIMER_INIT, 0);
	ok("zero does not fire", !irqs_reach(fired, 1, 3) && apic_read(APIC_TIMER_NOW) == 0);
	apic_write(APIC_TIMER_INIT, 1);
	ok("one fires", irqs_reach(fired, 1, 500));
	ok("once", !irqs_reach(fired, 2, 3));
	*fired = 0;
	apic_write(APIC_TIMER_INIT, 0xffffffff);
	ok("the largest counts", apic_read(APIC_TIMER_NOW) > 0xf0000000u && !irqs_reach(fired, 1, 3));
	equal("the initial count reads back", apic_read(APIC_TIMER_INIT), 0xffffffff);
	apic_write(APIC_TIMER_INIT, 0);
	equal("zero stops it", apic_read(APIC_TIMER_NOW), 0);
	for (uint32_t d = 0; d < 8; d++) {
		static const uint8_t code[] = { 0, 1, 2, 3, 8, 9, 10, 11 };

		apic_write(APIC_TIMER_DIV, code[d]);
		*fired = 0;
		apic_write(APIC_TIMER_INIT, 1000);
		ok(numbered("fires by divisor", code[d]), irqs_reach(fired, 1, 500));
	}
	apic_write(APIC_TIMER_DIV, 0xffffffff);
	equal("reserved bits of the divisor", in_x2apic ? 0xb : apic_read(APIC_TIMER_DIV), 0xb);
}

static void masks(void)
{
	apic_write(APIC_TIMER_DIV, 0xb);
	lvt(MASKED | VECTOR);
	*fired = 0;
	apic_write(APIC_TIMER_INIT, 1000);
	ok("masked does not fire", !irqs_reach(fired, 1, 5));
	lvt(VECTOR);
	ok("and nothing was kept", !irqs_reach(fired, 1, 5));
	lvt(PERIODIC | VECTOR);
	apic_write(APIC_TIMER_INIT, 1);
	ok("periodic with a count of one", irqs_reach(fired, 3, 500));
	lvt(PERIODIC | MASKED | VECTOR);
	(void)irqs_reach(fired, 1000000, 2);
	*fired = 0;
	ok("masked while it ran", !irqs_reach(fired, 1, 5));
	lvt(PERIODIC | VECTOR);
	ok("and unmasked", irqs_reach(fired, 2, 500));
	apic_write(APIC_TIMER_INIT, 0);
	(void)irqs_reach(fired, 1000000, 2);
	*fired = 0;
	ok("periodic stopped", !irqs_reach(fired, 1, 5));
	apic_write(APIC_SVR, 0xff);
	equal("a software-disabled apic masks the timer", apic_read(APIC_LVT_TIMER) & MASKED, MASKED);
	lvt(VECTOR);
	equal("and keeps it masked", apic_read(APIC_LVT_TIMER) & MASKED, MASKED);
	apic_write(APIC_SVR, 0x1ff);
	equal("switching it on unmasks nothing", apic_read(APIC_LVT_TIMER) & MASKED, MASKED);
}

static void deadlines(void)
{
	uint64_t start;

	if (!has(1, 0, 'c', 24)) {
		skip("tsc deadline", "not offered");
		return;
	}
	lvt(VECTOR);
	wrmsr(MSR_DEADLINE, rdtsc() + 1000);
	equal("a deadline in another mode is ignored", rdmsr(MSR_DEADLINE), 0);
	*fired = 0;
	ok("and does not fire", !irqs_reach(fired, 1, 3));
	lvt(DEADLINE | VECTOR);
	wrmsr(MSR_DEADLINE, 1);
	ok("a deadline in the past fires", irqs_reach(fired, 1, 500));
	equal("and is gone", rdmsr(MSR_DEADLINE), 0);
	*fired = 0;
	wrmsr(MSR_DEADLINE, rdtsc());
	ok("a deadline now fires", irqs_reach(fired, 1, 500));
	*fired = 0;
	wrmsr(MSR_DEADLINE, ~0ull);
	ok("a deadline at the end of time does not fire", !irqs_reach(fired, 1, 5) && rdmsr(MSR_DEADLINE) == ~0ull);
	wrmsr(MSR_DEADLINE, rdtsc() + (1ull << 62));
	ok("nor one in a hundred years", !irqs_reach(fired, 1, 5));
	wrmsr(MSR_DEADLINE, 0);
	ok("zero disarms", !irqs_reach(fired, 1, 3) && rdmsr(MSR_DEADLINE) == 0);
	equal("the count reads zero", apic_read(APIC_TIMER_NOW), 0);
	start = rdtsc();
	wrmsr(MSR_DEADLINE, start + 2 * tsc_per_ms());
	ok("never before its time", irqs_reach(fired, 1, 500) && rdtsc() >= start + 2 * tsc_per_ms());
	*fired = 0;
	wrmsr(MSR_DEADLINE, rdtsc() + 10000 * tsc_per_ms());
	wrmsr(0x10, rdtsc() + 20000 * tsc_per_ms());
	ok("a tsc moved past the deadline fires it", irqs_reach(fired, 1, 500));
	*fired = 0;
	wrmsr(MSR_DEADLINE, rdtsc() + 10000 * tsc_per_ms());
	lvt(VECTOR);
	equal("a change of mode disarms", rdmsr(MSR_DEADLINE), 0);
	ok("and nothing fires", !irqs_reach(fired, 1, 3));
}

static void bad_vectors(void)
{
	*fired = 0;
	lvt(5);
	apic_write(APIC_TIMER_INIT, 1000);
	ok("a vector below 16 does not fire", !irqs_reach(fired, 1, 3));
	lvt(MASKED);
	if (!in_x2apic) {
		apic_write(0x280, 0);
	}
	ok("still there", true);
}

void group_timer(void)
{
	irq_sink(VECTOR);
	fired = &this_cpu()->irqs[VECTOR];
	counts();
	masks();
	deadlines();
	bad_vectors();
}
