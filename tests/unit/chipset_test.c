/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chipset's one-byte ports.
 * sources: vmm/chipset.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/chipset.h"

static struct chipset chipset;

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
		fake_reset();
		CHECK_EQ(chipset_init(&chipset, &fake.ports), OK);
		fake_out(row[i].port, row[i].size, row[i].value);
		CHECK_EQ(fake.ends, row[i].reset);
		CHECK(!fake.ends || fake.end == VM_END_RESET);
	}
}

TEST(reads)
{
	fake_reset();
	CHECK_EQ(chipset_init(&chipset, &fake.ports), OK);
	CHECK_EQ(fake_in(0xcf8, 4), 0xffffffff);
	CHECK_EQ(fake_inb(0xcfb), 0xff);
	CHECK_EQ(fake_inb(0xcf9), 0);
	fake_outb(0xcf9, 0x0a);
	CHECK_EQ(fake_inb(0xcf9), 0x0a);
	fake_outb(0x80, 0x42);
	CHECK_EQ(fake_inb(0x80), 0x42);
	CHECK_EQ(fake_inb(0x92), 0x02);
}
