/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-time clock and CMOS.
 * sources: vmm/rtc.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/rtc.h"

enum { SECOND = 1000000000 };

static struct rtc rtc;

static uint8_t get(uint8_t index)
{
	fake_outb(0x70, index);
	return fake_inb(0x71);
}

static void set(uint8_t index, uint8_t value)
{
	fake_outb(0x70, index);
	fake_outb(0x71, value);
}

static void fresh_at(uint64_t wall)
{
	fake_reset();
	fake.wall_s = wall;
	CHECK_EQ(rtc_init(&rtc, &fake.ports, 8, MIB(512), GIB(2)), OK);
}

static void fresh(void)
{
	fresh_at(FAKE_WALL);
}

struct clock { uint8_t century, year, month, day, weekday, hour, minute, second; };

static void check_clock(const struct clock *want)
{
	CHECK_EQ(get(0x32), want->century);
	CHECK_EQ(get(9), want->year);
	CHECK_EQ(get(8), want->month);
	CHECK_EQ(get(7), want->day);
	CHECK_EQ(get(6), want->weekday);
	CHECK_EQ(get(4), want->hour);
	CHECK_EQ(get(2), want->minute);
	CHECK_EQ(get(0), want->second);
}

static void set_clock(const struct clock *to)
{
	set(0x32, to->century);
	set(9, to->year);
	set(8, to->month);
	set(7, to->day);
	set(4, to->hour);
	set(2, to->minute);
	set(0, to->second);
}

