/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI functions of the machine: what is found and how far it is believed. Configuration space is a list of functions, whose
 * addresses answer as hardware does.
 * sources: init/pci.c
 */
#include "init/pci.h"
#include "tests/fake/ram.h"
#include "tests/unit/check.h"

enum { MAX = 600, WORDS = PCI_CONFIG_BYTES / 4, CLASS_CARD = 0x020000, CLASS_OTHER = 0x010601, CLASS_P2P = 0x060400 };

static struct fake_function {
	uint64_t where;
	uint32_t word[WORDS], mask[PCI_BARS];    /* mask: bits of an address that can be changed         */
} list[MAX];
static unsigned list_count;
static struct pci pci;
static unsigned decoding_probes;         /* addresses that were changed while they were decoded   */

static struct fake_function *at(uint64_t where)
{
	for (unsigned i = 0; i < list_count; i++) {
		if (list[i].where == where) {
			return &list[i];
		}
	}
	return NULL;
}

static uint32_t fake_read(uint64_t where, uint32_t reg)
{
	const struct fake_function *f = at(where);

	CHECK(reg % 4 == 0 && reg < PCI_CONFIG_BYTES);
	return f ? f->word[reg / 4] : UINT32_MAX;
}

static void fake_write(uint64_t where, uint32_t reg, uint32_t value)
{
	struct fake_function *f = at(where);
	unsigned bar = (reg - PCI_BAR) / 4;

	CHECK(f);
	if (reg == PCI_COMMAND) {
		CHECK_EQ(value >> 16, 0);            /* a one would clear a bit of the status */
		value |= f->word[1] & 0xffff0000;
	} else if (reg >= PCI_BAR && bar < PCI_BARS) {
		decoding_probes += (f->word[1] & (PCI_COMMAND_MEMORY | PCI_COMMAND_PORTS)) != 0;
		value = (value & f->mask[bar]) | (f->word[reg / 4] & ~f->mask[bar]);
	} else {
		CHECK(reg == PCI_HEADER || reg == PCI_INTERRUPT);
	}
	f->word[reg / 4] = value;
}

static const struct pci_ops ops = { fake_read, fake_write };

/* One segment by ports, empty. */
static void fresh(void)
{
	memset(list, 0, sizeof(list));
	memset(&pci, 0, sizeof(pci));
	list_count = decoding_probes = 0;
	pci.segment[pci.segment_count++] = (struct pci_segment){ .base = PCI_PORTS, .last = 255 };
}

static struct fake_function *function(unsigned bus, unsigned slot, unsigned number, uint32_t kind)
{
	struct fake_function *f = &list[list_count++];

	f->where = PCI_PORTS | (uint64_t)bus << 16 | (uint64_t)slot << 11 | (uint64_t)number << 8;
	f->word[0] = 0x12348086;
	f->word[2] = kind << 8 | 3;
	return f;
}

static struct fake_function *bridge(unsigned bus, unsigned slot, unsigned below, unsigned last)
{
	struct fake_function *f = function(bus, slot, 0, CLASS_P2P);

	f->word[3] = 1 << 16;
	f->word[6] = bus | below << 8 | last << 16;
	return f;
}

static const struct pci_function *scan_for(const struct fake_function *f)
{
	pci_scan(&pci, &ops);
	for (unsigned i = 0; i < pci.function_count; i++) {
		if (pci.function[i].where == f->where) {
			return &pci.function[i];
		}
	}
	CHECK(false);
	return NULL;
}

/* A card with 128 KiB of registers, all on, in the middle of something. */
static struct fake_function *card(unsigned slot)
{
	struct fake_function *f = function(0, slot, 0, CLASS_CARD);

	f->word[1] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	f->word[4] = 0xfe000000;
	f->mask[0] = 0xfffe0000;
	f->word[15] = 0x0000010b;
	return f;
}

TEST(functions_of_all_buses)
{
	char text[PCI_PLACE_TEXT];

	fresh();
	function(0, 0, 0, CLASS_OTHER);
	bridge(0, 1, 1, 3);
	bridge(1, 31, 3, 3);
	function(3, 0, 0, CLASS_OTHER)->word[3] = 0x80 << 16;
	function(3, 0, 7, CLASS_OTHER);
	function(0, 5, 1, CLASS_OTHER);              /* without function 0 there is none */
	function(0x80, 0, 0, CLASS_OTHER);           /* a root bus that no bridge leads to */
	pci_scan(&pci, &ops);
	CHECK_EQ(pci.function_count, 6);
	CHECK_EQ(pci.bus_count, 4);
	CHECK_EQ(pci.function[5].bus, 0x80);
	pci_print_place(&pci.function[4], text);
	CHECK_STR(text, "0000:03:00.7");
	CHECK_EQ(pci.function[4].vendor, 0x8086);
	CHECK_EQ(pci.function[4].device, 0x1234);
	CHECK_EQ(pci.function[4].kind, 0x0106);
	CHECK_EQ(pci.function[4].revision, 3);
}

