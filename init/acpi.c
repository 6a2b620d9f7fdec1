/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI: finding tables, and reading MADT (ACPI 6.5, 5.2.12), FADT (5.2.9) with _S5_ of the DSDT (7.4.2.6), HPET (IA-PC HPET
 * 1.0a, 3.2.4). See acpi.h.
 */
#include "init/acpi.h"

enum { EBDA_POINTER = 0x40e, EBDA_BYTES = 1024, BIOS_START = 0xe0000, BIOS_END = 0x100000, RSDP_STEP = 16 };
enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_LENGTH = 20, RSDP_XSDT = 24 };                  /* 5.2.5.3, offsets */
enum { HEADER_BYTES = 36, SUM_CHUNK = 256 };                                                    /* 5.2.6 */
enum { HPET_SPACE = 40, HPET_ADDRESS = 44 };
enum { GAS_MEMORY, GAS_PORT };                                                                  /* 5.2.3.2 */

/* 5.2.12: an entry's type with, above it, the length that this type has. */
enum { MADT_ENTRIES = 44, MADT_LAPIC = 0x0800, MADT_IOAPIC = 0x0c01, MADT_OVERRIDE = 0x0a02, MADT_X2APIC = 0x1009 };
enum { MADT_CPU_ENABLED = 1, APIC_ID_NONE = 0xff, POLARITY_LOW = 3, TRIGGER_LEVEL = 3 << 2 };
#define X2APIC_ID_NONE 0xffffffffu

enum {                                                                                          /* 5.2.9 */
	FADT_DSDT = 40, FADT_SMI_COMMAND = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A_CONTROL = 64, FADT_PM1B_CONTROL = 68,
	FADT_PM_TIMER = 76, FADT_PM_TIMER_LENGTH = 91, FADT_FLAGS = 112, FADT_RESET_SPACE = 116, FADT_RESET_WIDTH = 117,
	FADT_RESET_ADDRESS = 120, FADT_RESET_VALUE = 128, FADT_X_DSDT = 140,
};
enum { FADT_TIMER_32BIT = 1 << 8, FADT_RESET_SUPPORTED = 1 << 10, FADT_HARDWARE_REDUCED = 1 << 20 };

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

static uint64_t number(const uint8_t *p, size_t len)
{
	uint64_t val = 0;

	__builtin_memcpy(&val, p, len);
	return val;
}

