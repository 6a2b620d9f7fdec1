/* SPDX-License-Identifier: Apache-2.0 */
/* FADT (ACPI 6.5, 5.2.9) and the one thing read from the DSDT: the package _S5_ (7.4.2.6). See acpi.h. */
#include "arch/x86/acpi/parser.h"
#include "arch/x86/acpi/tables.h"

enum { AML_NAME = 0x08, AML_PACKAGE = 0x12, AML_ZERO = 0x00, AML_ONE = 0x01, AML_BYTE = 0x0a, AML_ROOT = '\\' };
enum { SLP_TYP_MAX = 7, S5_OVERLAP = 80, DSDT_CHUNK = 512 };

/* One small integer of AML; advances *at. */
static bool aml_integer(const uint8_t *aml, size_t len, size_t *at, uint8_t *val)
{
	if (*at >= len) {
		return false;
	}
	switch (aml[(*at)++]) {
	case AML_ZERO:
		*val = 0;
		return true;
	case AML_ONE:
		*val = 1;
		return true;
	case AML_BYTE:
		if (*at >= len) {
			return false;
		}
		*val = aml[(*at)++];
		return *val <= SLP_TYP_MAX;
	default:
		return false;
	}
}

/* Package of a and b behind the name; at stands on PackageOp. One-byte length only: the real ones are that short. */
static bool s5_package(const uint8_t *aml, size_t len, size_t at, uint8_t *a, uint8_t *b)
{
	size_t end;

	if (at + 3 > len || aml[at] != AML_PACKAGE || aml[at + 1] >> 6 || aml[at + 2] < 2) {
		return false;
	}
	end = at + 1 + aml[at + 1];
	if (end > len) {
		return false;
	}
	at += 3;
	return aml_integer(aml, end, &at, a) && aml_integer(aml, end, &at, b);
}

bool acpi_match_s5(const uint8_t *aml, size_t len, uint8_t *a, uint8_t *b)
{
	for (size_t i = 1; i + 4 <= len; i++) {
		bool named = aml[i - 1] == AML_NAME || (i > 1 && aml[i - 1] == AML_ROOT && aml[i - 2] == AML_NAME);

		if (named && __builtin_memcmp(aml + i, "_S5_", 4) == 0) {
			return s5_package(aml, len, i + 4, a, b);
		}
	}
	return false;
}

/* The DSDT in pieces that overlap by what a match may need: name and a package with a one-byte length. */
static void find_s5(struct acpi_parser *p)
{
	struct acpi_info *info = p->info;
	uint8_t chunk[DSDT_CHUNK];

	for (uint64_t off = sizeof(struct acpi_header); off < info->dsdt.length && !info->s5_found;
	     off += DSDT_CHUNK - S5_OVERLAP) {
		uint64_t rest = info->dsdt.length - off;
		size_t n = rest < DSDT_CHUNK ? (size_t)rest : DSDT_CHUNK;

		if (!acpi_get(p, &info->dsdt, off, chunk, n)) {
			return;
		}
		info->s5_found = acpi_match_s5(chunk, n, &info->s5_a, &info->s5_b);
	}
}

static void note_dsdt(struct acpi_parser *p, uint64_t base)
{
	struct acpi_table t;
	struct acpi_header h;

	if (base && p->read(p->ctx, base, &h, sizeof(h)) && __builtin_memcmp(h.signature, "DSDT", 4) == 0 &&
	    acpi_check_table(p, base, &h, &t)) {
		p->info->dsdt = t;
		find_s5(p);
	}
}

/* Ports are 16 bits wide; anything else in such a field is no port. */
static uint32_t port(uint32_t address)
{
	return address <= 0xffff ? address : 0;
}

static void note_reset(struct acpi_info *info, const struct acpi_fadt *f)
{
	bool is_port = f->reset.space == 1 && port((uint32_t)f->reset.address) == f->reset.address;

	if ((f->flags & FADT_RESET_SUPPORTED) && f->reset.width == 8 && f->reset.address && (is_port || !f->reset.space)) {
		info->reset = (struct acpi_reg){ f->reset.address, f->reset.space, f->reset.width };
		info->reset_value = f->reset_value;
	}
}

void acpi_parse_fadt(struct acpi_parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_FADT];
	struct acpi_info *info = p->info;
	struct acpi_fadt f = { 0 };
	size_t size = t->length > sizeof(struct acpi_header) ? t->length - sizeof(struct acpi_header) : 0;

	/* Older revisions are shorter: what is missing stays 0. */
	if (size < offsetof(struct acpi_fadt, reset) ||
	    !acpi_get(p, t, sizeof(struct acpi_header), &f, size < sizeof(f) ? size : sizeof(f))) {
		return;
	}
	info->hardware_reduced = f.flags & FADT_HARDWARE_REDUCED;
	if (!info->hardware_reduced) {
		info->pm_timer = f.pm_timer_length == 4 ? port(f.pm_timer) : 0;
		info->pm_timer_32bit = f.flags & FADT_TIMER_32BIT;
		info->pm1a_control = port(f.pm1a_control);
		info->pm1b_control = port(f.pm1b_control);
		info->smi_command = port(f.smi_command);
		info->acpi_enable = f.acpi_enable;
	}
	note_reset(info, &f);
	note_dsdt(p, f.x_dsdt ? f.x_dsdt : f.dsdt);
}
