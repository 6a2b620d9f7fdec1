/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O APIC.
 * sources: vmm/ioapic.c vmm/regs.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/ioapic.h"
#include "vmm/platform.h"

enum { SELECT = 0x00, WINDOW = 0x10, EOI = 0x40 };
enum { LOGICAL = 1 << 11, REMOTE = 1 << 14, LEVEL = 1 << 15, MASKED = 1 << 16 };

static struct ioapic ioapic;

static uint32_t get(unsigned index)
{
	fake_write32(PLATFORM_IOAPIC + SELECT, index);
	return fake_read32(PLATFORM_IOAPIC + WINDOW);
}

static void set(unsigned index, uint32_t value)
{
	fake_write32(PLATFORM_IOAPIC + SELECT, index);
	fake_write32(PLATFORM_IOAPIC + WINDOW, value);
}

static void set_entry(unsigned pin, uint32_t low, uint32_t high)
{
	set(0x11 + 2 * pin, high);
	set(0x10 + 2 * pin, low);
}

static void fresh(void)
{
	fake_reset();
	CHECK_EQ(ioapic_init(&ioapic, &fake.mmio, PLATFORM_IOAPIC), OK);
}

static bool eoi_wanted(unsigned vector)
{
	return fake.eoi_bitmap[vector / 64] >> vector % 64 & 1;
}

TEST(registers)
{
	static const struct { const char *what; unsigned index; uint32_t write, want; } row[] = {
		{ "id",                        0x00, 0xffffffff, 0x0f000000 },
		{ "version is read-only",      0x01, 0xffffffff, 0x00170020 },
		{ "unknown",                   0x0f, 0xffffffff, 0 },
		{ "entry, low half",           0x10, 0xffffffff, 0x0001afff },
		{ "entry, high half",          0x11, 0xffffffff, 0xff000000 },
		{ "last entry",                0x3f, 0x12345678, 0x12000000 },
		{ "beyond the last entry",     0x40, 0xffffffff, 0 },
		{ "index has eight bits",      0x101, 0,         0x00170020 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		set(row[i].index, row[i].write);
		CHECK_EQ(get(row[i].index), row[i].want);
		CHECK_EQ(fake.msis, 0);
	}
}

TEST(entries_become_messages)
{
	static const struct { const char *what; uint32_t low, high; unsigned msis; uint64_t address; uint32_t data; } row[] = {
		{ "fixed edge to one",      0x31,                 0x03000000, 1, 0xfee03000, 0x4031 },
		{ "logical to all",         0x41 | LOGICAL,       0xff000000, 1, 0xfeeff004, 0x4041 },
		{ "lowest priority",        0x141 | LOGICAL,      0xff000000, 1, 0xfeeff00c, 0x4141 },
		{ "level",                  0x51 | LEVEL,         0,          1, 0xfee00000, 0xc051 },
		{ "active low is the same", 0x51 | 1 << 13,       0,          1, 0xfee00000, 0x4051 },
		{ "NMI is an edge",         0x402 | LEVEL,        0,          1, 0xfee00000, 0x4402 },
		{ "masked",                 0x31 | MASKED,        0,          0, 0,          0 },
		{ "ExtINT",                 0x731,                0,          0, 0,          0 },
		{ "reserved mode",          0x331,                0,          0, 0,          0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		set_entry(5, row[i].low, row[i].high);
		ioapic_set(&ioapic, 5, true);
		CHECK_EQ(fake.msis, row[i].msis);
		CHECK_EQ(fake.msi.address, row[i].address);
		CHECK_EQ(fake.msi.data, row[i].data);
	}
}

TEST(an_edge_is_delivered_once_and_lost_while_masked)
{
	fresh();
	set_entry(1, 0x31, 0);
	ioapic_set(&ioapic, 1, true);
	ioapic_set(&ioapic, 1, true);
	CHECK_EQ(fake.msis, 1);
	ioapic_set(&ioapic, 1, false);
	set_entry(1, 0x31 | MASKED, 0);
	ioapic_set(&ioapic, 1, true);
	set_entry(1, 0x31, 0);
	CHECK_EQ(fake.msis, 1);
	CHECK(!eoi_wanted(0x31));
}

TEST(a_level_waits_for_its_end_of_interrupt)
{
	fresh();
	set_entry(9, 0x39 | LEVEL, 0);
	CHECK(eoi_wanted(0x39));
	ioapic_set(&ioapic, 9, true);
	CHECK_EQ(fake.msis, 1);
	CHECK(get(0x22) & REMOTE);
	ioapic_set(&ioapic, 9, false);
	ioapic_set(&ioapic, 9, true);
	CHECK_EQ(fake.msis, 1);
	ioapic_eoi(&ioapic, 0x38);
	CHECK_EQ(fake.msis, 1);
	ioapic_eoi(&ioapic, 0x39);
	CHECK_EQ(fake.msis, 2);      /* still asserted */
	ioapic_set(&ioapic, 9, false);
	ioapic_eoi(&ioapic, 0x39);
	CHECK_EQ(fake.msis, 2);
	CHECK(!(get(0x22) & REMOTE));
}

TEST(a_level_asserted_while_masked_comes_on_unmasking)
{
	fresh();
	set_entry(9, 0x39 | LEVEL | MASKED, 0);
	CHECK(!eoi_wanted(0x39));
	ioapic_set(&ioapic, 9, true);
	CHECK_EQ(fake.msis, 0);
	set(0x22, 0x39 | LEVEL);
	CHECK_EQ(fake.msis, 1);
	set(0x22, 0x39 | LEVEL | MASKED);
	CHECK(eoi_wanted(0x39));     /* in service: the EOI is still to come */
	ioapic_eoi(&ioapic, 0x39);
	CHECK(!eoi_wanted(0x39));
	CHECK_EQ(fake.msis, 1);
}

TEST(remote_irr_goes_by_the_eoi_register_or_by_making_it_an_edge)
{
	fresh();
	set_entry(9, 0x39 | LEVEL, 0);
	ioapic_set(&ioapic, 9, true);
	ioapic_set(&ioapic, 9, false);
	fake_write32(PLATFORM_IOAPIC + EOI, 0x39);
	CHECK(!(get(0x22) & REMOTE));
	ioapic_set(&ioapic, 9, true);
	CHECK(get(0x22) & REMOTE);
	set(0x22, 0x39 | MASKED);
	CHECK(!(get(0x22) & REMOTE));
	set(0x22, 0x39 | LEVEL | REMOTE | MASKED);
	CHECK(!(get(0x22) & REMOTE));        /* read-only */
}

TEST(two_pins_may_share_a_vector)
{
	fresh();
	set_entry(10, 0x60 | LEVEL, 0);
	set_entry(11, 0x60 | LEVEL, 0);
	ioapic_set(&ioapic, 10, true);
	ioapic_set(&ioapic, 11, true);
	CHECK_EQ(fake.msis, 2);
	ioapic_eoi(&ioapic, 0x60);
	CHECK_EQ(fake.msis, 4);
	ioapic_set(&ioapic, 10, false);
	ioapic_set(&ioapic, 11, false);
	ioapic_eoi(&ioapic, 0x60);
	CHECK_EQ(fake.msis, 4);
}
