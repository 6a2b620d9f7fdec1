/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host clock: nanoseconds since boot, and this CPU's one-shot timer interrupt.
 *
 * Source is the TSC when it is invariant, or when a hypervisor is below us and two windows of calibration
 * agree; else the HPET, else the ACPI PM timer. Calibrated against HPET or PM timer, never from CPUID.
 */
#pragma once

#include "lib/base.h"

enum { VECTOR_TIMER = 0xe0 };

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* The loader has handed over: TSC time counts from here. The first thing on the boot CPU. */
void clock_entry(void);

/*
 * Calibrates TSC and local APIC timer (at most 10 ms), reads the RTC, registers VECTOR_TIMER. On the boot
 * CPU, after acpi_init, lapic_init and the IDT.
 */
void clock_init(void);

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

/* Nanoseconds since 1970-01-01 UTC: RTC at boot plus elapsed; never before the build date. */
uint64_t clock_wall_ns(void);

/* Busy-waits; before clock_init only about that long. For bring-up and panic only. */
void clock_delay_us(uint32_t us);

/* rtc.c: seconds since 1970-01-01 UTC by the battery clock, taken as UTC. 0 when it gives no valid date. */
uint64_t rtc_read(void);

/* The same of a date; pure. 0 when a field is out of range. */
uint64_t rtc_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);