TEST(shows_the_wall_clock)
{
	static const struct { const char *what; uint64_t wall; uint8_t b; struct clock want; } row[] = {
		{ "leap day of a leap century", 951782400,    0x02, { 0x20, 0x00, 0x02, 0x29, 3, 0, 0, 0 } },
		{ "the epoch",                  0,            0x02, { 0x19, 0x70, 0x01, 0x01, 5, 0, 0, 0 } },
		{ "last second of a year",      1735689599,   0x02, { 0x20, 0x24, 0x12, 0x31, 3, 0x23, 0x59, 0x59 } },
		{ "first of the next",          1735689600,   0x02, { 0x20, 0x25, 0x01, 0x01, 4, 0, 0, 0 } },
		{ "no leap day in 2100",        4107542400,   0x02, { 0x21, 0x00, 0x03, 0x01, 2, 0, 0, 0 } },
		{ "far away",                   253402300799, 0x02, { 0x99, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59 } },
		{ "binary",                     1735689599,   0x06, { 20, 24, 12, 31, 3, 23, 59, 59 } },
		{ "twelve hours, midnight",     1735689600,   0x00, { 0x20, 0x25, 0x01, 0x01, 4, 0x12, 0, 0 } },
		{ "twelve hours, noon",         1735732800,   0x00, { 0x20, 0x25, 0x01, 0x01, 4, 0x92, 0, 0 } },
		{ "twelve hours, binary, 11pm", 1735689599,   0x04, { 20, 24, 12, 31, 3, 0x80 | 11, 59, 59 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh_at(row[i].wall);
		set(0x0b, row[i].b);
		check_clock(&row[i].want);
	}
}

TEST(every_day_of_two_centuries_follows_the_one_before)
{
	static const uint8_t length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year = 1970, month = 1, day = 1;

	for (uint64_t days = 0; days < 200 * 366; days++) {
		fresh_at(days * 86400);
		set(0x0b, 0x06);
		CHECK_EQ(get(7), day);
		CHECK_EQ(get(8), month);
		CHECK_EQ(get(9) + get(0x32) * 100, year);
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

		if (++day > length[month - 1] + (unsigned)(month == 2 && leap)) {
			day = 1;
			if (++month > 12) {
				month = 1;
				year++;
			}
		}
	}
}

TEST(is_set_while_stopped_and_runs_on_from_there)
{
	static const struct clock to = { 0x20, 0x31, 0x12, 0x31, 4, 0x23, 0x59, 0x58 };
	static const struct clock later = { 0x20, 0x32, 0x01, 0x01, 5, 0x00, 0x00, 0x01 };

	fresh();
	set(0x0b, 0x82);
	fake_advance(10ull * SECOND);
	CHECK_EQ(get(0), 0);         /* stopped */
	set_clock(&to);
	fake_advance(10ull * SECOND);
	CHECK_EQ(get(0), 0x58);
	set(0x0b, 0x02);
	check_clock(&to);
	fake_advance(3ull * SECOND);
	check_clock(&later);
}

TEST(divider_reset_starts_the_second_half_a_second_later)
{
	fresh();
	fake_advance(SECOND / 4);
	set(0x0a, 0x76);
	fake_advance(20ull * SECOND);
	CHECK_EQ(get(0), 0);
	set(0x0a, 0x26);
	fake_advance(SECOND / 2 - 1);
	CHECK_EQ(get(0), 0);
	fake_advance(1);
	CHECK_EQ(get(0), 1);
}

TEST(a_running_clock_may_be_set_byte_by_byte)
{
	fresh();
	fake_advance(SECOND / 2);
	set(2, 0x15);
	set(4, 0x07);
	CHECK_EQ(get(2), 0x15);
	CHECK_EQ(get(4), 0x07);
	CHECK_EQ(get(7), 0x29);
	fake_advance(SECOND / 2);
	CHECK_EQ(get(0), 1);         /* the phase of the second stayed */
}

TEST(bytes_out_of_range_give_some_other_time)
{
	static const uint8_t bad[] = { 0x00, 0x0f, 0x7f, 0x99, 0xff };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		for (uint8_t b = 0; b < 8; b += 2) {
			fresh();
			set(0x0b, 0x80 | b);
			for (uint8_t index = 0; index < 10; index++) {
				set(index, bad[i]);
			}
			set(0x32, bad[i]);
			set(0x0b, b | 0x70);
			fake_advance(3ull * SECOND);
			set(0x0b, 0x06);
			CHECK(get(8) >= 1 && get(8) <= 12);
			CHECK(get(7) >= 1 && get(7) <= 31);
		}
	}
}

TEST(update_in_progress_is_seen_shortly_before_each_second)
{
	fresh();
	CHECK_EQ(get(0x0a), 0x26);
	fake_advance(SECOND - 2000000);
	CHECK_EQ(get(0x0a), 0xa6);
	fake_advance(2000000);
	CHECK_EQ(get(0x0a), 0x26);
	set(0x0b, 0x82);
	fake_advance(SECOND - 2000000);
	CHECK_EQ(get(0x0a), 0x26);
}

TEST(update_interrupt_comes_each_second_if_acknowledged)
{
	fresh();
	fake_advance(SECOND / 2);
	set(0x0b, 0x12);
	fake_advance(SECOND / 2 - 1);
	CHECK(!fake.irq[8]);
	fake_advance(1);
	CHECK(fake.irq[8]);
	fake_advance(5ull * SECOND);
	CHECK_EQ(fake.rises[8], 1);
	CHECK_EQ(get(0x0c) & 0xb0, 0x90);
	CHECK(!fake.irq[8]);
	CHECK_EQ(get(0x0c), 0);
	fake_advance(SECOND);
	CHECK_EQ(fake.rises[8], 2);
}

TEST(flags_are_set_without_their_interrupts_too)
{
	fresh_at(FAKE_WALL - 1);
	set(0x0a, 0x20);
	fake_advance(SECOND);
	CHECK_EQ(get(0x0c), 0x30);           /* update, and the alarm bytes say 00:00:00 ... */
	fake_advance(SECOND);
	CHECK_EQ(get(0x0c), 0x10);           /* ... which is over */
	set(0x0a, 0x26);
	fake_advance(SECOND / 2);
	CHECK_EQ(get(0x0c), 0x40);
	CHECK_EQ(fake.rises[8], 0);
}

TEST(alarms)
{
	static const struct { const char *what; uint8_t b, hour, minute, second; uint64_t after; } row[] = {
		{ "in a moment",               0x22, 0x00, 0x00, 0x05, 5 },
		{ "late tonight",              0x22, 0x23, 0x59, 0x59, 86399 },
		{ "this very second tomorrow", 0x22, 0x00, 0x00, 0x00, 86400 },
		{ "every second",              0x22, 0xff, 0xff, 0xff, 1 },
		{ "every minute",              0x22, 0xc0, 0xc0, 0x30, 30 },
		{ "every hour",                0x22, 0xff, 0x10, 0x00, 600 },
		{ "any minute of hour 5",      0x22, 0x05, 0xff, 0xff, 5 * 3600 },
		{ "binary",                    0x26, 13,   30,   0,    13 * 3600 + 1800 },
		{ "half past one pm",          0x20, 0x81, 0x30, 0x00, 13 * 3600 + 1800 },
		{ "no such hour",              0x22, 0x45, 0x00, 0x00, 0 },
		{ "no such second",            0x22, 0x00, 0xff, 0x77, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		set(5, row[i].hour);
		set(3, row[i].minute);
		set(1, row[i].second);
		set(0x0b, row[i].b);
		uint64_t after = row[i].after;

		fake_advance(after ? after * SECOND - 1 : 3 * 86400ull * SECOND);
		CHECK(!fake.irq[8]);
		fake_advance(1);
		CHECK_EQ(fake.irq[8], after != 0);
		CHECK_EQ(get(0x0c) & 0xa0, after ? 0xa0 : 0);
	}
}

TEST(periodic_interrupts_per_second)
{
	static const struct { const char *what; uint8_t rate; unsigned want; } row[] = {
		{ "off", 0, 0 }, { "rate 1", 1, 256 }, { "rate 2", 2, 128 }, { "rate 3", 3, 8192 }, { "rate 6", 6, 1024 },
		{ "rate 15", 15, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		set(0x0a, 0x20 | row[i].rate);
		set(0x0b, 0x42);
		while (vm_now() < SECOND) {
			fake_advance(50000);
			get(0x0c);
		}
		CHECK_EQ(fake.rises[8], row[i].want);
	}
}

TEST(memory_sizes_and_plain_bytes)
{
	fresh();
	CHECK_EQ(get(0x15) | get(0x16) << 8, 640);
	CHECK_EQ(get(0x17) | get(0x18) << 8, 0xffff);
	CHECK_EQ(get(0x34) | get(0x35) << 8, (512 - 16) * 16);
	CHECK_EQ(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 2048 * 16);
	CHECK_EQ(get(0x0d), 0x80);
	set(0x0f, 0x5a);
	CHECK_EQ(get(0x8f), 0x5a);   /* bit 7 is the NMI mask */
	set(0x0d, 0);
	CHECK_EQ(get(0x0d), 0x80);
	CHECK_EQ(fake_inb(0x70), 0xff);
}
