/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8254 interval timer (Intel 231164) at 40h and the PC's port 61h, which gates channel 2 and shows its output.
 *
 * Counts come from vm_now(), so reads are exact at any time. The interrupt of channel 0 has a floor between two
 * edges; ticks that come late are made up for at that rate, up to a bound, the rest is dropped.
 */
#pragma once

#include "vmm/device.h"

enum {
	PIT_HZ = 1193182,
	PIT_FLOOR_NS = 100000,       /* shortest time between two interrupts                         */
	PIT_BACKLOG = 16,            /* late ticks that are made up for                              */
};

struct pit_channel {
	uint64_t start;              /* tick (PIT clock since VM creation) at which count was loaded */
	uint64_t paused;             /* while not counting: ticks counted so far                     */
	uint32_t count;              /* initial count in effect: 1 to 65536                          */
	uint32_t next;               /* count from the next period or trigger on; 0: none            */
	uint16_t latch;
	uint8_t status;              /* latched status byte                                          */
	uint8_t mode;                /* 0 to 5                                                       */
	uint8_t access;              /* 1 low byte, 2 high byte, 3 both                              */
	uint8_t write_low;           /* first byte of a two-byte write                               */
	bool bcd, gate;
	bool loaded;                 /* a count was written since the control word                   */
	bool counting;               /* false: waits for a count, a trigger, or the gate             */
	bool write_high, read_high;  /* the next byte of a two-byte access is the high one           */
	bool latched, status_latched;
};

struct pit {
	struct pit_channel channel[3];
	uint64_t next_tick;          /* PIT clock of the next interrupt of channel 0                 */
	uint64_t last_ns;            /* vm_now() time of the last one                                */
	uint8_t port_b;              /* bits 0-3 of port 61h: gate 2, speaker, two check enables     */
	/* Host side. */
	struct vm_timer timer;
	unsigned gsi;
};

/* Claims 40h-43h and 61h; gsi is driven by channel 0. Errors of bus_add. */
int pit_init(struct pit *pit, struct bus *ports, unsigned gsi) MUST_CHECK;
