/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI functions of this machine: found at boot, shown to the operator, given to programs. */
#pragma once

#include "init/pci.h"

struct node_device;

/* Notes what ACPI says of PCI. While physical addresses are still read. */
void devices_read_tables(const struct acpi_info *acpi);

/* Finds them and logs what network cards there are. After all RAM was taken: nothing that is RAM is believed to be registers. */
void devices_init(void);

extern const struct pci_ops devices_ops;         /* configuration space of this machine                   */

/* Found by place; NULL: none there. */
const struct pci_function *devices_at(uint16_t segment, uint8_t bus, uint8_t slot, uint8_t number);

/* The first network card that a driver knows, nothing is wrong with and nobody owns; NULL: none is left. */
const struct pci_function *devices_free_card(void);

/* Which program has it, and for what; at most 41 bytes of it are shown. NULL: nobody. */
void devices_set_owner(const struct pci_function *f, const char *owner);

/* It is there; after a reset it may take a while (PCIe 5.0, 2.3.1: configuration request retry status). */
bool devices_answers(const struct pci_function *f);

/* Its addresses are decoded again, also after a reset. E_IO: it does not answer, or reaches memory on its own. */
int devices_wake(const struct pci_function *f) MUST_CHECK;

/* Fills in up to max of what the console shows; returns how many there are. */
unsigned devices_show(struct node_device *to, unsigned max);
