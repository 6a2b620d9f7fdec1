/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI: finding the tables and opening them. See acpi.h; what the tables say is read by read.c. */
#include "arch/x86/acpi/acpi.h"

#include "arch/x86/acpi/tables.h"

enum { EBDA_POINTER = 0x40e, EBDA_BYTES = 1024, BIOS_START = 0xe0000, BIOS_END = 0x100000, RSDP_STEP = 16 };
enum { SUM_CHUNK = 256 };

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
	const struct acpi_rsdp *r = (const struct acpi_rsdp *)p;

	if (max < ACPI_RSDP_V1 || __builtin_memcmp(r->signature, "RSD PTR ", 8) || sum(p, ACPI_RSDP_V1)) {
		return 0;
	}
	return r->revision >= 2 && max >= ACPI_RSDP_V2 && r->length >= ACPI_RSDP_V2 && !sum(p, ACPI_RSDP_V2) ? ACPI_RSDP_V2
													       : ACPI_RSDP_V1;
}

static size_t scan(uint64_t start, uint64_t end, uint8_t rsdp[ACPI_RSDP_V2], acpi_read_fn *read, void *ctx)
{
	size_t size = 0;

	for (uint64_t at = start; !size && at + ACPI_RSDP_V2 <= end; at += RSDP_STEP) {
		if (read(ctx, at, rsdp, ACPI_RSDP_V2)) {
			size = rsdp_check(rsdp, ACPI_RSDP_V2);
		}
	}
	return size;
}

size_t acpi_scan_rsdp(uint8_t rsdp[ACPI_RSDP_V2], acpi_read_fn *read, void *ctx)
{
	uint64_t ebda = 0;
	size_t size = 0;

	if (read(ctx, EBDA_POINTER, &ebda, sizeof(uint16_t)) && ebda >= 0x40) {
		size = scan(ebda << 4, (ebda << 4) + EBDA_BYTES, rsdp, read, ctx);
	}
	return size ? size : scan(BIOS_START, BIOS_END, rsdp, read, ctx);
}

bool acpi_get(const struct acpi_parser *p, const struct acpi_table *t, uint64_t off, void *buf, size_t len)
{
	return range_within(off, len, t->length) && p->read(p->ctx, t->base.v + off, buf, len);
}

static bool sums_up(const struct acpi_parser *p, const struct acpi_table *t)
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

bool acpi_open(struct acpi_parser *p, uint64_t base, const char *signature, struct acpi_table *t)
{
	struct acpi_header h;
	uint64_t end;

	if (!base || !p->read(p->ctx, base, &h, sizeof(h)) || __builtin_memcmp(h.signature, signature, sizeof(h.signature))) {
		return false;
	}
	*t = (struct acpi_table){ hpa(base), h.length };
	if (h.length >= sizeof(h) && h.length <= ACPI_TABLE_BYTES_MAX && !__builtin_add_overflow(base, h.length, &end) &&
	    sums_up(p, t)) {
		return true;
	}
	t->length = 0;
	p->info->refused++;
	return false;
}

/* All tables that the XSDT (entries of 8 bytes) or RSDT (4) lists; the first good one of each kind counts. */
static bool walk_root(struct acpi_parser *p, uint64_t base, const char *signature, size_t entry_size)
{
	static const char signatures[ACPI_TABLE_COUNT][5] = {
		[ACPI_MADT] = "APIC", [ACPI_FADT] = "FACP", [ACPI_HPET] = "HPET", [ACPI_MCFG] = "MCFG",
		[ACPI_SRAT] = "SRAT", [ACPI_DMAR] = "DMAR", [ACPI_IVRS] = "IVRS",
	};
	struct acpi_table root;
	uint64_t entry = 0, off = sizeof(struct acpi_header);

	if (!acpi_open(p, base, signature, &root)) {
		return false;
	}
	for (unsigned i = 0; i < ACPI_ROOT_ENTRIES_MAX && acpi_get(p, &root, off, &entry, entry_size); i++, off += entry_size) {
		for (unsigned id = 0; id < ACPI_TABLE_COUNT; id++) {
			if (!p->info->table[id].length) {
				acpi_open(p, entry, signatures[id], &p->info->table[id]);
			}
		}
	}
	return true;
}

int acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, acpi_read_fn *read, void *ctx)
{
	struct acpi_parser p = { info, read, ctx };
	struct acpi_rsdp r = { 0 };

	*info = (struct acpi_info){ 0 };
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++) {
		info->isa[i].gsi = i;
	}
	size = rsdp_check(rsdp, size);
	__builtin_memcpy(&r, rsdp, size);
	if (!walk_root(&p, r.xsdt, "XSDT", 8) && !walk_root(&p, r.rsdt, "RSDT", 4)) {
		return E_NOENT;
	}
	acpi_read_madt(&p);
	acpi_read_fadt(&p);
	acpi_read_hpet(&p);
	return OK;
}
