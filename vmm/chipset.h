/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one-byte ports of a PC chipset: POST code and delay ports 80h and EDh, system control port 92h (fast A20,
 * reset), reset control CF9h (Intel ICH9 13.7.5), which is the FADT's reset register. Other accesses to CF8h-CFBh are
 * passed on to the PCI host bridge.
 */
#pragma once

#include "vmm/device.h"

struct pci_host;

struct chipset {
	uint8_t post, delay, control, reset;

	/* Host side. */
	struct pci_host *pci;
};

/* pci outlives the chipset. Errors of bus_add. */
int chipset_init(struct chipset *chipset, struct bus *ports, struct pci_host *pci) MUST_CHECK;
