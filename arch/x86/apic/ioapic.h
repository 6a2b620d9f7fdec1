/* SPDX-License-Identifier: Apache-2.0 */
/* The host's I/O APICs and the masked-off 8259 pair. 82093AA; ACPI 6.5, 5.2.12.3 to 5.2.12.5. */
#pragma once

#include "lib/base.h"

enum { VECTOR_ISA = 0x30 };     /* + ISA interrupt number */

/* After acpi_init, before lapic_init masks LINT0: 8259s moved out of the way and masked, every IOAPIC input masked. */
void ioapic_init(void);

/*
 * Routes ISA interrupt irq (0..15), as the MADT overrides it, to VECTOR_ISA + irq on the CPU of apic_id.
 * E_NOENT: no IOAPIC has that input, or apic_id does not fit its destination field.
 */
int ioapic_route_isa(uint8_t irq, uint32_t apic_id) MUST_CHECK;
