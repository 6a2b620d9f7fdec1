/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard controller (IBM PC/AT Technical Reference, section 1; PS/2 command set) with nothing plugged in:
 * self test, controller command byte, A20 and reset outputs. A byte for the keyboard is answered with the
 * controller's time-out code at once, so that a driver does not wait. There is no auxiliary port.
 */
#pragma once

#include "vmm/device.h"

/* Plain guest state. */
struct i8042 {
	uint8_t status;              /* bits that the guest sees at 64h                              */
	uint8_t command_byte;
	uint8_t data;                /* output buffer                                                */
	uint8_t pending;             /* command at 64h that awaits its parameter at 60h; 0: none     */
	uint8_t output_port;
	uint8_t ram[32];             /* controller RAM, commands 20h-3Fh and 60h-7Fh                 */
};

/* Claims 60h and 64h. Keyboard interrupts (gsi 1) announce answers where the guest enabled them. */
int i8042_init(struct i8042 *kbc, struct bus *ports) MUST_CHECK;
