/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 8254 timer and port 61h.
 * sources: vmm/pit.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/pit.h"
#include "vmm/ticks.h"

static struct pit pit;

static void fresh(void)
{
	fake_reset();
	CHECK_EQ(pit_init(&pit, &fake.ports, 0), OK);
}

/* Channel, mode, and count low byte first. */
static void program(unsigned channel, unsigned mode, bool bcd, uint32_t count)
{
	fake_outb(0x43, (uint8_t)(channel << 6 | 0x30 | mode << 1 | bcd));
	fake_outb((uint16_t)(0x40 + channel), (uint8_t)count);
	fake_outb((uint16_t)(0x40 + channel), (uint8_t)(count >> 8));
}

static uint32_t read_two(unsigned channel)
{
	uint32_t low = fake_inb((uint16_t)(0x40 + channel));

	return low | (uint32_t)fake_inb((uint16_t)(0x40 + channel)) << 8;
}

static uint8_t status(unsigned channel)
{
	fake_outb(0x43, (uint8_t)(0xe0 | 2 << channel));
	return fake_inb((uint16_t)(0x40 + channel));
}

/* The clock stands at exactly this many ticks after zero. */
static void at_tick(uint64_t ticks)
{
	fake_advance(ticks_to_ns(ticks, PIT_HZ) - fake.now_ns);
}

