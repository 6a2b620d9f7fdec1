/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupt lines to both kinds of controllers.
 * sources: vmm/irq.c vmm/pic.c vmm/ioapic.c vmm/regs.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/hooks.h"
#include "vmm/ioapic.h"
#include "vmm/pic.h"
#include "vmm/platform.h"

static struct pic pic;
static struct ioapic ioapic;

static void fresh(void)
{
	fake_reset();
	CHECK_EQ(pic_init(&pic, &fake.ports), OK);
	CHECK_EQ(ioapic_init(&ioapic, &fake.mmio, PLATFORM_IOAPIC), OK);
	vm_irq_init(&pic, &ioapic);
}

TEST(lines_and_pins)
{
	static const struct { const char *what; unsigned gsi, pin; uint32_t isa; } row[] = {
		{ "timer sits on pin 2",     0,  2,  0x0001 },
		{ "keyboard",                1,  1,  0x0002 },
		{ "clock, on the slave",     8,  8,  0x0100 },
		{ "last ISA line",           15, 15, 0x8000 },
		{ "first beyond ISA",        16, 16, 0 },
		{ "last",                    23, 23, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		vm_irq(row[i].gsi, true);
		CHECK_EQ(ioapic.lines, 1u << row[i].pin);
		CHECK_EQ((pic.chip[0].lines & ~4) | pic.chip[1].lines << 8, row[i].isa);
		vm_irq(row[i].gsi, true);
		vm_irq(row[i].gsi, false);
		CHECK_EQ(ioapic.lines, 0);
		CHECK_EQ(pic.chip[0].lines | pic.chip[1].lines, 0);
	}
}

TEST(numbers_without_a_line_do_nothing)
{
	static const unsigned gsi[] = { 2, 24, 31, 32, 0xffffffff };

	fresh();
	for (size_t i = 0; i < ARRAY_SIZE(gsi); i++) {
		vm_irq(gsi[i], true);
		CHECK_EQ(ioapic.lines, 0);
		CHECK_EQ(pic.chip[0].lines, 0);
	}
}
