/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chipset's one-byte ports, and the PCI host bridge that shares a port with one of them.
 * sources: vmm/chipset.c vmm/pci_host.c vmm/pci.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/chipset.h"
#include "vmm/pci_host.h"

static struct chipset chipset;
static struct pci_host pci;

static void setup(void)
{
	fake_reset();
	CHECK_EQ(pci_host_init(&pci, &fake.ports, &fake.mmio), OK);
	CHECK_EQ(chipset_init(&chipset, &fake.ports, &pci), OK);
}

TEST(writes_that_reset_and_writes_that_do_not)
{
	static const struct { const char *what; uint16_t port; unsigned size; uint32_t value; bool reset; } row[] = {
		{ "hard reset",                     0xcf9, 1, 0x06,       true },
		{ "soft reset",                     0xcf9, 1, 0x04,       true },
		{ "kind of reset only",             0xcf9, 1, 0x02,       false },
		{ "PCI address that looks like it", 0xcf8, 4, 0x80000600, false },
		{ "word over it",                   0xcf8, 2, 0x0600,     false },
		{ "PCI data",                       0xcfc, 4, 0xffffffff, false },
		{ "fast reset",                     0x92,  1, 0x01,       true },
		{ "fast A20",                       0x92,  1, 0x02,       false },
		{ "POST code",                      0x80,  1, 0xff,       false },
		{ "delay",                          0xed,  4, 0xffffffff, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		setup();
		fake_out(row[i].port, row[i].size, row[i].value);
		CHECK_EQ(fake.ends, row[i].reset);
		CHECK(!fake.ends || fake.end == VM_END_RESET);
	}
}

TEST(reads)
{
	setup();
	CHECK_EQ(fake_in(0xcf8, 2), 0xffff);
	CHECK_EQ(fake_inb(0xcfb), 0xff);
	CHECK_EQ(fake_inb(0xcf9), 0);
	fake_outb(0xcf9, 0x0a);
	CHECK_EQ(fake_inb(0xcf9), 0x0a);
	fake_outb(0x80, 0x42);
	CHECK_EQ(fake_inb(0x80), 0x42);
	CHECK_EQ(fake_inb(0x92), 0x02);
}

static uint32_t config_read(uint32_t address, unsigned off, unsigned size)
{
	fake_out(0xcf8, 4, address);
	return fake_in((uint16_t)(0xcfc + off), size);
}

/* The probe of Linux and others: a dword that stays, while bytes beside it do nothing. */
TEST(configuration_mechanism_1_is_found)
{
	setup();
	fake_outb(0xcfb, 0x01);
	CHECK_EQ(fake_in(0xcf8, 4), 0);
	fake_out(0xcf8, 4, 0x80000000);
	CHECK_EQ(fake_in(0xcf8, 4), 0x80000000);
	fake_out(0xcf8, 4, 0xffffffff);
	CHECK_EQ(fake_in(0xcf8, 4), 0x80fffffc);
	CHECK_EQ(fake.ends, 0);
}

TEST(one_host_bridge_and_nothing_else)
{
	static const struct { uint32_t address; unsigned off, size; uint32_t want; } row[] = {
		{ 0x80000000, 0, 4, 0x00081b36 }, { 0x80000000, 2, 2, 0x0008 }, { 0x80000000, 1, 1, 0x1b },
		{ 0x80000008, 0, 4, 0x06000000 }, { 0x80000008, 2, 2, 0x0600 }, { 0x80000008, 3, 1, 0x06 },
		{ 0x8000000c, 2, 1, 0x00 },       /* one function, header type 0 */
		{ 0x80000010, 0, 4, 0 }, { 0x80000034, 0, 1, 0 }, { 0x800000fc, 0, 4, 0 },
		{ 0x80000100, 0, 4, 0xffffffff }, /* function 1 */
		{ 0x80000800, 0, 2, 0xffff },     /* device 1   */
		{ 0x80010000, 0, 4, 0xffffffff }, /* bus 1      */
		{ 0x00000000, 0, 4, 0xffffffff }, /* disabled   */
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(config_read(row[i].address, row[i].off, row[i].size), row[i].want);
	}
	fake_out(0xcf8, 4, 0x80000004);
	fake_out(0xcfc, 4, 0xffffffff);
	CHECK_EQ(fake_in(0xcfc, 4), 0x00000406);
}
