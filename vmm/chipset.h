/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one-byte ports of a PC chipset: POST code and delay ports 80h and EDh, system control port 92h (fast A20,
 * reset), reset control CF9h (Intel ICH9 13.7.5). There is no PCI: CF8h-CFFh read as ones but for CF9h.
 */
#pragma once

#include "vmm/device.h"

/* FADT RESET_REG: 8 bits in I/O space; RESET_VALUE. */
enum { RESET_PORT = 0xcf9, RESET_VALUE = 0x06 };

/* Plain guest state. */
struct chipset {
	uint8_t post, delay, control, reset;
};

/* Errors of bus_add. */
int chipset_init(struct chipset *chipset, struct bus *ports) MUST_CHECK;