/* Bytes of a valid RSDP at p, of at most max: 0, 20 or 36. */
static size_t rsdp_check(const uint8_t *p, size_t max)
{
	if (max < ACPI_RSDP_V1 || __builtin_memcmp(p, "RSD PTR ", 8) != 0 || sum(p, ACPI_RSDP_V1)) {
		return 0;
	}
	if (p[RSDP_REVISION] >= 2 && max >= ACPI_RSDP_V2 && number(p + RSDP_LENGTH, 4) >= ACPI_RSDP_V2 && !sum(p, ACPI_RSDP_V2)) {
		return ACPI_RSDP_V2;
	}
	return ACPI_RSDP_V1;
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

/* A field of a table. What lies outside reads as 0: older revisions are shorter. */
static uint64_t field(const struct parser *p, const struct acpi_table *t, uint64_t off, size_t len)
{
	uint64_t val = 0;

	return get(p, t, off, &val, len) ? val : 0;
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
	struct { char signature[4]; uint32_t length; } h;
	uint64_t end;

	if (!base || !p->read(p->ctx, base, &h, sizeof(h)) || __builtin_memcmp(h.signature, signature, 4) != 0) {
		return false;
	}
	*t = (struct acpi_table){ hpa(base), h.length };
	if (h.length >= HEADER_BYTES && h.length <= ACPI_TABLE_BYTES_MAX && !__builtin_add_overflow(base, h.length, &end) &&
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
		[ACPI_SRAT] = "SRAT", [ACPI_SLIT] = "SLIT", [ACPI_DMAR] = "DMAR", [ACPI_IVRS] = "IVRS",
	};
	struct acpi_table root;
	uint64_t entry = 0, off = HEADER_BYTES;

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

static void add_cpu(struct acpi_info *info, uint64_t id)
{
	if (info->cpu_count < ACPI_CPU_MAX) {
		info->apic_id[info->cpu_count] = (uint32_t)id;
	}
	info->cpu_count++;
}

static void madt_entry(struct parser *p, const struct acpi_table *t, uint64_t at, uint64_t type)
{
	struct acpi_info *info = p->info;
	uint64_t id = field(p, t, at + 3, 1), word = field(p, t, at + 4, 4), next = field(p, t, at + 8, 4);

	if (type == MADT_LAPIC && id != APIC_ID_NONE && (word & MADT_CPU_ENABLED)) {
		add_cpu(info, id);
	} else if (type == MADT_X2APIC && word != X2APIC_ID_NONE && (next & MADT_CPU_ENABLED)) {
		add_cpu(info, word);
	} else if (type == MADT_IOAPIC && word && info->ioapic_count < ACPI_IOAPIC_MAX) {
		info->ioapic[info->ioapic_count++] = (struct acpi_ioapic){ hpa(word), (uint32_t)next };
	} else if (type == MADT_OVERRIDE && field(p, t, at + 2, 1) == 0 && id < ACPI_ISA_IRQS) {
		info->isa[id] = (struct acpi_isa_irq){ (uint32_t)word, (next & POLARITY_LOW) == POLARITY_LOW,
						       (next & TRIGGER_LEVEL) == TRIGGER_LEVEL };
	}
}

static void read_madt(struct parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_MADT];
	uint64_t type;

	for (uint64_t at = MADT_ENTRIES; (type = field(p, t, at, 2)) >> 8 >= 2 && range_within(at, type >> 8, t->length);
	     at += type >> 8) {
		madt_entry(p, t, at, type);
	}
}

static void read_hpet(struct parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_HPET];

	if (field(p, t, HPET_SPACE, 1) == GAS_MEMORY) {
		p->info->hpet = hpa(field(p, t, HPET_ADDRESS, 8));
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

	for (uint32_t off = HEADER_BYTES; off < dsdt->length && !info->s5_found; off += DSDT_CHUNK - S5_OVERLAP) {
		uint32_t n = dsdt->length - off < DSDT_CHUNK ? dsdt->length - off : DSDT_CHUNK;

		info->s5_found = get(p, dsdt, off, chunk, n) && acpi_match_s5(chunk, n, &info->s5_a, &info->s5_b);
	}
}

/* The port that a field names. Ports are 16 bits wide; anything else is no port. */
static uint16_t port(const struct parser *p, const struct acpi_table *t, uint64_t off, size_t len)
{
	uint64_t address = field(p, t, off, len);

	return address <= UINT16_MAX ? (uint16_t)address : 0;
}

static void read_fixed_hardware(struct parser *p, const struct acpi_table *t, uint64_t flags)
{
	struct acpi_info *info = p->info;

	info->pm_timer = field(p, t, FADT_PM_TIMER_LENGTH, 1) == 4 ? port(p, t, FADT_PM_TIMER, 4) : 0;
	info->pm_timer_32bit = flags & FADT_TIMER_32BIT;
	info->pm1a_control = port(p, t, FADT_PM1A_CONTROL, 4);
	info->pm1b_control = port(p, t, FADT_PM1B_CONTROL, 4);
	info->smi_command = port(p, t, FADT_SMI_COMMAND, 4);
	info->acpi_enable = (uint8_t)field(p, t, FADT_ACPI_ENABLE, 1);
}

static void read_fadt(struct parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_FADT];
	uint64_t flags = field(p, t, FADT_FLAGS, 4), space = field(p, t, FADT_RESET_SPACE, 1), dsdt = field(p, t, FADT_X_DSDT, 8);
	struct acpi_info *info = p->info;
	struct acpi_table aml;

	if (!(flags & FADT_HARDWARE_REDUCED)) {
		read_fixed_hardware(p, t, flags);
	}
	if ((flags & FADT_RESET_SUPPORTED) && field(p, t, FADT_RESET_WIDTH, 1) == 8 && space <= GAS_PORT) {
		info->reset_is_port = space == GAS_PORT;
		info->reset = space == GAS_PORT ? port(p, t, FADT_RESET_ADDRESS, 8) : field(p, t, FADT_RESET_ADDRESS, 8);
		info->reset_value = (uint8_t)field(p, t, FADT_RESET_VALUE, 1);
	}
	if (open_table(p, dsdt ? dsdt : field(p, t, FADT_DSDT, 4), "DSDT", &aml)) {
		find_s5(p, &aml);
	}
}

int acpi_parse(struct acpi_info *info, const void *rsdp, size_t size, acpi_read_fn *read, void *ctx)
{
	struct parser p = { info, read, ctx };
	uint8_t r[ACPI_RSDP_V2] = { 0 };

	*info = (struct acpi_info){ 0 };
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++) {
		info->isa[i].gsi = i;
	}
	__builtin_memcpy(r, rsdp, rsdp_check(rsdp, size));
	if (!walk_root(&p, number(r + RSDP_XSDT, 8), "XSDT", 8) && !walk_root(&p, number(r + RSDP_RSDT, 4), "RSDT", 4)) {
		return E_NOENT;
	}
	read_madt(&p);
	read_fadt(&p);
	read_hpet(&p);
	return OK;
}
