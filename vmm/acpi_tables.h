/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's ACPI tables (ACPI 6.5, chapter 5): RSDP, XSDT, FADT, FACS, MADT, DSDT. */
#pragma once

#include "lib/base.h"

enum { ACPI_TABLES_MAX = 4096 };

/*
 * Writes all tables for a guest with vcpus processors (1 to PLATFORM_VCPUS_MAX, local APIC ids from 0) into buf, to be
 * placed at guest-physical address at (64-aligned, below 4 GiB); the RSDP comes first. Returns their length in bytes.
 * E_NOMEM: size is too small; E_INVAL: vcpus or at is outside of its range.
 */
int acpi_tables_build(uint8_t *buf, size_t size, uint64_t at, unsigned vcpus) MUST_CHECK;
