/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one-byte ports of a PC chipset: POST code and delay ports 80h and EDh, system control port 92h (fast A20,
 * reset), reset control CF9h (Intel ICH9 13.7.5), which is the FADT's reset register. There is no PCI: the other
 * ports of CF8h-CFBh read as ones and swallow writes.
 */
#pragma once

#include "vmm/device.h"

/* Plain guest state. */
struct chipset {
	uint8_t post, delay, control, reset;
};

/* Errors of bus_add. */
int chipset_init(struct chipset *chipset, struct bus *ports) MUST_CHECK;
