/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host clock: see clock.h. SDM 3B 18.17 (TSC), SDM 3A 11.5.4 (APIC timer). What counts instead of an untrusted TSC is a
 * 32-bit register, of an HPET (IA-PC HPET 1.0a, 2.3.7) or of the PM timer (ACPI 6.5, 4.8.3.3).
 */
#include "arch/x86/time/clock.h"

#include "arch/x86/apic/lapic.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/abi.h"
#include "kernel/log.h"
#include "kernel/timer.h"

#define NS_PER_S 1000000000ull

enum { WINDOW_MS = 4, PORT_DELAY = 0x80 /* one write takes about a microsecond */ };

/* Multipliers are 32.32 fixed point: result = count * multiplier >> 32. */
static struct {
	bool tsc, tsc_deadline;         /* the TSC is the clock; the timer compares with it         */
	uint64_t tsc_hz;                /* 0: the clock does not run yet                            */
	uint64_t tsc_base, ns_per_tsc, tsc_per_ns, apic_per_ns;
	uint64_t wall_base;             /* ns since 1970 at clock_ns() == 0                         */
	volatile uint32_t *word;        /* the counter, or NULL                                     */
	uint16_t port;                  /* then this one                                            */
	uint32_t mask;                  /* it wraps at mask + 1                                     */
	uint64_t ns_per_tick, start, ticks;     /* ticks: the counter extended to 64 bits           */
} clk;

static uint32_t counter_read(void)
{
	return clk.word ? *clk.word : inl(clk.port);
}

static uint64_t ratio_32(uint64_t over, uint64_t under)
{
	return (over / under << 32) + (over % under << 32) / under;
}

static uint64_t scale(uint64_t count, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)count * multiplier >> 32);
}

/* Of the APIC timer. Held up between its two last reads it is found too slow: then it fires early, which does no harm. */
static uint64_t measure_apic_hz(uint64_t tsc_hz)
{
	uint64_t start = rdtsc(), ticks = tsc_hz * WINDOW_MS / 1000, count;

	lapic_timer_count(UINT32_MAX);
	while (rdtsc() - start < ticks) {
		cpu_relax();
	}
	count = UINT32_MAX - lapic_timer_remaining();
	ticks = rdtsc() - start;
	lapic_timer_count(0);
	return count * tsc_hz / ticks;
}

/* Keeps a wrapping hardware clock followed even when nobody asks for a timer. */
static void on_timer(void)
{
	if (!clk.tsc) {
		clock_arm(UINT64_MAX);
	}
	timer_interrupt();
}

void clock_entry(void)
{
	clk.tsc_base = rdtsc();
}

static void counter_setup(const struct machine_setup *m)
{
	if (m->flags & MACHINE_COUNTER_PORT) {
		clk.port = (uint16_t)m->counter;
	} else {
		clk.word = mmio_map(hpa(m->counter), sizeof(*clk.word));
	}
	clk.mask = m->counter_mask;
	clk.ns_per_tick = ratio_32(NS_PER_S, m->counter_hz);
	clk.start = clk.ticks = counter_read() & clk.mask;
}

int clock_init(const struct machine_setup *m)
{
	uint64_t apic_hz = measure_apic_hz(m->tsc_hz);

	if (!apic_hz) {
		return E_IO;
	}
	clk.tsc = !m->counter_hz;
	if (!clk.tsc) {
		counter_setup(m);
	}
	clk.tsc_deadline = clk.tsc && cpu_features.tsc_deadline;
	clk.ns_per_tsc = ratio_32(NS_PER_S, m->tsc_hz);
	clk.tsc_per_ns = ratio_32(m->tsc_hz, NS_PER_S);
	clk.apic_per_ns = ratio_32(apic_hz, NS_PER_S);
	clk.tsc_hz = m->tsc_hz;
	clk.wall_base = m->wall_ns - clock_ns();
	log_printf("cpu: timer by %s", clk.tsc_deadline ? "TSC deadline" : "APIC count");
	irq_register(VECTOR_TIMER, on_timer);
	clock_cpu_init();
	return OK;
}

void clock_cpu_init(void)
{
	lapic_timer_setup(VECTOR_TIMER, clk.tsc_deadline);
	clock_arm(UINT64_MAX);
}

/* Any CPU follows the counter; whose store fails was overtaken by one that follows it as well. */
static uint64_t count_ticks(void)
{
	uint64_t seen = __atomic_load_n(&clk.ticks, __ATOMIC_ACQUIRE), now = seen + ((counter_read() - seen) & clk.mask);

	__atomic_compare_exchange_n(&clk.ticks, &seen, now, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	return now;
}

uint64_t clock_ns(void)
{
	if (clk.tsc || !clk.tsc_hz) {
		return clk.tsc ? scale(rdtsc() - clk.tsc_base, clk.ns_per_tsc) : 0;
	}
	return scale(count_ticks() - clk.start, clk.ns_per_tick);
}

uint64_t clock_tsc_khz(void)
{
	return clk.tsc_hz / 1000;
}

uint64_t clock_ticks_to_ns(uint64_t ticks)
{
	return scale(ticks, clk.ns_per_tsc);
}

static void arm_count(uint64_t deadline_ns, uint64_t now)
{
	uint64_t count = scale(deadline_ns > now ? deadline_ns - now : 0, clk.apic_per_ns) + 1;

	lapic_timer_count(count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

void clock_arm(uint64_t deadline_ns)
{
	if (clk.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline_ns == UINT64_MAX ? 0 : clk.tsc_base + scale(deadline_ns, clk.tsc_per_ns) + 1);
	} else if (clk.tsc && deadline_ns == UINT64_MAX) {
		lapic_timer_count(0);
	} else {
		uint64_t now = clock_ns();
		uint64_t latest = now + scale(clk.mask / 2, clk.ns_per_tick);

		arm_count(!clk.tsc && deadline_ns > latest ? latest : deadline_ns, now);
	}
}

uint64_t clock_wall_ns(void)
{
	return clk.wall_base + clock_ns();
}

void clock_delay_us(uint32_t us)
{
	uint64_t start = rdtsc(), ticks = us * clk.tsc_hz / 1000000;

	for (uint32_t writes = 0; clk.tsc_hz ? rdtsc() - start < ticks : writes < us; writes++) {
		outb(PORT_DELAY, 0);
	}
}
