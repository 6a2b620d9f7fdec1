/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables as they lie in memory, for tests that build some. ACPI 6.5 chapter 5.2
 * and the tables' own specifications.
 */
#pragma once

#include "lib/base.h"

struct acpi_rsdp {                      /* 5.2.5.3 */
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;                /* from here on revision 2 */
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");

struct acpi_header {                    /* 5.2.6 */
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

struct acpi_gas { uint8_t space, width, offset, access; uint64_t address; } __attribute__((packed));
enum { GAS_MEMORY, GAS_PORT };          /* space */

struct acpi_fadt {                      /* 5.2.9 */
	struct acpi_header header;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	uint8_t unused[20];             /* GPEs, C states, duty, alarm, IA-PC flags */
	uint32_t flags;
	struct acpi_gas reset;
	uint8_t reset_value, unused2[11];
	uint64_t x_dsdt;
} __attribute__((packed));
_Static_assert(offsetof(struct acpi_fadt, reset) == 116 && offsetof(struct acpi_fadt, x_dsdt) == 140, "ACPI table 5.9");

enum { FADT_TIMER_32BIT = 1 << 8, FADT_RESET_SUPPORTED = 1 << 10, FADT_HARDWARE_REDUCED = 1 << 20 };

enum {                                  /* 5.2.12 */
	MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_X2APIC = 9,
	MADT_CPU_ENABLED = 1,
	MADT_ENTRIES = 44,              /* offset of the first */
};

struct madt_lapic { uint8_t type, length, processor, apic_id; uint32_t flags; } __attribute__((packed));
struct madt_ioapic { uint8_t type, length, id, reserved; uint32_t address, gsi; } __attribute__((packed));
struct madt_override {
	uint8_t type, length, bus, irq;
	uint32_t gsi;
	uint16_t flags;                 /* polarity in bits 0-1, trigger in 2-3; 3: low, level */
} __attribute__((packed));
struct madt_x2apic { uint8_t type, length; uint16_t reserved; uint32_t apic_id, flags, processor; } __attribute__((packed));

union madt_entry {
	struct { uint8_t type, length; };
	struct madt_lapic lapic;
	struct madt_ioapic ioapic;
	struct madt_override over;
	struct madt_x2apic x2apic;
};

struct hpet_table { uint32_t block_id; struct acpi_gas base; } __attribute__((packed));
