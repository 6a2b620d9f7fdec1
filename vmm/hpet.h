/* SPDX-License-Identifier: Apache-2.0 */
/*
 * High precision event timers: a 64-bit counter of 100 MHz, three comparators, all periodic, legacy replacement.
 * IA-PC HPET Specification 1.0a. Messages instead of lines (FSB) are not there, as the capabilities say.
 *
 * The counter is computed when it is read. Interrupts of one comparator have a floor between them; ticks of a period that
 * come late are dropped.
 */
#pragma once

#include "vmm/device.h"

enum {
	HPET_TIMERS = 3,
	HPET_TICK_NS = 10,
	HPET_MIN_TICK = 0x80,        /* of the ACPI table: shortest period without lost ticks, in ticks  */
	HPET_FLOOR_NS = 100000,      /* shortest time between two interrupts of a comparator         */
};

/* General capabilities: period in fs, vendor, legacy replacement, 64 bits, number of the last timer, revision (2.3.4). */
#define HPET_CAPABILITIES ((uint64_t)HPET_TICK_NS * 1000000 << 32 | 0x8086a001u | (HPET_TIMERS - 1) << 8)

/* Lines that a comparator can be routed to: 22 and 23. */
#define HPET_ROUTES 0x00c00000u

struct hpet;

struct hpet_timer {
	uint64_t config;             /* as the guest reads it, without what never changes            */
	uint64_t comparator;
	uint64_t period;             /* ticks; 0: none was given                                     */
	/* Host side. */
	uint64_t last_ns;            /* vm_now() of the last interrupt                               */
	struct vm_timer timer;
	struct hpet *hpet;
};

struct hpet {
	uint64_t config, status;     /* general configuration, general interrupt status              */
	uint64_t counter;            /* while halted; else its value at start_ns                     */
	uint64_t start_ns;
	struct hpet_timer timer[HPET_TIMERS];
};

/* Halted, as after power-on. Errors of bus_add. */
int hpet_init(struct hpet *hpet, struct bus *mmio, uint64_t addr) MUST_CHECK;
