/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host clock: see clock.h. SDM 3B 18.17 (TSC), SDM 3A 11.5.4 (APIC timer), HPET (IA-PC HPET 1.0a, 2.3), PM timer (ACPI
 * 6.5, 4.8.3.3).
 */
#include "arch/x86/time/clock.h"

#include "arch/x86/acpi/acpi.h"
#include "arch/x86/apic/lapic.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/log.h"
#include "kernel/timer.h"

#define NS_PER_S 1000000000ull

enum {
	WINDOW_MS = 4,                  /* two of them                                              */
	SAMPLE_TRIES = 5,
	CALIBRATE_TRIES = 3,
	AGREE_PARTS = 1000,             /* the windows agree when they differ by less than 1/1000   */
	PORT_DELAY = 0x80,              /* one write takes about a microsecond                      */
};

enum { HPET_PERIOD = 0x04 / 4, HPET_CONFIG = 0x10 / 4, HPET_COUNTER = 0xf0 / 4 };
enum { HPET_ENABLE = 1, HPET_LEGACY = 2, HPET_SPINS = 10000 };
enum { PM_TIMER_HZ = 3579545 };

#define HPET_PERIOD_MAX 0x05f5e100u     /* femtoseconds: 100 ns */
#define FEMTO           1000000000000000ull

/* A clock of known frequency, slow to read; the others are measured against it. */
struct reference {
	const char *name;
	uint64_t hz;
	uint64_t mask;                  /* of the counter: it wraps at mask + 1                     */
	uint64_t (*read)(void);         /* counts up                                                */
};

/* Multipliers are 32.32 fixed point: result = count * multiplier >> 32. */
static struct {
	bool running, tsc, tsc_deadline;
	uint64_t tsc_hz, apic_hz;
	uint64_t tsc_base, ns_per_tsc, tsc_per_ns, apic_per_ns;
	uint64_t wall_base;             /* ns since 1970 at clock_ns() == 0                         */
	struct reference ref;
	uint64_t ref_last, ref_ns_per_tick, ref_ticks;  /* counter extended to 64 bits              */
} clk;

struct sample { uint64_t tsc, ref, apic; };

static volatile uint32_t *hpet;

static uint64_t hpet_read(void)
{
	return hpet[HPET_COUNTER];
}

static uint64_t pm_timer_read(void)
{
	return inl(acpi_info.pm_timer);
}

/* 0: there is none, or its numbers make no sense, or it does not count. */
static uint64_t hpet_start(void)
{
	uint64_t first;
	unsigned spins = HPET_SPINS;

	if (!acpi_info.hpet.v) {
		return 0;
	}
	hpet = mmio_map(acpi_info.hpet, PAGE_SIZE);
	if (!hpet[HPET_PERIOD] || hpet[HPET_PERIOD] > HPET_PERIOD_MAX) {
		return 0;
	}
	hpet[HPET_CONFIG] = (hpet[HPET_CONFIG] & ~(uint32_t)HPET_LEGACY) | HPET_ENABLE;
	first = hpet_read();
	while (hpet_read() == first && --spins) {
		cpu_relax();
	}
	return spins ? FEMTO / hpet[HPET_PERIOD] : 0;
}

/* The best that the machine has. */
static struct reference reference_find(void)
{
	uint64_t hz = hpet_start(), mask = acpi_info.pm_timer_32bit ? 0xffffffff : 0xffffff;

	if (hz) {
		return (struct reference){ "HPET", hz, 0xffffffff, hpet_read };
	}
	if (!acpi_info.pm_timer) {
		cpu_unsupported("This machine has neither HPET nor PM timer to calibrate by.");
	}
	return (struct reference){ "PM timer", PM_TIMER_HZ, mask, pm_timer_read };
}

static uint64_t ratio_32(uint64_t over, uint64_t under)
{
	return (over / under << 32) + (over % under << 32) / under;
}

static uint64_t scale(uint64_t count, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)count * multiplier >> 32);
}

/* The pair read closest together, so that a preemption below us between the two reads does no harm. */
static struct sample take_sample(void)
{
	uint64_t best_gap = UINT64_MAX;
	struct sample best = { 0 };

	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = rdtsc(), ref = clk.ref.read(), gap = rdtsc() - before;

		if (gap < best_gap) {
			best_gap = gap;
			best = (struct sample){ before + gap / 2, ref, lapic_timer_remaining() };
		}
	}
	return best;
}

