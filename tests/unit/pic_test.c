/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8259A pair.
 * sources: vmm/pic.c vmm/regs.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/pic.h"

static struct pic pic;

/* As Linux leaves it: vectors 30h and 38h, normal EOI, all unmasked. */
static void fresh_with(uint8_t master_icw4)
{
	fake_reset();
	CHECK_EQ(pic_init(&pic, &fake.ports), OK);
	fake_outb(0x20, 0x11);
	fake_outb(0x21, 0x30);
	fake_outb(0x21, 0x04);
	fake_outb(0x21, master_icw4);
	fake_outb(0xa0, 0x11);
	fake_outb(0xa1, 0x38);
	fake_outb(0xa1, 0x02);
	fake_outb(0xa1, 0x01);
	fake_outb(0x21, 0);
	fake_outb(0xa1, 0);
}

static void fresh(void)
{
	fresh_with(0x01);
}

static void pulse(unsigned line)
{
	pic_set(&pic, line, false);
	pic_set(&pic, line, true);
}

TEST(each_line_gives_its_vector)
{
	for (unsigned line = 0; line < 16; line++) {
		if (line == 2) {
			continue;
		}
		fresh();
		CHECK(!fake.extint);
		pic_set(&pic, line, true);
		CHECK(fake.extint);
		CHECK_EQ(pic_ack(&pic), 0x30 + line);
		CHECK(!fake.extint);
	}
}

TEST(masks)
{
	fresh();
	fake_outb(0x21, 0x10);
	CHECK_EQ(fake_inb(0x21), 0x10);
	pulse(4);
	CHECK(!fake.extint);
	fake_outb(0x21, 0);
	CHECK(fake.extint);
	pic_set(&pic, 4, false);
	fake_outb(0xa1, 0xff);
	pulse(9);
	CHECK(!fake.extint);
	fake_outb(0x21, 0x04);
	fake_outb(0xa1, 0);
	CHECK(!fake.extint);
	fake_outb(0x21, 0);
	CHECK_EQ(pic_ack(&pic), 0x39);
}

TEST(higher_priority_interrupts_lower_service)
{
	fresh();
	pulse(5);
	CHECK_EQ(pic_ack(&pic), 0x35);
	pulse(6);
	CHECK(!fake.extint);
	pulse(1);
	CHECK(fake.extint);
	CHECK_EQ(pic_ack(&pic), 0x31);
	fake_outb(0x20, 0x20);
	CHECK(!fake.extint);
	fake_outb(0x20, 0x20);
	CHECK_EQ(pic_ack(&pic), 0x36);
}

TEST(slave_needs_an_end_of_interrupt_at_both)
{
	fresh();
	pulse(12);
	CHECK_EQ(pic_ack(&pic), 0x3c);
	pulse(8);
	CHECK(!fake.extint);         /* the cascade is in service at the master */
	fake_outb(0x20, 0x62);
	CHECK(fake.extint);          /* input 8 beats 12 */
	CHECK_EQ(pic_ack(&pic), 0x38);
	fake_outb(0xa0, 0x20);
	fake_outb(0xa0, 0x64);
	fake_outb(0x20, 0x62);
	pulse(13);
	CHECK_EQ(pic_ack(&pic), 0x3d);
}

TEST(special_fully_nested_master_lets_the_slave_interrupt_itself)
{
	fresh_with(0x11);
	pulse(12);
	CHECK_EQ(pic_ack(&pic), 0x3c);
	pulse(8);
	CHECK(fake.extint);
	CHECK_EQ(pic_ack(&pic), 0x38);
	pulse(5);
	CHECK(!fake.extint);         /* below the cascade */
}

TEST(spurious_vectors)
{
	fresh();
	CHECK_EQ(pic_ack(&pic), 0x37);
	pulse(4);
	pic_set(&pic, 4, false);     /* gone before it was acknowledged */
	CHECK(!fake.extint);
	CHECK_EQ(pic_ack(&pic), 0x37);
	fake_outb(0x20, 0x0b);
	CHECK_EQ(fake_inb(0x20), 0);
}

