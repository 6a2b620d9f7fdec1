/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI: finding tables, and reading MADT (ACPI 6.5, 5.2.12), FADT (5.2.9) with _S5_ of the DSDT (7.4.2.6), HPET (IA-PC HPET
 * 1.0a, 3.2.4). See acpi.h.
 */
#include "arch/x86/acpi/acpi.h"

#include "arch/x86/acpi/tables.h"

enum { EBDA_POINTER = 0x40e, EBDA_BYTES = 1024, BIOS_START = 0xe0000, BIOS_END = 0x100000, RSDP_STEP = 16 };
enum { SUM_CHUNK = 256 };
enum { APIC_ID_NONE = 0xff, X2APIC_ID_NONE = 0xffffffff };
enum { AML_NAME = 0x08, AML_PACKAGE = 0x12, AML_ONE = 0x01, AML_BYTE = 0x0a, AML_ROOT = '\\' };
enum { SLP_TYP_MAX = 7, S5_OVERLAP = 80, DSDT_CHUNK = 512 };

struct parser {
	struct acpi_info *info;
	acpi_read_fn *read;
	void *ctx;
};

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

/* Copies len bytes at offset off of table t; false when they are not all inside it. */
static bool get(const struct parser *p, const struct acpi_table *t, uint64_t off, void *buf, size_t len)
{
	return range_within(off, len, t->length) && p->read(p->ctx, t->base.v + off, buf, len);
}

static bool sums_up(const struct parser *p, const struct acpi_table *t)
{
	uint8_t chunk[SUM_CHUNK], s = 0;

	for (uint32_t off = 0; off < t->length; off += SUM_CHUNK) {
		uint32_t n = t->length - off < SUM_CHUNK ? t->length - off : SUM_CHUNK;

		if (!get(p, t, off, chunk, n)) {
			return false;
		}
		s = (uint8_t)(s + sum(chunk, n));
	}
	return s == 0;
}

/* True, and *t says where, when the table at base has that signature, is whole and sums up; a bad one is refused. */
static bool open_table(struct parser *p, uint64_t base, const char *signature, struct acpi_table *t)
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
static bool walk_root(struct parser *p, uint64_t base, const char *signature, size_t entry_size)
{
	static const char signatures[ACPI_TABLE_COUNT][5] = {
		[ACPI_MADT] = "APIC", [ACPI_FADT] = "FACP", [ACPI_HPET] = "HPET", [ACPI_MCFG] = "MCFG",
		[ACPI_SRAT] = "SRAT", [ACPI_DMAR] = "DMAR", [ACPI_IVRS] = "IVRS",
	};
	struct acpi_table root;
	uint64_t entry = 0, off = sizeof(struct acpi_header);

	if (!open_table(p, base, signature, &root)) {
		return false;
	}
	for (unsigned i = 0; i < ACPI_ROOT_ENTRIES_MAX && get(p, &root, off, &entry, entry_size); i++, off += entry_size) {
		for (unsigned id = 0; id < ACPI_TABLE_COUNT; id++) {
			if (!p->info->table[id].length) {
				open_table(p, entry, signatures[id], &p->info->table[id]);
			}
		}
	}
	return true;
}

static void add_ioapic(struct acpi_info *info, const struct madt_ioapic *m)
{
	if (info->ioapic_count < ACPI_IOAPIC_MAX && m->address) {
		info->ioapic[info->ioapic_count++] = (struct acpi_ioapic){ hpa(m->address), m->gsi };
	}
}

static void add_override(struct acpi_info *info, const struct madt_override *m)
{
	if (m->bus == 0 && m->irq < ACPI_ISA_IRQS) {
		info->isa[m->irq] = (struct acpi_isa_irq){ m->gsi, (m->flags & 3) == 3, (m->flags >> 2 & 3) == 3 };
	}
}

/* An entry whose length is not that of its type is passed over. */
static void madt_entry(struct acpi_info *info, const union madt_entry *m)
{
	if (m->type == MADT_LAPIC && m->length == sizeof(m->lapic)) {
		info->cpu_count += m->lapic.apic_id != APIC_ID_NONE && (m->lapic.flags & MADT_CPU_ENABLED);
	} else if (m->type == MADT_X2APIC && m->length == sizeof(m->x2apic)) {
		info->cpu_count += m->x2apic.apic_id != X2APIC_ID_NONE && (m->x2apic.flags & MADT_CPU_ENABLED);
	} else if (m->type == MADT_IOAPIC && m->length == sizeof(m->ioapic)) {
		add_ioapic(info, &m->ioapic);
	} else if (m->type == MADT_OVERRIDE && m->length == sizeof(m->over)) {
		add_override(info, &m->over);
	}
}

