/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables found and noted; no AML interpreter. ACPI 6.5 chapter 5.2. Pure: memory is read through a callback, and
 * every length is bounded before use.
 */
#pragma once

#include "lib/base.h"

/* What is looked for. SRAT and SLIT are read by numa.c; MCFG, DMAR and IVRS are checked and noted, not read yet. */
enum acpi_table_id {
	ACPI_MADT, ACPI_FADT, ACPI_HPET, ACPI_MCFG, ACPI_SRAT, ACPI_SLIT, ACPI_DMAR, ACPI_IVRS,
	ACPI_TABLE_COUNT
};

enum {
	ACPI_CPU_MAX = 32, ACPI_IOAPIC_MAX = 8, ACPI_ISA_IRQS = 16,
	ACPI_TABLE_BYTES_MAX = 1 << 20, /* longer tables are refused                             */
	ACPI_ROOT_ENTRIES_MAX = 256,    /* of XSDT or RSDT; the rest is not looked at            */
};

struct acpi_table { hpa_t base; uint32_t length; };  /* length 0: not there or refused      */

struct acpi_ioapic { hpa_t base; uint32_t gsi_base; };

struct acpi_isa_irq { uint32_t gsi; bool active_low, level; };

struct acpi_info {
	struct acpi_table table[ACPI_TABLE_COUNT];
	uint32_t refused;               /* tables with a bad checksum or length                  */

	uint32_t cpu_count;             /* usable ones                                           */
	uint32_t apic_id[ACPI_CPU_MAX]; /* of the first of them, as the MADT lists them          */
	uint32_t ioapic_count;
	struct acpi_ioapic ioapic[ACPI_IOAPIC_MAX];
	struct acpi_isa_irq isa[ACPI_ISA_IRQS];   /* identity, edge, high unless overridden      */

	uint16_t pm_timer;              /* port; 0: none                                         */
	bool pm_timer_32bit;
	uint16_t pm1a_control, pm1b_control, smi_command;   /* ports; 0: none                    */
	uint8_t acpi_enable;            /* value for smi_command                                 */
	uint64_t reset;                 /* register; 0: none                                     */
	bool reset_is_port;             /* else memory                                           */
	uint8_t reset_value;
	bool s5_found;
	uint8_t s5_a, s5_b;             /* SLP_TYP for PM1a and PM1b                             */

	hpa_t hpet;                     /* 0: none                                               */
};

/* Copies len bytes at host-physical addr; false when it cannot. */
typedef bool acpi_read_fn(void *ctx, uint64_t addr, void *buf, size_t len);

enum { ACPI_RSDP_V1 = 20, ACPI_RSDP_V2 = 36 };

/*
 * Fills info from a copy of the RSDP, size bytes of it. E_NOENT: it is not valid, info has its defaults.
 * Tables that fail their checksum or length are counted in info->refused and otherwise treated as absent.
 */
int acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, acpi_read_fn *read, void *ctx) MUST_CHECK;

/*
 * Looks for the RSDP where a BIOS puts it: first KiB of the EBDA, then E0000h to FFFFFh. Copies it to
 * rsdp; returns its size, 0 when there is none.
 */
size_t acpi_scan_rsdp(uint8_t rsdp[ACPI_RSDP_V2], acpi_read_fn *read, void *ctx);

/*
 * Looks for Name (_S5_, Package { a, b, ... }) in AML bytes: NameOp or root prefix before the name, a package of at
 * least two plain small integers behind it (ACPI 6.5, 20.2.5.1, 7.4.2). Returns true and the first two.
 */
bool acpi_match_s5(const uint8_t *aml, size_t len, uint8_t *a, uint8_t *b);
