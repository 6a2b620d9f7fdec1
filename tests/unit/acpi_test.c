/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's ACPI tables: found, summed, bounded.
 * sources: init/acpi.c
 */
#include "init/acpi.h"
#include "tests/unit/acpi_layout.h"
#include "tests/fake/ram.h"
#include "tests/unit/check.h"

enum { RAM_SIZE = 0x100000, RSDP_AT = 0xf5000, XSDT_AT = 0x1000, FADT_AT = 0x2000, MADT_AT = 0x3000, DSDT_AT = 0x4000, MORE_AT = 0x6000 };

static uint8_t ram[RAM_SIZE];
static uint64_t root[16];
static unsigned root_count;
static struct acpi_info info;

static struct fake_ram fake = { ram, RAM_SIZE };

static void fix_sum(uint64_t at, size_t len, size_t sum_off)
{
	uint8_t s = 0;

	ram[at + sum_off] = 0;
	for (size_t i = 0; i < len; i++) {
		s = (uint8_t)(s + ram[at + i]);
	}
	ram[at + sum_off] = (uint8_t)-s;
}

static void table(uint64_t at, const char *signature, const void *body, size_t len)
{
	struct acpi_header h = { .length = (uint32_t)(sizeof(h) + len), .revision = 1 };

	memcpy(h.signature, signature, 4);
	memcpy(ram + at, &h, sizeof(h));
	memcpy(ram + at + sizeof(h), body, len);
	fix_sum(at, sizeof(h) + len, offsetof(struct acpi_header, checksum));
}

static void listed(uint64_t at, const char *signature, const void *body, size_t len)
{
	table(at, signature, body, len);
	root[root_count++] = at;
	table(XSDT_AT, "XSDT", root, root_count * 8);
}

static void fresh(void)
{
	struct acpi_rsdp r = { .signature = "RSD PTR", .revision = 2, .length = 36, .xsdt = XSDT_AT };

	r.signature[7] = ' ';
	memset(ram, 0, sizeof(ram));
	root_count = 0;
	table(XSDT_AT, "XSDT", "", 0);
	memcpy(ram + RSDP_AT, &r, sizeof(r));
	fix_sum(RSDP_AT, 20, offsetof(struct acpi_rsdp, checksum));
	fix_sum(RSDP_AT, 36, offsetof(struct acpi_rsdp, checksum_all));
}

static int parse(void)
{
	return acpi_parse(&info, ram + RSDP_AT, 36, fake_ram_read, &fake);
}

static struct acpi_fadt good_fadt(void)
{
	return (struct acpi_fadt){
		.dsdt = DSDT_AT, .pm1a_control = 0x604, .pm_timer = 0x608, .pm_timer_length = 4, .smi_command = 0xb2,
		.acpi_enable = 2, .flags = FADT_RESET_SUPPORTED, .reset = { .space = 1, .width = 8, .address = 0xcf9 },
		.reset_value = 0xf,
	};
}

TEST(rsdp_is_found_in_the_bios_and_in_the_ebda)
{
	uint8_t rsdp[ACPI_RSDP_V2];

	fresh();
	CHECK_EQ(acpi_scan_rsdp(rsdp, fake_ram_read, &fake), 36);
	CHECK_MEM(rsdp, ram + RSDP_AT, 36);
	memcpy(ram + 0x9fc10, ram + RSDP_AT, 36);
	memset(ram + RSDP_AT, 0, 36);
	CHECK_EQ(acpi_scan_rsdp(rsdp, fake_ram_read, &fake), 0);
	memcpy(ram + 0x40e, "\xc0\x9f", 2);
	CHECK_EQ(acpi_scan_rsdp(rsdp, fake_ram_read, &fake), 36);
	ram[0x9fc10 + 8]++;
	CHECK_EQ(acpi_scan_rsdp(rsdp, fake_ram_read, &fake), 0);
}

TEST(bad_rsdp)
{
	fresh();
	CHECK_EQ(acpi_parse(&info, ram + RSDP_AT, 19, fake_ram_read, &fake), E_NOENT);
	CHECK_EQ(info.isa[9].gsi, 9);
	ram[RSDP_AT + 9] ^= 1;
	CHECK_EQ(parse(), E_NOENT);
}

TEST(rsdt_when_there_is_no_xsdt)
{
	uint32_t entry = MADT_AT, body[2] = { 0xfee00000, 1 };
	struct acpi_rsdp r;

	fresh();
	memcpy(&r, ram + RSDP_AT, sizeof(r));
	r.revision = 0;
	r.rsdt = XSDT_AT;
	memcpy(ram + RSDP_AT, &r, sizeof(r));
	fix_sum(RSDP_AT, 20, offsetof(struct acpi_rsdp, checksum));
	table(XSDT_AT, "RSDT", &entry, 4);
	table(MADT_AT, "APIC", body, sizeof(body));
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.table[ACPI_MADT].length, 44);
}

