/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the ACPI parser. */
#pragma once

#include "arch/x86/acpi/acpi.h"

struct acpi_parser {
	struct acpi_info *info;
	acpi_read_fn *read;
	void *ctx;
};

/* Copies len bytes at offset off of table t; false when they are not all inside it. */
bool acpi_get(const struct acpi_parser *p, const struct acpi_table *t, uint64_t off, void *buf, size_t len) MUST_CHECK;

struct acpi_header;

/* True, and *t says where, when the table at base with header h is whole and sums up; else it is counted as refused. */
bool acpi_check_table(struct acpi_parser *p, uint64_t base, const struct acpi_header *h, struct acpi_table *t) MUST_CHECK;

/* Each reads the tables of its name out of info->table into the rest of info; absent ones change nothing. */
void acpi_parse_madt(struct acpi_parser *p);
void acpi_parse_fadt(struct acpi_parser *p);     /* and _S5_ of the DSDT */
void acpi_parse_hpet(struct acpi_parser *p);

/*
 * Looks for Name (_S5_, Package { a, b, ... }) in AML bytes: NameOp or root prefix before the name, a package of at
 * least two plain small integers behind it (ACPI 6.5, 20.2.5.1, 7.4.2). Returns true and the first two.
 */
bool acpi_match_s5(const uint8_t *aml, size_t len, uint8_t *a, uint8_t *b);
