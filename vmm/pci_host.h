/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration mechanism #1 with a host bridge at 00:00.0 and nothing behind it (PCI Local Bus 3.0, 3.2.2.3.2).
 * The dword port CF8h is shared with the reset control at CF9h: the chipset has that range, and passes on what is ours.
 */
#pragma once

#include "vmm/device.h"

/* Plain guest state. */
struct pci_host {
	uint32_t address;            /* CONFIG_ADDRESS                                               */
};

/* Joins CONFIG_DATA (CFCh-CFFh) to the bus. Errors of bus_add. */
int pci_host_init(struct pci_host *pci, struct bus *ports) MUST_CHECK;

/* An access to CF8h-CFBh, addr relative to it. Only dwords are CONFIG_ADDRESS, others read as ones. */
void pci_host_address(struct pci_host *pci, struct io_access *io);
