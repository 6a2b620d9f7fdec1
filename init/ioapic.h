/* SPDX-License-Identifier: Apache-2.0 */
/* The host's I/O APICs and the masked-off 8259 pair. 82093AA; ACPI 6.5, 5.2.12.3 to 5.2.12.5. */
#pragma once

#include "init/acpi.h"

/* Before interrupts are let in (SYS_MACHINE_SETUP): 8259s moved out of the way and masked, every IOAPIC input masked. */
void ioapic_init(const struct acpi_info *acpi);

/*
 * Routes ISA interrupt irq (0..15), as the MADT overrides it, to that vector of the CPU with that APIC id. edge: edge-triggered
 * whatever the MADT says, for a line whose device is not asked before the interrupt is ended.
 * E_NOENT: no IOAPIC has that input, or apic_id does not fit its destination field.
 */
int ioapic_route_isa(const struct acpi_info *acpi, uint8_t irq, uint8_t vector, uint32_t apic_id, bool edge) MUST_CHECK;
