/* SPDX-License-Identifier: Apache-2.0 */
/* The host's local APIC: see lapic.h. SDM 3A 11.4, 11.12. */
#include "arch/x86/apic/lapic.h"

#include "arch/x86/apic/apic_regs.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/log.h"

enum { SVR_ENABLE = 1 << 8 };
enum { ICR_PENDING = 1 << 12, ICR_ASSERT = 1 << 14 };
enum { LVT_NMI = 4 << 8, LVT_MASKED = 1 << 16, LVT_TSC_DEADLINE = 2 << 17 };
enum { DIVIDE_BY_1 = 0xb };

#define BASE_ADDRESS 0x000ffffffffff000ull

static bool x2apic;
static volatile uint8_t *page;          /* xAPIC; the same address on every CPU */

static uint32_t get(enum apic_reg reg)
{
	if (x2apic) {
		return (uint32_t)rdmsr(MSR_X2APIC + reg);
	}
	return *(volatile uint32_t *)(page + 16 * reg);
}

static void set(enum apic_reg reg, uint32_t val)
{
	if (x2apic) {
		wrmsr(MSR_X2APIC + reg, val);
	} else {
		*(volatile uint32_t *)(page + 16 * reg) = val;
	}
}

/* The firmware may hand over in either mode; x2APIC cannot go back to xAPIC without a disable, and need not. */
static void switch_on(bool want_x2apic)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	x2apic = (cpu_features.x2apic && want_x2apic) || (base & APIC_BASE_X2APIC);
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	if (x2apic) {
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
	} else if (!page) {
		page = mmio_map(hpa(base & BASE_ADDRESS), PAGE_SIZE);
	}
}

void lapic_init(bool want_x2apic)
{
	static const enum apic_reg lvt[] = {
		APIC_LVT_TIMER, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_LVT_PERF, APIC_LVT_THERMAL, APIC_LVT_CMCI,
	};
	uint32_t lvts;

	switch_on(want_x2apic);
	lvts = (get(APIC_VERSION) >> 16 & 0xff) + 1;
	set(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);    /* first: the LVT cannot be unmasked before */
	set(APIC_TPR, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(lvt) && i < lvts; i++) {
		set(lvt[i], LVT_MASKED);
	}
	set(APIC_LVT_LINT1, LVT_NMI);
	set(APIC_ESR, 0);
	set(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	for (unsigned i = 0; i < 8; i++) {
		lapic_eoi();                             /* what the firmware left in service */
	}
	log_printf("cpu: local APIC %u, %s", lapic_id(), x2apic ? "x2APIC" : "xAPIC");
}

void lapic_eoi(void)
{
	set(APIC_EOI, 0);
}

bool lapic_is_x2apic(void)
{
	return x2apic;
}

uint32_t lapic_id(void)
{
	return x2apic ? get(APIC_ID) : get(APIC_ID) >> 24;
}

void lapic_send(uint32_t apic_id, uint32_t what)
{
	if (x2apic) {
		/* Alone among MSRs this write does not wait for earlier stores (SDM 3A 11.12.3). */
		__asm__ volatile("mfence" : : : "memory");
		wrmsr(MSR_X2APIC + APIC_ICR, (uint64_t)apic_id << 32 | ICR_ASSERT | what);
	} else if (apic_id <= 0xff) {
		while (get(APIC_ICR) & ICR_PENDING) {
			cpu_relax();
		}
		set(APIC_ICR2, apic_id << 24);
		set(APIC_ICR, ICR_ASSERT | what);
	}
}

void lapic_timer_setup(uint8_t vector, bool tsc_deadline)
{
	set(APIC_LVT_TIMER, vector | (tsc_deadline ? (uint32_t)LVT_TSC_DEADLINE : 0));
	/* SDM 3A 11.5.4.1: the mode must be in force before the first deadline. */
	__asm__ volatile("mfence" : : : "memory");
}

void lapic_timer_count(uint32_t count)
{
	set(APIC_TIMER_INIT, count);
}

uint32_t lapic_timer_remaining(void)
{
	return get(APIC_TIMER_COUNT);
}
