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

/* Powers off. Returns when the machine does not obey. */
void machine_power_off(void);
