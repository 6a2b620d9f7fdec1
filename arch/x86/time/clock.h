/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host clock: nanoseconds since boot, and this CPU's one-shot timer interrupt.
 *
 * init measures and chooses (init/calibrate.h): the TSC, or a hardware counter where the TSC is not to be trusted.
 */
#pragma once

#include "lib/base.h"

struct machine_setup;

enum { VECTOR_TIMER = 0xe0 };

static inline uint64_t rdtsc(void)
{
	uint64_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return hi << 32 | lo;
}

/* The loader has handed over: TSC time counts from here. The first thing on the boot CPU. */
void clock_entry(void);

/*
 * Starts the clock with what init found out, checked by the caller; measures the local APIC's timer (4 ms). On the boot CPU,
 * after lapic_init. E_IO: that timer does not count.
 */
int clock_init(const struct machine_setup *m) MUST_CHECK;

/* The timer of a further CPU. On it, after lapic_init. */
void clock_cpu_init(void);

/* Nanoseconds since clock_entry (by the TSC) or clock_init (else); never goes back. 0 before it. Any context. */
uint64_t clock_ns(void);

/* TSC ticks per millisecond. Not 0 after clock_init. */
uint64_t clock_tsc_khz(void);

/* Nanoseconds that so many ticks of the TSC last. */
uint64_t clock_ticks_to_ns(uint64_t ticks);

/*
 * Arms this CPU's one-shot timer for the clock_ns time deadline_ns; UINT64_MAX disarms. A deadline in the
 * past fires at once. May fire early (far deadlines, slow hardware clock): the handler looks at clock_ns
 * and arms again. The interrupt calls timer_interrupt().
 */
void clock_arm(uint64_t deadline_ns);

/* Nanoseconds since 1970-01-01 UTC: init's word at boot plus elapsed. */
uint64_t clock_wall_ns(void);

/* Busy-waits; before clock_init only about that long. For bring-up and panic only. */
void clock_delay_us(uint32_t us);