static void read_madt(struct parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_MADT];
	union madt_entry m;

	for (uint64_t off = MADT_ENTRIES; get(p, t, off, &m, 2) && m.length >= 2; off += m.length) {
		if (m.length <= sizeof(m) && get(p, t, off, &m, m.length)) {
			madt_entry(p->info, &m);
		}
	}
}

static void read_hpet(struct parser *p)
{
	struct hpet_table h;

	if (get(p, &p->info->table[ACPI_HPET], sizeof(struct acpi_header), &h, sizeof(h)) && h.base.space == 0) {
		p->info->hpet = hpa(h.base.address);
	}
}

/* One small integer of AML (ZeroOp, OneOp, BytePrefix); moves *at behind it. */
static bool aml_integer(const uint8_t **at, const uint8_t *end, uint8_t *val)
{
	bool prefix = *at < end && **at == AML_BYTE;

	*at += prefix;
	if (*at >= end || **at > (prefix ? SLP_TYP_MAX : AML_ONE)) {
		return false;
	}
	*val = *(*at)++;
	return true;
}

bool acpi_match_s5(const uint8_t *aml, size_t len, uint8_t *a, uint8_t *b)
{
	for (size_t i = 1; i + 4 + 3 <= len; i++) {
		const uint8_t *package = aml + i + 4, *at = package + 3;
		bool named = aml[i - 1] == AML_NAME || (i > 1 && aml[i - 1] == AML_ROOT && aml[i - 2] == AML_NAME);

		if (named && __builtin_memcmp(aml + i, "_S5_", 4) == 0) {
			/* A one-byte length only: the real ones are that short. */
			const uint8_t *end = package + 1 + package[1];

			return package[0] == AML_PACKAGE && package[1] < 64 && package[2] >= 2 && end <= aml + len &&
			       aml_integer(&at, end, a) && aml_integer(&at, end, b);
		}
	}
	return false;
}

/* The DSDT in pieces that overlap by what a match may need: name and a package with a one-byte length. */
static void find_s5(struct parser *p, const struct acpi_table *dsdt)
{
	struct acpi_info *info = p->info;
	uint8_t chunk[DSDT_CHUNK];

	for (uint32_t off = sizeof(struct acpi_header); off < dsdt->length && !info->s5_found; off += DSDT_CHUNK - S5_OVERLAP) {
		uint32_t n = dsdt->length - off < DSDT_CHUNK ? dsdt->length - off : DSDT_CHUNK;

		info->s5_found = get(p, dsdt, off, chunk, n) && acpi_match_s5(chunk, n, &info->s5_a, &info->s5_b);
	}
}

/* Ports are 16 bits wide; anything else in such a field is no port. */
static uint16_t port(uint64_t address)
{
	return address <= UINT16_MAX ? (uint16_t)address : 0;
}

static void read_fixed_hardware(struct acpi_info *info, const struct acpi_fadt *f)
{
	info->pm_timer = f->pm_timer_length == 4 ? port(f->pm_timer) : 0;
	info->pm_timer_32bit = f->flags & FADT_TIMER_32BIT;
	info->pm1a_control = port(f->pm1a_control);
	info->pm1b_control = port(f->pm1b_control);
	info->smi_command = port(f->smi_command);
	info->acpi_enable = f->acpi_enable;
}

static void read_reset(struct acpi_info *info, const struct acpi_fadt *f)
{
	if ((f->flags & FADT_RESET_SUPPORTED) && f->reset.width == 8 && f->reset.space <= GAS_PORT) {
		info->reset_is_port = f->reset.space == GAS_PORT;
		info->reset = info->reset_is_port ? port(f->reset.address) : f->reset.address;
		info->reset_value = f->reset_value;
	}
}

static void read_fadt(struct parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_FADT];
	struct acpi_table dsdt;
	struct acpi_fadt f = { 0 };
	size_t size = t->length < sizeof(f) ? t->length : sizeof(f);

	/* Older revisions are shorter: what is missing stays 0. */
	if (size < offsetof(struct acpi_fadt, reset) || !get(p, t, 0, &f, size)) {
		return;
	}
	if (!(f.flags & FADT_HARDWARE_REDUCED)) {
		read_fixed_hardware(p->info, &f);
	}
	read_reset(p->info, &f);
	if (open_table(p, f.x_dsdt ? f.x_dsdt : f.dsdt, "DSDT", &dsdt)) {
		find_s5(p, &dsdt);
	}
}

int acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, acpi_read_fn *read, void *ctx)
{
	struct parser p = { info, read, ctx };
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
	read_madt(&p);
	read_fadt(&p);
	read_hpet(&p);
	return OK;
}