TEST(madt)
{
	static const uint8_t body[] = {
		0, 0, 0xe0, 0xfe, 1, 0, 0, 0,
		0, 8, 0, 0, 1, 0, 0, 0,                                         /* CPU 0 */
		0, 8, 1, 4, 1, 0, 0, 0,                                         /* CPU with APIC id 4 */
		0, 8, 2, 6, 0, 0, 0, 0,                                         /* disabled */
		0, 8, 3, 255, 1, 0, 0, 0,                                       /* named by an x2APIC entry */
		9, 16, 0, 0, 0x00, 1, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0,             /* x2APIC id 100h */
		1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,
		2, 10, 0, 0, 2, 0, 0, 0, 0, 0,                                  /* IRQ 0 is input 2 */
		2, 10, 0, 9, 20, 0, 0, 0, 15, 0,                                /* IRQ 9: low, level */
		2, 10, 0, 200, 9, 0, 0, 0, 0, 0,                                /* no such IRQ */
		5, 12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
		0, 4, 1, 1,                                                     /* too short for what it is */
		77, 2,
	};

	fresh();
	listed(MADT_AT, "APIC", body, sizeof(body));
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.cpu_count, 3);
	CHECK_EQ(info.ioapic_count, 1);
	CHECK_EQ(info.ioapic[0].base.v, 0xfec00000);
	CHECK_EQ(info.isa[0].gsi, 2);
	CHECK_EQ(info.isa[9].gsi, 20);
	CHECK(info.isa[9].active_low && info.isa[9].level && !info.isa[0].level);
}

TEST(entry_lengths_that_lie)
{
	static const uint8_t tail[][4] = { { 0, 0, 0, 0 }, { 0, 1, 0, 0 }, { 1, 255, 0, 0 }, { 2, 10, 0, 9 } };

	for (size_t i = 0; i < ARRAY_SIZE(tail); i++) {
		uint8_t body[12] = { 0 };

		memcpy(body + 8, tail[i], 4);
		fresh();
		listed(MADT_AT, "APIC", body, sizeof(body));
		CHECK_EQ(parse(), OK);
		CHECK_EQ(info.cpu_count, 0);
		CHECK_EQ(info.ioapic_count, 0);
	}
}

TEST(more_entries_than_the_tables_hold)
{
	static uint8_t body[8 + 300 * 8 + 20 * 12];
	uint8_t *p = body + 8;

	memset(body, 0, sizeof(body));
	for (unsigned i = 0; i < 300; i++, p += 8) {
		memcpy(p, (uint8_t[]){ 0, 8, 0, (uint8_t)(i % 250), 1, 0, 0, 0 }, 8);
	}
	for (unsigned i = 0; i < 20; i++, p += 12) {
		memcpy(p, (uint8_t[]){ 1, 12, (uint8_t)i, 0, 0, 0, 0xc0, 0xfe, (uint8_t)i, 0, 0, 0 }, 12);
	}
	fresh();
	listed(MADT_AT, "APIC", body, sizeof(body));
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.cpu_count, 300);
	CHECK_EQ(info.ioapic_count, ACPI_IOAPIC_MAX);
}

TEST(checksums_and_lengths_are_refused)
{
	static const uint32_t length[] = { 0, 35, ACPI_TABLE_BYTES_MAX + 1, 0xffffffff, RAM_SIZE };
	static const uint8_t body[8] = { 0 };

	fresh();
	listed(MADT_AT, "APIC", body, sizeof(body));
	ram[MADT_AT + 36]++;
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.refused, 1);
	CHECK_EQ(info.table[ACPI_MADT].length, 0);
	for (size_t i = 0; i < ARRAY_SIZE(length); i++) {
		fresh();
		listed(MADT_AT, "APIC", body, sizeof(body));
		memcpy(ram + MADT_AT + 4, &length[i], 4);
		CHECK_EQ(parse(), OK);
		CHECK_EQ(info.refused, 1);
	}
}

TEST(root_entries_may_point_anywhere)
{
	fresh();
	root[0] = UINT64_MAX;
	root[1] = 0;
	root[2] = XSDT_AT;
	root[3] = RAM_SIZE - 4;
	table(XSDT_AT, "XSDT", root, 32);
	CHECK_EQ(parse(), OK);
	table(XSDT_AT, "XSDT", root, 31);
	CHECK_EQ(parse(), OK);
}

TEST(fadt_and_s5)
{
	static const uint8_t aml[] = { 0x10, 0x20, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 5, 0x01, 0x00, 0x00 };
	struct acpi_fadt f = good_fadt();

	fresh();
	table(DSDT_AT, "DSDT", aml, sizeof(aml));
	listed(FADT_AT, "FACP", &f.facs, sizeof(f) - sizeof(f.header));
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.pm_timer, 0x608);
	CHECK_EQ(info.pm1a_control, 0x604);
	CHECK_EQ(info.smi_command, 0xb2);
	CHECK(info.reset == 0xcf9 && info.reset_is_port);
	CHECK_EQ(info.reset_value, 0xf);
	CHECK(info.s5_found);
	CHECK_EQ(info.s5_a, 5);
	CHECK_EQ(info.s5_b, 1);
}

