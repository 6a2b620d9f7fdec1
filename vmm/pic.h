/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259A interrupt controllers of a PC, with ELCR. Intel 8259A data sheet (231468), ICH ELCR at 4D0h. */
#pragma once

#include "vmm/device.h"

struct pic_chip {
	uint8_t irr, isr, imr;
	uint8_t lines;               /* levels of the inputs                                         */
	uint8_t elcr, elcr_mask;     /* bit set: level triggered; bits that may be set               */
	uint8_t base;                /* vector of input 0                                            */
	uint8_t lowest;              /* input with the lowest priority: 7 after reset                */
	uint8_t init_step;           /* 0: operating; else the next ICW that port 1 takes: 2, 3, 4   */
	bool init_icw4, single;      /* ICW1 announced an ICW4; no ICW3                              */
	bool auto_eoi, rotate_on_aeoi, special_mask, special_nested;
	bool read_isr, poll;
	bool int_out;                /* state of the INT pin                                         */
};

/* Chip 0 is the master; chip 1 hangs on its input 2. Plain guest state. */
struct pic {
	struct pic_chip chip[2];
};

/* Claims 20h, A0h (two ports each) and 4D0h. Errors of bus_add. */
int pic_init(struct pic *pic, struct bus *ports) MUST_CHECK;

/* Sets input line 0 to 15 (not 2, the cascade). Drives vm_extint() when INTR changes. */
void pic_set(struct pic *pic, unsigned line, bool level);

/* The interrupt acknowledge cycle: the vector to take, 0 to 255; that of input 7 when the request is gone. */
unsigned pic_ack(struct pic *pic);
