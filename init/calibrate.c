/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring the TSC: see calibrate.h. HPET (IA-PC HPET 1.0a, 2.3), PM timer (ACPI 6.5, 4.8.3.3). */
#include "init/calibrate.h"

#include <cpuid.h>

#include "init/log.h"
#include "init/physical.h"
#include "init/ports.h"
#include "kernel/abi.h"

enum {
	WINDOW_MS = 4,                  /* two of them                                              */
	SAMPLE_TRIES = 5,
	CALIBRATE_TRIES = 3,
	AGREE_PARTS = 1000,             /* the windows agree when they differ by less than 1/1000   */
	SPINS = 10000,                  /* reads within which a counter must move                   */
};

enum { HPET_PERIOD = 0x04 / 4, HPET_CONFIG = 0x10 / 4, HPET_COUNTER = 0xf0 / 4 };
enum { HPET_ENABLE = 1, HPET_LEGACY = 2 };
enum { PM_TIMER_HZ = 3579545 };

#define HPET_PERIOD_MAX 0x05f5e100u     /* femtoseconds: 100 ns */
#define FEMTO           1000000000000000ull

/* A clock of known frequency, slow to read; the TSC is measured against it. */
static struct {
	const char *name;
	uint64_t hz;
	uint64_t address;               /* of its register                                          */
	volatile uint32_t *word;        /* there, or NULL: a port                                   */
	uint32_t mask;                  /* it wraps at mask + 1                                     */
} ref;

struct sample { uint64_t tsc; uint32_t ref; };

static uint32_t ref_read(void)
{
	return ref.word ? *ref.word : port_in32((uint16_t)ref.address);
}

static bool ref_counts(void)
{
	uint32_t first = ref_read();
	unsigned spins = SPINS;

	while (ref_read() == first && --spins) {
		__builtin_ia32_pause();
	}
	return spins;
}

/* False: there is none, or its numbers make no sense, or it does not count. */
static bool use_hpet(uint64_t base)
{
	volatile uint32_t *hpet = base ? physical_device(base) : NULL;

	if (!hpet || !hpet[HPET_PERIOD] || hpet[HPET_PERIOD] > HPET_PERIOD_MAX) {
		return false;
	}
	hpet[HPET_CONFIG] = (hpet[HPET_CONFIG] & ~(uint32_t)HPET_LEGACY) | HPET_ENABLE;
	ref.name = "HPET";
	ref.hz = FEMTO / hpet[HPET_PERIOD];
	ref.address = base + HPET_COUNTER * 4;
	ref.word = &hpet[HPET_COUNTER];
	ref.mask = 0xffffffff;
	return ref_counts();
}

static bool use_pm_timer(uint16_t port, bool has_32_bits)
{
	ref.name = "PM timer";
	ref.hz = PM_TIMER_HZ;
	ref.address = port;
	ref.word = NULL;
	ref.mask = has_32_bits ? 0xffffffff : 0xffffff;
	return port && ref_counts();
}

/* The pair read closest together, so that a preemption below us between the two reads does no harm. */
static struct sample take_sample(void)
{
	uint64_t best_gap = UINT64_MAX;
	struct sample best = { 0 };

	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = __builtin_ia32_rdtsc();
		uint32_t count = ref_read();
		uint64_t gap = __builtin_ia32_rdtsc() - before;

		if (gap < best_gap) {
			best_gap = gap;
			best = (struct sample){ before + gap / 2, count };
		}
	}
	return best;
}

static struct sample wait_window(struct sample from)
{
	uint64_t ticks = ref.hz * WINDOW_MS / 1000;

	while (((ref_read() - from.ref) & ref.mask) < ticks) {
		__builtin_ia32_pause();
	}
	return take_sample();
}

/* Of the TSC between the two. */
static uint64_t frequency(struct sample from, struct sample to)
{
	uint64_t ticks = (to.ref - from.ref) & ref.mask;

	return ticks ? (to.tsc - from.tsc) * ref.hz / ticks : 0;
}

/* True when both windows gave the same TSC frequency. */
static bool measure(uint64_t *tsc_hz)
{
	struct sample a = take_sample(), b = wait_window(a), c = wait_window(b);
	uint64_t first = frequency(a, b), second = frequency(b, c);

	*tsc_hz = frequency(a, c);
	return (first > second ? first - second : second - first) < *tsc_hz / AGREE_PARTS;
}

static bool cpu_has(unsigned leaf, bool in_ecx, unsigned bit)
{
	unsigned a, b, c = 0, d = 0;

	return __get_cpuid(leaf, &a, &b, &c, &d) && (in_ecx ? c : d) >> bit & 1;
}

const char *calibrate(const struct acpi_info *acpi, struct machine_setup *m)
{
	bool agree = false, hypervisor = cpu_has(1, true, 31), invariant = cpu_has(0x80000007, false, 8);

	if (!use_hpet(acpi->hpet.v) && !use_pm_timer(acpi->pm_timer, acpi->pm_timer_32bit)) {
		return "This machine has neither HPET nor PM timer to calibrate by.";
	}
	for (unsigned i = 0; i < CALIBRATE_TRIES && !agree; i++) {
		agree = measure(&m->tsc_hz);
	}
	if (!m->tsc_hz) {
		return "The time stamp counter stands still.";
	}
	if (!invariant && !(hypervisor && agree)) {
		m->counter_hz = ref.hz;
		m->counter = ref.address;
		m->counter_mask = ref.mask;
		m->flags |= ref.word ? 0 : MACHINE_COUNTER_PORT;
	}
	init_log("clock: %s, TSC %llu kHz by %s", m->counter_hz ? ref.name : "TSC", (unsigned long long)(m->tsc_hz / 1000),
		 ref.name);
	return NULL;
}
