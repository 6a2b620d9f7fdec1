/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI Express host bridge with bus 0: configuration mechanism #1 (PCI Local Bus 3.0, 3.2.2.3.2), memory-mapped
 * configuration (PCI Express 4.0, 7.2.2), a memory window in which BARs answer, and the wires of INTA#.
 *
 * Functions stand in slots 0 to 31, each with function number 0; the bridge itself is slot 0. A BAR answers when its
 * function decodes memory and all of it lies inside of the window: elsewhere the bridge forwards nothing, so a BAR over
 * RAM or over another device is without effect. Of BARs that overlap the one of the lower slot answers, the other one
 * nowhere until the overlap ends.
 *
 * The dword port CF8h is shared with the reset control at CF9h: the chipset has that range, and passes on what is ours.
 */
#pragma once

#include "vmm/pci.h"

enum { PCI_SLOTS = 32, PCI_LINES = 4 };

struct pci_host {
	/* Guest state. */
	uint32_t address;            /* CONFIG_ADDRESS                                               */
	/* Host side. */
	struct pci_function bridge;
	struct pci_function *slot[PCI_SLOTS];
	const struct pci_bar *last;  /* the BAR of the last access: most repeat; NULL: unknown       */
	uint64_t free;               /* where the next BAR is put                                    */
	uint32_t asserted[PCI_LINES];/* of each wire: slots that pull it                             */
};

/* Claims CFCh-CFFh and the two ranges of memory. Errors of bus_add. */
int pci_host_init(struct pci_host *host, struct bus *ports, struct bus *mmio) MUST_CHECK;

/*
 * Puts f, which outlives the host, into the next slot, its BARs one behind the other into the window, as firmware
 * would, and its interrupt on the slot's line. Returns the slot. E_NOMEM: no slot, or no room in the window.
 */
int pci_host_add(struct pci_host *host, struct pci_function *f) MUST_CHECK;

/* An access to CF8h-CFBh, addr relative to it. Only dwords are CONFIG_ADDRESS, others read as ones. */
void pci_host_address(struct pci_host *host, struct io_access *io);

/* The global system interrupt that INTA# of slot is wired to. Constant. */
unsigned pci_host_gsi(unsigned slot);

/* ---- for vmm/pci.c ---- */

/* A function pulls its wire, or lets go. */
void pci_host_intx(struct pci_host *host, unsigned slot, bool level);

/* BARs or their decoding changed: finds out anew which BAR answers where. */
void pci_host_map(struct pci_host *host);
