/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O APIC with 24 inputs, version 20h (has the EOI register). Intel 82093AA data sheet (290566), ICH9 13.5.
 *
 * Inputs are logical: true is asserted whatever polarity the guest chose, since it chooses what the MADT says.
 * An edge on a masked input is lost, as in hardware. Delivery mode ExtINT delivers nothing: the PIC has vm_extint().
 */
#pragma once

#include "vmm/device.h"

enum { IOAPIC_PINS = 24 };

/* Plain guest state. */
struct ioapic {
	uint64_t entry[IOAPIC_PINS]; /* redirection table as the guest reads it                      */
	uint32_t lines;              /* levels of the inputs                                         */
	uint32_t select;             /* index register                                               */
	uint32_t id;                 /* as the guest reads it: bits 24-27                            */
	uint64_t eoi_bitmap[4];      /* as last given to vm_eoi_bitmap()                             */
};

/* All inputs masked. Errors of bus_add. */
int ioapic_init(struct ioapic *ioapic, struct bus *mmio, uint64_t addr) MUST_CHECK;

/* Sets input pin (0 to 23) to level. */
void ioapic_set(struct ioapic *ioapic, unsigned pin, bool level);

/* A local APIC ended vector (EXIT_EOI): clears Remote IRR, delivers again where the input is still asserted. */
void ioapic_eoi(struct ioapic *ioapic, uint8_t vector);