static struct sample wait_window(struct sample from)
{
	uint64_t ticks = clk.ref.hz * WINDOW_MS / 1000;

	while (((clk.ref.read() - from.ref) & clk.ref.mask) < ticks) {
		cpu_relax();
	}
	return take_sample();
}

/* Of something that counted so far between the two. */
static uint64_t frequency(uint64_t count, struct sample from, struct sample to)
{
	uint64_t ticks = (to.ref - from.ref) & clk.ref.mask;

	return ticks ? count * clk.ref.hz / ticks : 0;
}

/* TSC and APIC timer against the reference. True when both windows gave the same TSC frequency. */
static bool calibrate(void)
{
	struct sample a, b, c;
	uint64_t first, second;

	lapic_timer_count(UINT32_MAX);
	a = take_sample();
	b = wait_window(a);
	c = wait_window(b);
	lapic_timer_count(0);
	first = frequency(b.tsc - a.tsc, a, b);
	second = frequency(c.tsc - b.tsc, b, c);
	clk.tsc_hz = frequency(c.tsc - a.tsc, a, c);
	clk.apic_hz = frequency(a.apic - c.apic, a, c);
	return (first > second ? first - second : second - first) < clk.tsc_hz / AGREE_PARTS;
}

/* Of digits and blanks. */
static unsigned number(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		n = n * 10 + ((unsigned char)text[i] & 15u);
	}
	return n;
}

/* "Nov 20 2026", the compiler's __DATE__, which SOURCE_DATE_EPOCH fixes for reproducible builds. */
static uint64_t build_seconds(void)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", date[] = __DATE__;
	unsigned month = 0;

	while (month < 11 && __builtin_memcmp(months + 3 * month, date, 3) != 0) {
		month++;
	}
	return rtc_seconds(number(date + 7, 4), month + 1, number(date + 4, 2), 0, 0, 0);
}

static void read_wall_clock(void)
{
	uint64_t seconds = rtc_read(), build = build_seconds();

	clk.wall_base = (seconds > build ? seconds : build) * NS_PER_S - clock_ns();
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

void clock_init(void)
{
	bool agree = false;

	clk.ref = reference_find();
	for (unsigned i = 0; i < CALIBRATE_TRIES && !agree; i++) {
		agree = calibrate();
	}
	if (!clk.tsc_hz || !clk.apic_hz) {
		cpu_unsupported("The time stamp counter or the APIC timer stands still.");
	}
	clk.tsc = cpu_features.tsc_invariant || (cpu_features.hypervisor && agree);
	clk.tsc_deadline = clk.tsc && cpu_features.tsc_deadline;
	clk.ns_per_tsc = ratio_32(NS_PER_S, clk.tsc_hz);
	clk.tsc_per_ns = ratio_32(clk.tsc_hz, NS_PER_S);
	clk.apic_per_ns = ratio_32(clk.apic_hz, NS_PER_S);
	clk.ref_ns_per_tick = ratio_32(NS_PER_S, clk.ref.hz);
	clk.ref_last = clk.ref.read();
	clk.running = true;
	read_wall_clock();
	log_printf("clock: %s, TSC %llu kHz by %s, timer %s", clk.tsc ? "TSC" : clk.ref.name,
		   (unsigned long long)clock_tsc_khz(), clk.ref.name, clk.tsc_deadline ? "TSC deadline" : "APIC count");
	lapic_timer_setup(VECTOR_TIMER, clk.tsc_deadline);
	irq_register(VECTOR_TIMER, on_timer);
	clock_arm(UINT64_MAX);
}

uint64_t clock_ns(void)
{
	uint64_t now;

	if (!clk.running) {
		return 0;
	}
	if (clk.tsc) {
		return scale(rdtsc() - clk.tsc_base, clk.ns_per_tsc);
	}
	now = clk.ref.read();
	clk.ref_ticks += (now - clk.ref_last) & clk.ref.mask;
	clk.ref_last = now;
	return scale(clk.ref_ticks, clk.ref_ns_per_tick);
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
		uint64_t latest = now + scale(clk.ref.mask / 2, clk.ref_ns_per_tick);

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

	for (uint32_t writes = 0; clk.running ? rdtsc() - start < ticks : writes < us; writes++) {
		outb(PORT_DELAY, 0);
	}
}