TEST(bridges_that_lead_astray)
{
	static const struct { unsigned bus, below, last; const char *why; } rows[] = {
		{ 1, 0, 0, "the firmware did not set it up" },
		{ 1, 1, 9, "it leads to no bus behind it" },
		{ 1, 4, 2, "it leads to no bus behind it" },
		{ 1, 2, 2, "another one leads to the same bus" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fresh();
		bridge(0, 0, 1, 9);
		bridge(1, 0, 2, 2);
		CHECK_STR(scan_for(bridge(rows[i].bus, 1, rows[i].below, rows[i].last))->why, rows[i].why);
	}
	fresh();
	pci.segment[0].last = 3;
	CHECK_STR(scan_for(bridge(0, 1, 4, 4))->why, "it leads to no bus behind it");
}

TEST(a_machine_of_bridges_that_all_lead_on_ends)
{
	fresh();
	for (unsigned bus = 0; bus < 255; bus++) {
		bridge(bus, 3, bus + 1, 255);
	}
	pci_scan(&pci, &ops);
	CHECK_EQ(pci.function_count, 255);
	CHECK_EQ(pci.bus_count, 256);
}

TEST(cards_have_their_places_in_a_machine_with_too_many_functions)
{
	fresh();
	for (unsigned i = 0; i < 500; i++) {
		function(i / 32, i % 32, 0, CLASS_OTHER);
	}
	for (unsigned i = 0; i < 70; i++) {
		function(20 + i / 32, i % 32, 0, CLASS_CARD);
	}
	pci_scan(&pci, &ops);
	CHECK_EQ(pci.function_count, PCI_FUNCTIONS_MAX);
	CHECK_EQ(pci.dropped, 500 - PCI_OTHERS_MAX + 70 - (PCI_FUNCTIONS_MAX - PCI_OTHERS_MAX));
	CHECK(!pci_is_network(&pci.function[PCI_OTHERS_MAX - 1]));
	CHECK(pci_is_network(&pci.function[PCI_OTHERS_MAX]));
}

TEST(a_card_is_read_and_made_silent)
{
	struct fake_function *f;
	const struct pci_function *p;

	fresh();
	f = card(2);
	f->word[1] |= 0xf9000000;
	f->word[5] = 0xc001;                         /* ports */
	f->mask[1] = 0xffe0;
	f->word[6] = 0xf000000c;                     /* 64 bits, prefetchable */
	f->word[7] = 0x12;
	f->mask[2] = 0xffffc000;
	f->mask[3] = UINT32_MAX;
	p = scan_for(f);
	CHECK(!p->why);
	CHECK(pci_is_network(p));
	CHECK_EQ(p->bar[0].base, 0xfe000000);
	CHECK_EQ(p->bar[0].size, 128 << 10);
	CHECK_EQ(p->bar[1].size, 0);
	CHECK_EQ(p->bar[2].base, 0x12f0000000);
	CHECK_EQ(p->bar[2].size, 16 << 10);
	CHECK_EQ(p->bar[3].size, 0);
	CHECK_EQ(p->pin, 1);
	CHECK_EQ(p->line, 11);
	CHECK_EQ(f->word[1], 0xf9000000 | PCI_COMMAND_MEMORY);
	CHECK_EQ(f->word[4], 0xfe000000);
	CHECK_EQ(f->word[6], 0xf000000c);
	CHECK_EQ(f->word[7], 0x12);
	CHECK_EQ(decoding_probes, 0);
}

TEST(what_is_no_card_goes_on)
{
	struct fake_function *f;

	fresh();
	f = card(2);
	f->word[2] = CLASS_OTHER << 8;
	CHECK_EQ(scan_for(f)->bar[0].size, 0);
	CHECK_EQ(f->word[1], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

TEST(addresses_that_make_no_sense)
{
	static const struct { uint32_t raw, mask, next_mask; const char *why; } rows[] = {
		{ 0, 0xfffe0000, 0, "the firmware gave it no address" },
		{ 0xfe000000, 0xfff60000, 0, "the size of one of its addresses makes no sense" },
		{ 0xfe000006, 0xfffe0000, 0, "the kind of one of its addresses makes no sense" },
		{ 0xfe000002, 0xfffe0000, 0, "the kind of one of its addresses makes no sense" },
		{ 0xfe000004, 0xfffe0000, 0x0fffffff, "the size of one of its addresses makes no sense" },
		{ 0x00000004, 0, 0, "the size of one of its addresses makes no sense" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_function *f;

		fresh();
		f = card(1);
		f->word[4] = rows[i].raw;
		f->mask[0] = rows[i].mask;
		f->mask[1] = rows[i].next_mask;
		CHECK_STR(scan_for(f)->why, rows[i].why);
	}
	fresh();
	struct fake_function *f = card(1);

	f->word[9] = 0xfe100004;                     /* the upper half of the last one would lie behind the header */
	f->mask[5] = 0xfffe0000;
	CHECK_STR(scan_for(f)->why, "the kind of one of its addresses makes no sense");
}

TEST(capabilities)
{
	struct fake_function *f;
	const struct pci_function *p;

	fresh();
	f = card(1);
	f->word[1] |= 1 << 20;
	f->word[13] = 0x43;                          /* the lowest two bits do not count */
	f->word[0x40 / 4] = 0x5005;                  /* MSI */
	f->word[0x50 / 4] = 0x7010;                  /* PCI Express */
	f->word[0x70 / 4] = 0x9011 | 4 << 16;        /* MSI-X: 5 messages */
	f->word[0x74 / 4] = 0x1000;
	f->word[0x90 / 4] = 0xa013;                  /* Advanced Features */
	f->word[0xa0 / 4] = 0x0005;                  /* a second MSI does not count */
	p = scan_for(f);
	CHECK(!p->why);
	CHECK_EQ(p->msi, 0x40);
	CHECK_EQ(p->express, 0x50);
	CHECK_EQ(p->msix, 0x70);
	CHECK_EQ(p->features, 0x90);
	CHECK_EQ(p->messages, 5);
	CHECK_EQ(p->msix_table, 0xfe001000);
}

TEST(a_table_of_messages_outside_of_its_registers_is_none)
{
	static const uint32_t at[] = { 0x1ffc0, 0x1001, 0x6, 0xfffffff8 };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		struct fake_function *f;
		const struct pci_function *p;

		fresh();
		f = card(1);
		f->word[1] |= 1 << 20;
		f->word[13] = 0x40;
		f->word[16] = 0x11 | 4 << 16;
		f->word[17] = at[i];
		p = scan_for(f);
		CHECK(!p->why);
		CHECK_EQ(p->msix, 0);
		CHECK_EQ(p->messages, 0);
	}
}

TEST(lists_of_capabilities_that_are_broken)
{
	static const struct { uint32_t first, word40, word80; } rows[] = {
		{ 0x40, 0x4005, 0 },                 /* itself */
		{ 0x40, 0x8005, 0x4010 },            /* back */
		{ 0x20, 0, 0 },                      /* into the header */
		{ 0x80, 0, 0x0410 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_function *f;
		const struct pci_function *p;

		fresh();
		f = card(1);
		f->word[1] |= 1 << 20;
		f->word[13] = rows[i].first;
		f->word[0x40 / 4] = rows[i].word40;
		f->word[0x80 / 4] = rows[i].word80;
		p = scan_for(f);
		CHECK_STR(p->why, "its list of capabilities is broken");
		CHECK_EQ(p->msi | p->express, 0);
	}
	fresh();

	struct fake_function *f = card(1);

	f->word[1] |= 1 << 20;
	f->word[13] = 0xfc;
	f->word[0xfc / 4] = 0x0010;                  /* does not fit */
	CHECK_EQ(scan_for(f)->express, 0);
}

TEST(a_reset_card_gets_its_addresses_back)
{
	struct fake_function *f, *b;
	const struct pci_function *p;
	uint8_t config[PCI_CONFIG_BYTES];

	fresh();
	b = bridge(0, 1, 2, 5);
	bridge(2, 0, 5, 5);
	f = card(2);
	f->word[3] = 0x40004010;                     /* a self-test that runs */
	f->where = PCI_PORTS | 5 << 16;
	p = scan_for(f);
	f->word[4] = 0;                              /* as a reset leaves it */
	f->word[1] = 0xf9000000 | PCI_COMMAND_NO_INTX | PCI_COMMAND_MASTER;
	f->word[15] = 0x00000100;
	f->word[3] = 0;
	pci_restore(&pci, p, &ops);
	CHECK_EQ(f->word[4], 0xfe000000);
	CHECK_EQ(f->word[1], 0xf9000000 | PCI_COMMAND_MEMORY);
	CHECK_EQ(f->word[15], 0x0000010b);
	CHECK_EQ(f->word[3], 0x4010);
	CHECK_EQ(b->word[1], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(list[1].word[1], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	pci_copy_config(p, &ops, config);
	CHECK_MEM(config, f->word, sizeof(config));
}

/* ---- MCFG ---- */

static struct acpi_info acpi;
static uint8_t mcfg[0x1000];
static struct fake_ram ram = { mcfg, sizeof(mcfg) };

static void entry(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
	uint8_t *e = mcfg + acpi.table[ACPI_MCFG].length;

	memcpy(e, &base, sizeof(base));
	memcpy(e + 8, &segment, sizeof(segment));
	e[10] = first;
	e[11] = last;
	acpi.table[ACPI_MCFG].length += 16;
}

static void empty_mcfg(void)
{
	memset(&pci, 0, sizeof(pci));
	memset(mcfg, 0, sizeof(mcfg));
	acpi.table[ACPI_MCFG].length = 44;
}

TEST(segments)
{
	empty_mcfg();
	entry(0xb0000000, 0, 0, 255);
	entry(0x4000000000, 1, 0x10, 0x1f);
	acpi.table[ACPI_MCFG].length += 15;          /* no entry any more */
	pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
	CHECK(!pci.mcfg_why);
	CHECK_EQ(pci.segment_count, 2);
	CHECK_EQ(pci.segment[1].base, 0x4000000000);
	CHECK_EQ(pci.segment[1].number, 1);
	CHECK_EQ(pci.segment[1].first, 0x10);
	CHECK_EQ(pci.segment[1].last, 0x1f);
	empty_mcfg();
	pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
	CHECK_EQ(pci.segment_count, 0);
	CHECK(!pci.mcfg_why);
}

/* As small windows lie close to each other, or a segment's root buses are told one by one. */
TEST(segments_of_few_buses)
{
	empty_mcfg();
	entry(0xe0000000, 0, 0, 0x7f);
	entry(0xe8000000, 1, 0, 0x3f);
	entry(0xe0000000, 0, 0xc0, 0xcf);
	entry(0xf0000000, 2, 0, 0xff);
	pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
	CHECK(!pci.mcfg_why);
	CHECK_EQ(pci.segment_count, 4);
	CHECK_EQ(pci.dropped_segments, 0);
	entry(0x4000000000, 3, 0, 0xff);
	memset(&pci, 0, sizeof(pci));
	pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
	CHECK_EQ(pci.segment_count, PCI_SEGMENTS_MAX);
	CHECK_EQ(pci.dropped_segments, 1);
}

TEST(segments_that_make_no_sense)
{
	static const struct { uint64_t base; uint16_t segment; uint8_t first, last; const char *why; } rows[] = {
		{ 0, 1, 0, 255, "an entry makes no sense" },
		{ 0x80001000, 1, 0, 255, "an entry makes no sense" },
		{ 1ull << 63, 1, 0, 255, "an entry makes no sense" },
		{ 0x80000000, 1, 8, 7, "an entry makes no sense" },
		{ 0x80000000, 0, 0, 255, "two entries contradict each other" },
		{ 0xb8000000, 1, 0, 255, "two entries contradict each other" },
		{ 0x80000000, 0, 255, 255, "two entries contradict each other" },
		{ 0xbff00000, 1, 0, 0, "two entries contradict each other" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		empty_mcfg();
		entry(0xb0000000, 0, 0, 255);
		entry(rows[i].base, rows[i].segment, rows[i].first, rows[i].last);
		pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
		CHECK_STR(pci.mcfg_why, rows[i].why);
		CHECK_EQ(pci.segment_count, 0);
	}
	empty_mcfg();
	acpi.table[ACPI_MCFG].length = 1 << 16;
	for (unsigned i = 44; i + 16 <= sizeof(mcfg); i += 16) {
		uint64_t base = (uint64_t)i << 32;
		uint16_t segment = (uint16_t)i;

		memcpy(mcfg + i, &base, sizeof(base));
		memcpy(mcfg + i + 8, &segment, sizeof(segment));
	}
	pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
	CHECK_STR(pci.mcfg_why, "it cannot be read");
}
