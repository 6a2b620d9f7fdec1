/* SPDX-License-Identifier: Apache-2.0 */
/* The host clock: see clock.h. SDM 3B 18.17 (TSC), SDM 3A 11.5.4 (APIC timer). */
#include "arch/x86/time/clock.h"

#include "arch/x86/apic/lapic.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/time/reference.h"
#include "arch/x86/time/rtc.h"
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

/* Multipliers are 32.32 fixed point: result = count * multiplier >> 32. */
static struct {
	bool running, tsc, tsc_deadline;
	uint64_t tsc_hz, apic_hz;
	uint64_t tsc_base, ns_per_tsc, tsc_per_ns, apic_per_ns;
	uint64_t wall_base;             /* ns since 1970 at clock_ns() == 0                         */
	struct reference ref;
	uint64_t ref_last, ref_ns_per_tick, ref_ticks;  /* counter extended to 64 bits              */
} clk;

struct sample { uint64_t tsc, ref; };

static uint64_t ratio_32(uint64_t over, uint64_t under)
{
	return (over / under << 32) + (over % under << 32) / under;
}

static uint64_t scale(uint64_t count, uint64_t multiplier)
{
	return (uint64_t)((unsigned __int128)count * multiplier >> 32);
}

/* The pair read closest together, so that a preemption below us between the two reads does no harm. */
static struct sample take_sample(const struct reference *ref)
{
	struct sample best = { 0, 0 };
	uint64_t best_gap = UINT64_MAX;

	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = rdtsc(), value = ref->read(), after = rdtsc();

		if (after - before < best_gap) {
			best_gap = after - before;
			best = (struct sample){ before + best_gap / 2, value };
		}
	}
	return best;
}

static struct sample wait_window(const struct reference *ref, struct sample from)
{
	uint64_t ticks = ref->hz * WINDOW_MS / 1000;

	while (((ref->read() - from.ref) & ref->mask) < ticks) {
		cpu_relax();
	}
	return take_sample(ref);
}

static uint64_t hz_between(const struct reference *ref, struct sample a, struct sample b)
{
	uint64_t ticks = (b.ref - a.ref) & ref->mask;

	return ticks ? (b.tsc - a.tsc) * ref->hz / ticks : 0;
}

/* TSC and APIC timer against the reference. True when both windows gave the same TSC frequency. */
static bool calibrate(const struct reference *ref)
{
	struct sample a, b, c;
	uint64_t first, second, apic_ticks, ref_ticks;

	lapic_timer_count(UINT32_MAX);
	a = take_sample(ref);
	b = wait_window(ref, a);
	c = wait_window(ref, b);
	apic_ticks = UINT32_MAX - lapic_timer_remaining();
	ref_ticks = (ref->read() - a.ref) & ref->mask;
	lapic_timer_count(0);

	first = hz_between(ref, a, b);
	second = hz_between(ref, b, c);
	clk.tsc_hz = hz_between(ref, a, c);
	clk.apic_hz = ref_ticks ? apic_ticks * ref->hz / ref_ticks : 0;
	return (first > second ? first - second : second - first) < clk.tsc_hz / AGREE_PARTS;
}

/* "Nov 20 2026", the compiler's __DATE__, which SOURCE_DATE_EPOCH fixes for reproducible builds. */
static uint64_t build_seconds(void)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", date[] = __DATE__;
	unsigned month = 0, day = (date[4] == ' ' ? 0 : (unsigned)(date[4] - '0') * 10) + (unsigned)(date[5] - '0');
	unsigned year = 0;

	while (month < 11 && __builtin_memcmp(months + 3 * month, date, 3) != 0) {
		month++;
	}
	for (unsigned i = 7; i < 11; i++) {
		year = year * 10 + (unsigned)(date[i] - '0');
	}
	return rtc_seconds(year, month + 1, day, 0, 0, 0);
}

static void read_wall_clock(void)
{
	uint64_t seconds = rtc_read(), build = build_seconds();

	if (seconds < build) {
		log_printf("clock: the RTC says %llu, before this build: not believed", (unsigned long long)seconds);
		seconds = build;
	}
	clk.wall_base = seconds * NS_PER_S - clock_ns();
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
	unsigned tries = CALIBRATE_TRIES;
	bool agree;

	clk.ref = reference_find();
	do {
		agree = calibrate(&clk.ref);
	} while (!agree && --tries);
	if (!clk.tsc_hz || !clk.apic_hz) {
		cpu_unsupported("The time stamp counter or the APIC timer stands still.");
	}
	clk.tsc = cpu_features.tsc_invariant || (cpu_features.hypervisor && agree) || clk.ref.mask == 0xffff;
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

static uint64_t reference_ns(void)
{
	uint64_t now = clk.ref.read();

	clk.ref_ticks += (now - clk.ref_last) & clk.ref.mask;
	clk.ref_last = now;
	return scale(clk.ref_ticks, clk.ref_ns_per_tick);
}

uint64_t clock_ns(void)
{
	if (!clk.running) {
		return 0;
	}
	return clk.tsc ? clock_tsc_to_ns(rdtsc()) : reference_ns();
}

uint64_t clock_tsc_khz(void)
{
	return clk.tsc_hz / 1000;
}

bool clock_is_tsc(void)
{
	return clk.tsc;
}

uint64_t clock_tsc_to_ns(uint64_t tsc)
{
	return tsc < clk.tsc_base ? 0 : scale(tsc - clk.tsc_base, clk.ns_per_tsc);
}

uint64_t clock_ns_to_tsc(uint64_t ns)
{
	return clk.tsc_base + scale(ns, clk.tsc_per_ns);
}

static void arm_count(uint64_t deadline_ns, uint64_t now)
{
	uint64_t count = scale(deadline_ns > now ? deadline_ns - now : 0, clk.apic_per_ns) + 1;

	lapic_timer_count(count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

void clock_arm(uint64_t deadline_ns)
{
	if (clk.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE, deadline_ns == UINT64_MAX ? 0 : clock_ns_to_tsc(deadline_ns) + 1);
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
	struct reference pit = reference_pit();
	uint64_t last = pit.read(), ticks = 0, wanted = (uint64_t)us * pit.hz / 1000000;

	/* Bounded for machines whose PIT is gone: then a port write is the clock. */
	for (uint64_t spins = us; spins && ticks < wanted; spins--) {
		uint64_t now = pit.read();

		ticks += (now - last) & pit.mask;
		last = now;
		outb(PORT_DELAY, 0);
	}
}