TEST(counts_and_output)
{
	static const struct {
		const char *what;
		unsigned mode;
		bool bcd;
		uint32_t count;
		uint64_t ticks;
		uint32_t want;
		bool out;
	} row[] = {
		{ "mode 0 begins low",            0, false, 100,    0,      100,    false },
		{ "mode 0 counts down",           0, false, 100,    99,     1,      false },
		{ "mode 0 ends high",             0, false, 100,    100,    0,      true },
		{ "mode 0 counts on",             0, false, 100,    101,    0xffff, true },
		{ "mode 0, full count",           0, false, 0,      65535,  1,      false },
		{ "mode 0 in BCD",                0, true,  0x1000, 1,      0x0999, false },
		{ "mode 0 in BCD, full count",    0, true,  0,      1,      0x9999, false },
		{ "mode 0 in BCD wraps",          0, true,  0x0001, 2,      0x9999, true },
		{ "mode 2 begins high",           2, false, 100,    0,      100,    true },
		{ "mode 2 is low at one",         2, false, 100,    99,     1,      false },
		{ "mode 2 begins again",          2, false, 100,    100,    100,    true },
		{ "mode 2, many periods later",   2, false, 100,    100050, 50,     true },
		{ "mode 3, first half",           3, false, 100,    49,     2,      true },
		{ "mode 3, second half",          3, false, 100,    50,     100,    false },
		{ "mode 3, odd count",            3, false, 101,    50,     0,      true },
		{ "mode 3, odd, second half",     3, false, 101,    51,     100,    false },
		{ "mode 4 waits high",            4, false, 100,    99,     1,      true },
		{ "mode 4 strobes",               4, false, 100,    100,    0,      false },
		{ "mode 4 is done",               4, false, 100,    101,    0xffff, true },
		{ "mode 6 is mode 2",             6, false, 100,    99,     1,      false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		program(0, row[i].mode, row[i].bcd, row[i].count);
		at_tick(row[i].ticks);
		CHECK_EQ(status(0) >> 7, row[i].out);
		CHECK_EQ(read_two(0), row[i].want);
	}
}

TEST(hardware_triggered_modes_wait_for_the_gate)
{
	static const struct { const char *what; unsigned mode; uint64_t ticks; bool out; } row[] = {
		{ "one-shot is low at once",   1, 0,   false },
		{ "one-shot still low",        1, 99,  false },
		{ "one-shot over",             1, 100, true },
		{ "strobe waits",              5, 99,  true },
		{ "strobe",                    5, 100, false },
		{ "strobe over",               5, 101, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		program(2, row[i].mode, false, 100);
		fake_advance(1000000);
		CHECK_EQ(fake_inb(0x61) & 0x20, 0x20);
		uint64_t zero = ns_to_ticks(fake.now_ns, PIT_HZ);

		fake_outb(0x61, 1);
		at_tick(zero + row[i].ticks);
		CHECK_EQ(fake_inb(0x61) >> 5 & 1, row[i].out);
	}
}

TEST(gate_pauses_mode_0_and_restarts_mode_2)
{
	fresh();
	program(2, 0, false, 1000);
	fake_advance(5000000);
	CHECK_EQ(read_two(2), 1000);         /* the gate is closed */
	fake_outb(0x61, 1);
	uint64_t zero = ns_to_ticks(fake.now_ns, PIT_HZ);

	at_tick(zero + 400);
	fake_outb(0x61, 0);
	fake_advance(5000000);
	CHECK_EQ(read_two(2), 600);
	fake_outb(0x61, 1);
	zero = ns_to_ticks(fake.now_ns, PIT_HZ);
	at_tick(zero + 599);
	CHECK_EQ(fake_inb(0x61) & 0x20, 0);
	at_tick(zero + 600);
	CHECK_EQ(fake_inb(0x61) & 0x20, 0x20);
	program(2, 2, false, 1000);
	fake_advance(300000);
	fake_outb(0x61, 0);
	CHECK_EQ(fake_inb(0x61) & 0x20, 0x20);
	fake_outb(0x61, 1);
	CHECK_EQ(read_two(2), 1000);
}

TEST(latched_values_stand_while_the_count_goes_on)
{
	fresh();
	program(0, 2, false, 50000);
	at_tick(1000);
	fake_outb(0x43, 0x00);
	at_tick(2000);
	fake_outb(0x43, 0x00);       /* a second latch before the read is ignored */
	CHECK_EQ(fake_inb(0x40), 49000 & 0xff);
	at_tick(3000);
	CHECK_EQ(fake_inb(0x40), 49000 >> 8);
	CHECK_EQ(read_two(0), 47000);
	fake_outb(0x43, 0xc2);       /* read-back: count and status of channel 0, status comes first */
	at_tick(4000);
	CHECK_EQ(fake_inb(0x40), 0xb4);
	CHECK_EQ(read_two(0), 47000);
	CHECK_EQ(read_two(0), 46000);
}

TEST(status_tells_null_count_and_access)
{
	fresh();
	fake_outb(0x43, 0x14);       /* low byte only, mode 2 */
	CHECK_EQ(status(0), 0xd4);
	fake_outb(0x40, 200);
	CHECK_EQ(status(0), 0x94);
	CHECK_EQ(fake_inb(0x40), 200);
	fake_outb(0x43, 0x24);       /* high byte only */
	fake_outb(0x40, 2);
	CHECK_EQ(fake_inb(0x40), 2);
	CHECK_EQ(fake_inb(0x43), 0xff);
}

TEST(periodic_count_written_while_running_waits_for_the_next_period)
{
	fresh();
	program(0, 2, false, 10000);
	at_tick(2500);
	fake_outb(0x40, 2000 & 0xff);
	fake_outb(0x40, 2000 >> 8);
	CHECK_EQ(read_two(0), 7500);
	CHECK_EQ(status(0) & 0x40, 0x40);
	at_tick(10500);
	CHECK_EQ(read_two(0), 1500);
	CHECK_EQ(status(0) & 0x40, 0);
	at_tick(12001);
	CHECK_EQ(fake.rises[0], 3);  /* OUT went high when the mode was set; then two periods */
}

TEST(half_a_count_stops_mode_0)
{
	fresh();
	program(0, 0, false, 1000);
	fake_outb(0x40, 100);
	fake_advance(10000000);
	CHECK_EQ(fake.rises[0], 0);
	fake_outb(0x40, 0);
	fake_advance(1000000);
	CHECK_EQ(fake.rises[0], 1);
	CHECK(fake.irq[0]);
}

TEST(interrupts_over_one_second)
{
	static const struct { const char *what; unsigned mode; uint32_t count; unsigned least, most; } row[] = {
		{ "100 Hz rate",           2, 11932, 100,  101 },
		{ "1000 Hz square wave",   3, 1193,  1000, 1002 },
		{ "18.2 Hz",               3, 0,     19,   19 },
		{ "faster than the floor", 2, 10,    9900, 10001 },
		{ "as fast as can be",     2, 1,     9900, 10001 },
		{ "single shot",           0, 30000, 1,    1 },
		{ "strobe",                4, 30000, 2,    2 },
		{ "never triggered",       1, 100,   1,    1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		program(0, row[i].mode, false, row[i].count);
		fake_advance(1000000000);
		CHECK(fake.rises[0] >= row[i].least);
		CHECK(fake.rises[0] <= row[i].most);
	}
}

TEST(late_ticks_are_made_up_for_within_a_bound)
{
	fresh();
	program(0, 2, false, 1193);
	fake_stall(10000000);
	unsigned before = fake.rises[0];

	fake_advance(2000000);       /* 9 were missed, 2 are due; at 100 us each there is time for all */
	CHECK(fake.rises[0] - before >= 10);
	fake_stall(3600000000000);
	before = fake.rises[0];
	fake_advance(100000000);
	CHECK(fake.rises[0] - before <= 100 + PIT_BACKLOG + 1);
	CHECK(vm_now() > 0);
}

TEST(a_new_mode_stops_the_old_ones_interrupts)
{
	fresh();
	program(0, 2, false, 1193);
	fake_advance(10000000);
	fake_outb(0x43, 0x30);
	unsigned before = fake.rises[0];

	CHECK(!fake.irq[0]);
	fake_advance(1000000000);
	CHECK_EQ(fake.rises[0], before);
}

TEST(port_61_keeps_its_low_bits_and_toggles_refresh)
{
	fresh();
	fake_outb(0x61, 0xff);
	CHECK_EQ(fake_inb(0x61) & 0x0f, 0x0f);
	uint8_t first = fake_inb(0x61) & 0x10;

	fake_advance(15085);
	CHECK(first != (fake_inb(0x61) & 0x10));
}
