/* SPDX-License-Identifier: Apache-2.0 */
/* A platform for device models under test: a clock that stands until told, and a record of what the models asked for. */
#pragma once

#include "vmm/device.h"

enum { FAKE_WALL = 951782400 };      /* 2000-02-29 00:00:00 UTC, a Tuesday */

struct fake_msi { uint64_t address; uint32_t data; };

enum { FAKE_DOORBELLS = 8 };

struct fake {
	uint64_t now_ns;
	uint64_t look_ns;            /* passes with each look at the clock                           */
	uint64_t wall_s;             /* vm_wall_seconds() at now_ns 0                                */
	struct bus ports, mmio;
	/* What the models did. */
	bool irq[24], extint;
	unsigned rises[24];          /* times that irq[n] went up                                    */
	struct fake_msi msi;         /* the last one                                                 */
	unsigned msis, ends, wakes;
	enum vm_end end;
	uint64_t eoi_bitmap[4];
	uint64_t doorbell[FAKE_DOORBELLS];   /* addresses; 0: free                                   */
};

extern struct fake fake;

unsigned fake_doorbells(void);
bool fake_has_doorbell(uint64_t addr);

/* Time zero, no devices, no timers. */
void fake_reset(void);

/* Lets ns pass, running each timer at its time. */
void fake_advance(uint64_t ns);

/* Lets ns pass at once, as if the vmm had not got the CPU, then runs what is due one time. */
void fake_stall(uint64_t ns);

uint32_t fake_in(uint16_t port, unsigned size);
void fake_out(uint16_t port, unsigned size, uint32_t value);
uint8_t fake_inb(uint16_t port);
void fake_outb(uint16_t port, uint8_t value);
uint64_t fake_read(uint64_t addr, unsigned size);
void fake_write(uint64_t addr, unsigned size, uint64_t value);
uint32_t fake_read32(uint64_t addr);
void fake_write32(uint64_t addr, uint32_t value);
