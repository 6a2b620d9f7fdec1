/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's ACPI tables (ACPI 6.5, chapter 5): RSDP, XSDT, FADT, FACS, MADT, DSDT, MCFG, HPET. */
#pragma once

#include "lib/base.h"

enum { ACPI_TABLES_MAX = 6144 };

/* What the tables describe beside what every VM has. */
struct acpi_platform {
	unsigned vcpus;              /* 1 to PLATFORM_VCPUS_MAX, local APIC ids from 0               */
	unsigned virtio_mmio;        /* devices on virtio's own memory-mapped transport              */
	bool hpet;
};

/*
 * Writes all tables into buf, to be placed at guest-physical address at (64-aligned, below 4 GiB); the RSDP comes first.
 * Returns their length in bytes. E_NOMEM: size is too small; E_INVAL: platform or at is outside of its range.
 */
int acpi_tables_build(uint8_t *buf, size_t size, uint64_t at, const struct acpi_platform *platform) MUST_CHECK;
