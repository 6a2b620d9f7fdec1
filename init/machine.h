/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the machine over: reads what loader and firmware say about it, gives ring 0 the few facts it needs, silences the
 * interrupt controllers, claims RAM and boot modules, starts the other processors. The first thing init does; where the machine cannot be had it says so
 * in one sentence and halts.
 */
#pragma once

#include "lib/base.h"

void machine_init(void);

/* The first port of the console's serial line; 0: there is none. */
uint16_t machine_line(void);

/* Opens its ports to the process and lets its interrupt signal the event. OK too when there is none. */
int machine_give_line(uint32_t process, uint32_t event) MUST_CHECK;

/*
 * Lets the interrupt line of a card, as the firmware numbers it among the ISA interrupts, signal the event, edge-triggered: who
 * serves the card makes it give up the line before looking what there is. number: of the card, below 7. E_NOENT: the line leads
 * nowhere; E_BUSY: another card has it.
 */
int machine_give_card_line(uint32_t number, uint8_t irq, uint32_t event) MUST_CHECK;

/* Powers off. Returns when the machine does not obey. */
void machine_power_off(void);
