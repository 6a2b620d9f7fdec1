/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's DSDT (ACPI 6.5, chapters 6 and 19): sleep state, processors, PCI root, devices without discovery. */
#pragma once

#include "vmm/acpi_tables.h"
#include "vmm/aml.h"

/* Appends what follows the table's header. */
void acpi_dsdt_body(struct aml *a, const struct acpi_platform *platform);