TEST(s5_across_pieces_of_a_long_dsdt)
{
	static const uint8_t name[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x07, 0x02, 0x0a, 7, 0x0a, 6 };
	struct acpi_fadt f = good_fadt();
	static uint8_t aml[0x1800];

	for (size_t at = 400; at < 1100; at += 7) {
		memset(aml, 0xa3, sizeof(aml));
		memcpy(aml + at, name, sizeof(name));
		fresh();
		table(DSDT_AT, "DSDT", aml, sizeof(aml));
		listed(FADT_AT, "FACP", &f.facs, sizeof(f) - sizeof(f.header));
		CHECK_EQ(parse(), OK);
		CHECK(info.s5_found && info.s5_a == 7 && info.s5_b == 6);
	}
}

TEST(fadt_oddities)
{
	struct acpi_fadt f = good_fadt();

	f.reset.address = 0x10cf9;
	f.pm1a_control = 0x12345678;
	f.pm_timer_length = 2;
	f.dsdt = 0;
	f.x_dsdt = UINT64_MAX - 8;
	fresh();
	listed(FADT_AT, "FACP", &f.facs, sizeof(f) - sizeof(f.header));
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.reset, 0);
	CHECK_EQ(info.pm1a_control, 0);
	CHECK_EQ(info.pm_timer, 0);
	CHECK(!info.s5_found);

	f = good_fadt();
	f.flags |= FADT_HARDWARE_REDUCED;
	fresh();
	listed(FADT_AT, "FACP", &f.facs, sizeof(f) - sizeof(f.header));
	CHECK_EQ(parse(), OK);
	CHECK(!info.pm_timer && !info.pm1a_control && info.reset == 0xcf9);

	fresh();
	listed(FADT_AT, "FACP", &f.facs, 80 - 36);
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.pm_timer, 0);
}

TEST(s5_is_matched_strictly)
{
	static const struct {
		const char *what;
		uint8_t aml[16];
		size_t len;
		bool want;
	} row[] = {
		{ "plain", { 8, '_', 'S', '5', '_', 0x12, 6, 4, 10, 5, 10, 5, 0, 0 }, 14, true },
		{ "root prefix", { 8, '\\', '_', 'S', '5', '_', 0x12, 5, 2, 1, 1, 0 }, 12, true },
		{ "name only in a comment", { 0, '_', 'S', '5', '_', 0x12, 6, 4, 10, 5, 10, 5 }, 14, false },
		{ "method", { 0x14, '_', 'S', '5', '_', 0x12, 6, 4, 10, 5, 10, 5 }, 14, false },
		{ "one element", { 8, '_', 'S', '5', '_', 0x12, 4, 1, 10, 5 }, 10, false },
		{ "cut off", { 8, '_', 'S', '5', '_', 0x12, 6, 4, 10, 5 }, 10, false },
		{ "package shorter than its elements", { 8, '_', 'S', '5', '_', 0x12, 3, 2, 10, 5, 10, 5 }, 14, false },
		{ "value beyond SLP_TYP", { 8, '_', 'S', '5', '_', 0x12, 6, 4, 10, 8, 10, 5, 0, 0 }, 14, false },
		{ "name reference", { 8, '_', 'S', '5', '_', 0x12, 6, 4, 'A', 'B', 'C', 'D', 0, 0 }, 14, false },
		{ "long package length", { 8, '_', 'S', '5', '_', 0x12, 0x46, 4, 10, 5, 10, 5, 0, 0 }, 14, false },
		{ "ends with the name", { 8, '_', 'S', '5', '_' }, 5, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint8_t a, b;

		if (acpi_match_s5(row[i].aml, row[i].len, &a, &b) != row[i].want) {
			CHECK_STR(row[i].what, "as wanted");
		}
	}
	CHECK(!acpi_match_s5(NULL, 0, NULL, NULL));
}

TEST(hpet_and_the_tables_that_are_only_noted)
{
	struct hpet_table h = { .base = { .address = 0xfed00000 } };
	static const uint8_t body[12] = { 0 };

	fresh();
	listed(MORE_AT, "HPET", &h, sizeof(h));
	listed(MORE_AT + 0x1000, "MCFG", body, 8);
	listed(MORE_AT + 0x2000, "SRAT", body, 12);
	listed(MORE_AT + 0x3000, "DMAR", body, 12);
	listed(MORE_AT + 0x4000, "IVRS", body, 12);
	CHECK_EQ(parse(), OK);
	CHECK_EQ(info.hpet.v, 0xfed00000);
	CHECK_EQ(info.table[ACPI_MCFG].length, 44);
	CHECK_EQ(info.table[ACPI_SRAT].base.v, MORE_AT + 0x2000);
	CHECK_EQ(info.table[ACPI_DMAR].length, 48);
	CHECK_EQ(info.table[ACPI_IVRS].length, 48);
}
