/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ring 0 does to PCI functions of the machine: configuration space (PCI 3.0, 3.2.2.3; PCIe 5.0, 7.2.2), messages (PCI 3.0,
 * 6.8), the reset of one function (PCIe 5.0, 6.6.2; Advanced Capabilities for Conventional PCI). All under the kernel lock; where
 * they are comes from init, which is believed.
 */
#pragma once

#include "kernel/abi.h"

/* A 32-bit register; function as in SYS_PCI_CONFIG, reg a multiple of 4 that is in its space. */
uint32_t pci_read(uint64_t function, uint32_t reg);
void pci_write(uint64_t function, uint32_t reg, uint32_t value);

/* True: function and reg mean something. */
bool pci_is_good(uint64_t function, uint64_t reg);

/* True: a function answers there. */
bool pci_is_there(uint64_t function);

/* True: it has those capabilities at those places. */
bool pci_is_as_described(const struct device_setup *d);

/* Bus mastering on or off; off has reached the function, and what it sent before has arrived, on return. */
void pci_set_master(const struct device_setup *d, bool on);

/* Messages first to first + count - 1 are that vector on the boot CPU. E_NOENT: it has no such messages. */
int pci_bind(const struct device_setup *d, uint32_t first, uint32_t count, uint8_t vector) MUST_CHECK;

/*
 * Bus mastering and interrupts off, and a reset where the function has one of its own. Nothing waits: after a reset the function's
 * configuration space is as after power-on, and is not to be touched for 100 ms.
 */
void pci_quiesce(const struct device_setup *d);