TEST(edge_and_level_triggering)
{
	fresh();
	pulse(5);
	CHECK_EQ(pic_ack(&pic), 0x35);
	fake_outb(0x20, 0x20);
	CHECK(!fake.extint);         /* still high, but no new edge */
	pic_set(&pic, 5, false);
	fake_outb(0x4d0, 0xff);
	CHECK_EQ(fake_in(0x4d0, 2), 0x00f8);
	pic_set(&pic, 5, true);
	CHECK_EQ(pic_ack(&pic), 0x35);
	fake_outb(0x20, 0x20);
	CHECK(fake.extint);          /* a level asks again */
	pic_set(&pic, 5, false);
	CHECK(!fake.extint);
	fake_outb(0x4d1, 0xff);
	CHECK_EQ(fake_inb(0x4d1), 0xde);
}

TEST(automatic_end_of_interrupt_and_its_rotation)
{
	fresh_with(0x03);
	pulse(3);
	CHECK_EQ(pic_ack(&pic), 0x33);
	pulse(4);
	CHECK_EQ(pic_ack(&pic), 0x34);
	fake_outb(0x20, 0x80);
	pulse(3);
	CHECK_EQ(pic_ack(&pic), 0x33);
	pulse(3);
	pulse(4);
	CHECK_EQ(pic_ack(&pic), 0x34);       /* 3 has become the lowest */
}

TEST(rotation_commands)
{
	static const struct { const char *what; uint8_t ocw2, first; } row[] = {
		{ "set lowest to 3",         0xc3, 4 },
		{ "set lowest to 7",         0xc7, 0 },
		{ "rotate on EOI",           0xa0, 6 },
		{ "rotate on EOI by name",   0xe5, 6 },
		{ "EOI keeps the order",     0x20, 0 },
		{ "no operation",            0x40, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		pulse(5);
		CHECK_EQ(pic_ack(&pic), 0x35);
		fake_outb(0x20, row[i].ocw2);
		fake_outb(0x20, 0x65);
		for (unsigned line = 0; line < 8; line++) {
			if (line != 2) {
				pulse(line);
			}
		}
		CHECK_EQ(pic_ack(&pic), 0x30 + row[i].first);
	}
}

TEST(special_mask_mode_lets_lower_ones_in)
{
	fresh();
	pulse(3);
	CHECK_EQ(pic_ack(&pic), 0x33);
	pulse(6);
	CHECK(!fake.extint);
	fake_outb(0x21, 0x08);
	fake_outb(0x20, 0x68);
	CHECK(fake.extint);
	CHECK_EQ(pic_ack(&pic), 0x36);
	fake_outb(0x20, 0x20);       /* ends 6, since 3 is masked */
	fake_outb(0x20, 0x0b);
	CHECK_EQ(fake_inb(0x20), 0x08);
	fake_outb(0x20, 0x48);
	CHECK_EQ(fake_inb(0x20), 0x08);
}

TEST(poll_and_register_reads)
{
	fresh();
	fake_outb(0x21, 0xfb);
	pulse(4);
	fake_outb(0x20, 0x0a);
	CHECK_EQ(fake_inb(0x20), 0x10);
	fake_outb(0x20, 0x0c);
	CHECK_EQ(fake_inb(0x20), 0x00);
	fake_outb(0x21, 0);
	fake_outb(0x20, 0x0c);
	CHECK_EQ(fake_inb(0x20), 0x84);
	fake_outb(0x20, 0x0b);
	CHECK_EQ(fake_inb(0x20), 0x10);
	CHECK(!fake.extint);
}

TEST(initialization_clears_requests_and_holds_interrupts_back)
{
	fresh();
	pulse(4);
	CHECK(fake.extint);
	fake_outb(0x20, 0x11);
	CHECK(!fake.extint);
	pulse(3);
	CHECK(!fake.extint);
	fake_outb(0x21, 0x50);
	fake_outb(0x21, 0x04);
	fake_outb(0x21, 0x01);
	CHECK_EQ(fake_inb(0x21), 0);
	CHECK_EQ(pic_ack(&pic), 0x53);
}

TEST(initialization_without_icw3_and_icw4)
{
	fresh();
	fake_outb(0x20, 0x12);
	fake_outb(0x21, 0x60);
	fake_outb(0x21, 0xfd);       /* already the mask */
	CHECK_EQ(fake_inb(0x21), 0xfd);
	pulse(1);
	CHECK_EQ(pic_ack(&pic), 0x61);
}
