/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyboard controller.
 * sources: vmm/i8042.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/i8042.h"

enum { FULL = 0x01, NOTHING = 0x100 };

static struct i8042 kbc;

static void fresh(void)
{
	fake_reset();
	CHECK_EQ(i8042_init(&kbc, &fake.ports), OK);
}

/* The byte that waits for the guest, or NOTHING. */
static unsigned answer(void)
{
	return fake_inb(0x64) & FULL ? fake_inb(0x60) : NOTHING;
}

TEST(commands)
{
	static const struct { const char *what; uint8_t command; int parameter; unsigned want; } row[] = {
		{ "self test",               0xaa, -1,   0x55 },
		{ "keyboard test",           0xab, -1,   0x00 },
		{ "no auxiliary port",       0xa9, -1,   0x01 },
		{ "command byte",            0x20, -1,   0x30 },
		{ "controller RAM",          0x3f, -1,   0x00 },
		{ "input port",              0xc0, -1,   0x80 },
		{ "output port",             0xd0, -1,   0xcf },
		{ "test inputs",             0xe0, -1,   0x00 },
		{ "echo",                    0xd2, 0x5a, 0x5a },
		{ "echo by auxiliary port",  0xd3, 0x5a, 0x5a },
		{ "byte to auxiliary port",  0xd4, 0xf4, 0xfe },
		{ "write RAM, no answer",    0x7f, 0x12, NOTHING },
		{ "write output port",       0xd1, 0x03, NOTHING },
		{ "pulse nothing",           0xff, -1,   NOTHING },
		{ "unknown",                 0x00, -1,   NOTHING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake_outb(0x64, row[i].command);
		if (row[i].parameter >= 0) {
			CHECK(!(fake_inb(0x64) & FULL));
			fake_outb(0x60, (uint8_t)row[i].parameter);
		}
		CHECK_EQ(fake_inb(0x64) & 0x22, 0);  /* never busy, never from the auxiliary port */
		CHECK_EQ(answer(), row[i].want);
		CHECK_EQ(answer(), NOTHING);
		CHECK_EQ(fake.ends, 0);
	}
}

TEST(resets)
{
	static const struct { const char *what; uint8_t command; int parameter; unsigned ends; } row[] = {
		{ "pulse line 0",            0xfe, -1,   1 },
		{ "pulse all lines",         0xf0, -1,   1 },
		{ "pulse line 1",            0xfd, -1,   0 },
		{ "output port bit 0 low",   0xd1, 0xfe, 1 },
		{ "output port bit 0 high",  0xd1, 0x01, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake_outb(0x64, row[i].command);
		if (row[i].parameter >= 0) {
			fake_outb(0x60, (uint8_t)row[i].parameter);
		}
		CHECK_EQ(fake.ends, row[i].ends);
		CHECK(!fake.ends || fake.end == VM_END_RESET);
	}
}

TEST(command_byte_is_kept_and_follows_the_disable_commands)
{
	fresh();
	fake_outb(0x64, 0x60);
	fake_outb(0x60, 0x74);
	fake_outb(0x64, 0x20);
	CHECK_EQ(answer(), 0x74);
	CHECK_EQ(fake_inb(0x64) & 0x04, 0x04);
	fake_outb(0x64, 0xae);
	fake_outb(0x64, 0xa8);
	fake_outb(0x64, 0x20);
	CHECK_EQ(answer(), 0x44);
	fake_outb(0x64, 0xad);
	fake_outb(0x64, 0xa7);
	fake_outb(0x64, 0x20);
	CHECK_EQ(answer(), 0x74);
}

TEST(a_byte_for_the_keyboard_times_out_at_once)
{
	fresh();
	fake_outb(0x60, 0xff);
	CHECK_EQ(fake_inb(0x64) & 0x41, 0x41);
	CHECK_EQ(answer(), 0xfe);
	CHECK_EQ(fake_inb(0x64) & 0x41, 0);
}

TEST(answers_interrupt_where_enabled)
{
	fresh();
	fake_outb(0x64, 0xaa);
	CHECK(!fake.irq[1]);
	fake_inb(0x60);
	fake_outb(0x64, 0x60);
	fake_outb(0x60, 0x01);
	fake_outb(0x60, 0xf2);
	CHECK(fake.irq[1]);
	fake_inb(0x60);
	CHECK(!fake.irq[1]);
	fake_outb(0x60, 0xf2);
	fake_outb(0x60, 0xf2);
	CHECK_EQ(fake.rises[1], 3);
	fake_outb(0x64, 0x60);
	fake_outb(0x60, 0x00);
	CHECK(!fake.irq[1]);
}

TEST(a20)
{
	fresh();
	fake_outb(0x64, 0xdd);
	fake_outb(0x64, 0xd0);
	CHECK_EQ(answer() & 2, 0);
	fake_outb(0x64, 0xdf);
	fake_outb(0x64, 0xd0);
	CHECK_EQ(answer() & 2, 2);
	CHECK_EQ(fake.ends, 0);
}
