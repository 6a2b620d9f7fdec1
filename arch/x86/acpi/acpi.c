/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI: finding the tables. See acpi.h. */
#include "arch/x86/acpi/acpi.h"

#include "arch/x86/acpi/parser.h"
#include "arch/x86/acpi/tables.h"

enum { EBDA_POINTER = 0x40e, EBDA_BYTES = 1024, BIOS_START = 0xe0000, BIOS_END = 0x100000, RSDP_STEP = 16 };
enum { SUM_CHUNK = 256 };

static const char signatures[ACPI_TABLE_COUNT][5] = {
	[ACPI_MADT] = "APIC", [ACPI_FADT] = "FACP", [ACPI_HPET] = "HPET", [ACPI_MCFG] = "MCFG",
	[ACPI_SRAT] = "SRAT", [ACPI_DMAR] = "DMAR", [ACPI_IVRS] = "IVRS",
};

static bool same(const void *a, const void *b, size_t len)
{
	return __builtin_memcmp(a, b, len) == 0;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	for (size_t i = 0; i < len; i++) {
		s = (uint8_t)(s + p[i]);
	}
	return s;
}

/* Bytes of a valid RSDP at p, of at most max: 0, 20 or 36. */
static size_t rsdp_check(const uint8_t *p, size_t max)
{
	struct acpi_rsdp r = { 0 };

	if (max < ACPI_RSDP_V1) {
		return 0;
	}
	__builtin_memcpy(&r, p, max < sizeof(r) ? max : sizeof(r));
	if (!same(r.signature, "RSD PTR ", 8) || sum(p, ACPI_RSDP_V1)) {
		return 0;
	}
	if (r.revision >= 2 && max >= ACPI_RSDP_V2 && r.length >= ACPI_RSDP_V2 && !sum(p, ACPI_RSDP_V2)) {
		return ACPI_RSDP_V2;
	}
	return ACPI_RSDP_V1;
}

static size_t scan(uint64_t start, uint64_t end, uint8_t rsdp[ACPI_RSDP_V2], acpi_read_fn *read, void *ctx)
{
	for (uint64_t at = start; at + ACPI_RSDP_V2 <= end; at += RSDP_STEP) {
		uint8_t copy[ACPI_RSDP_V2];
		size_t size;

		/* The signature alone first: nearly every place fails there. */
		if (!read(ctx, at, copy, 8) || !same(copy, "RSD PTR ", 8) || !read(ctx, at, copy, sizeof(copy))) {
			continue;
		}
		size = rsdp_check(copy, sizeof(copy));
		if (size) {
			__builtin_memcpy(rsdp, copy, sizeof(copy));
			return size;
		}
	}
	return 0;
}

size_t acpi_scan_rsdp(uint8_t rsdp[ACPI_RSDP_V2], acpi_read_fn *read, void *ctx)
{
	uint16_t ebda = 0;
	size_t size = 0;

	if (read(ctx, EBDA_POINTER, &ebda, sizeof(ebda)) && ebda >= 0x40) {
		size = scan((uint64_t)ebda << 4, ((uint64_t)ebda << 4) + EBDA_BYTES, rsdp, read, ctx);
	}
	return size ? size : scan(BIOS_START, BIOS_END, rsdp, read, ctx);
}

bool acpi_get(const struct acpi_parser *p, const struct acpi_table *t, uint64_t off, void *buf, size_t len)
{
	return range_within(off, len, t->length) && p->read(p->ctx, t->base.v + off, buf, len);
}

static bool table_sums_up(const struct acpi_parser *p, const struct acpi_table *t)
{
	uint8_t chunk[SUM_CHUNK], s = 0;

	for (uint32_t off = 0; off < t->length; off += SUM_CHUNK) {
		uint32_t n = t->length - off < SUM_CHUNK ? t->length - off : SUM_CHUNK;

		if (!acpi_get(p, t, off, chunk, n)) {
			return false;
		}
		s = (uint8_t)(s + sum(chunk, n));
	}
	return s == 0;
}

bool acpi_check_table(struct acpi_parser *p, uint64_t base, const struct acpi_header *h, struct acpi_table *t)
{
	uint64_t end;

	*t = (struct acpi_table){ hpa(base), h->length };
	if (h->length >= sizeof(*h) && h->length <= ACPI_TABLE_BYTES_MAX && !__builtin_add_overflow(base, h->length, &end) &&
	    table_sums_up(p, t)) {
		return true;
	}
	t->length = 0;
	p->info->refused++;
	return false;
}

/* The first good table of each kind counts. */
static void note_table(struct acpi_parser *p, uint64_t base)
{
	struct acpi_header h;

	if (!base || !p->read(p->ctx, base, &h, sizeof(h))) {
		return;
	}
	for (unsigned id = 0; id < ACPI_TABLE_COUNT; id++) {
		struct acpi_table t;

		if (same(h.signature, signatures[id], 4) && !p->info->table[id].length && acpi_check_table(p, base, &h, &t)) {
			p->info->table[id] = t;
		}
	}
}

/* All tables that the XSDT (entries of 8 bytes) or RSDT (4) lists. False: that root is no good. */
static bool walk_root(struct acpi_parser *p, uint64_t base, const char *signature, size_t entry_size)
{
	struct acpi_header h;
	struct acpi_table root;

	if (!base || !p->read(p->ctx, base, &h, sizeof(h)) || !same(h.signature, signature, 4) ||
	    !acpi_check_table(p, base, &h, &root)) {
		return false;
	}
	for (unsigned i = 0; i < ACPI_ROOT_ENTRIES_MAX; i++) {
		uint64_t entry = 0;

		if (!acpi_get(p, &root, sizeof(h) + i * entry_size, &entry, entry_size)) {
			break;
		}
		note_table(p, entry);
	}
	return true;
}

static void set_defaults(struct acpi_info *info)
{
	*info = (struct acpi_info){ 0 };
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++) {
		info->isa[i].gsi = i;
	}
}

int acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, acpi_read_fn *read, void *ctx)
{
	struct acpi_parser p = { info, read, ctx };
	struct acpi_rsdp r = { 0 };

	set_defaults(info);
	size = rsdp_check(rsdp, size);
	if (!size) {
		return E_NOENT;
	}
	__builtin_memcpy(&r, rsdp, size);
	if (!(size == ACPI_RSDP_V2 && walk_root(&p, r.xsdt, "XSDT", 8)) && !walk_root(&p, r.rsdt, "RSDT", 4)) {
		return E_NOENT;
	}
	acpi_parse_madt(&p);
	acpi_parse_fadt(&p);
	acpi_parse_hpet(&p);
	return OK;
}
