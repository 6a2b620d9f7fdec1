/* SPDX-License-Identifier: Apache-2.0 */
/*
 * High precision event timers.
 * sources: vmm/hpet.c vmm/irq.c vmm/pic.c vmm/ioapic.c vmm/regs.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/hooks.h"
#include "vmm/hpet.h"
#include "vmm/ioapic.h"
#include "vmm/pic.h"
#include "vmm/platform.h"

enum { CAPS = 0x00, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0, T0 = 0x100, T1 = 0x120, T2 = 0x140, COMPARATOR = 8 };
enum { ENABLE = 1, LEGACY = 2 };
enum { LEVEL = 2, INTERRUPT = 4, PERIODIC = 8, SET_VALUE = 0x40, BITS_32 = 0x100, ROUTE_22 = 22 << 9, ROUTE_23 = 23 << 9 };
enum { MS = 1000000, MS_TICKS = MS / HPET_TICK_NS };

static struct hpet hpet;
static struct pic pic;
static struct ioapic ioapic;

static uint64_t get(unsigned reg) { return fake_read(PLATFORM_HPET + reg, 8); }
static void set(unsigned reg, uint64_t value) { fake_write(PLATFORM_HPET + reg, 8, value); }

/* Lines 2, 8, 22 and 23 of the IOAPIC send messages with their number as vector. */
static void fresh(void)
{
	static const unsigned line[] = { 2, 8, 22, 23 };

	fake_reset();
	CHECK_EQ(pic_init(&pic, &fake.ports), OK);
	CHECK_EQ(ioapic_init(&ioapic, &fake.mmio, PLATFORM_IOAPIC), OK);
	vm_irq_init(&pic, &ioapic);
	CHECK_EQ(hpet_init(&hpet, &fake.mmio, PLATFORM_HPET), OK);
	for (unsigned i = 0; i < ARRAY_SIZE(line); i++) {
		fake_write32(PLATFORM_IOAPIC, 0x10 + 2 * line[i]);
		fake_write32(PLATFORM_IOAPIC + 0x10, 0x40 + line[i]);
	}
}

TEST(capabilities)
{
	fresh();
	CHECK_EQ(get(CAPS) >> 32, 10000000);                 /* 10 ns in fs */
	CHECK_EQ(get(CAPS) & 0xffff, 0xa201);                /* legacy, 64 bits, three timers, revision 1 */
	CHECK_EQ(get(T2) >> 32, HPET_ROUTES);
	CHECK_EQ(get(T2) & 0x30, 0x30);                      /* periodic, 64 bits */
	CHECK_EQ(get(T0) & 0x8000, 0);                       /* no FSB */
	CHECK_EQ(get(0x160), 0);
	set(CAPS, 0);
	CHECK_EQ(get(CAPS), HPET_CAPABILITIES);
}

TEST(counter_runs_halts_and_is_set)
{
	fresh();
	fake_advance(MS);
	CHECK_EQ(get(COUNTER), 0);
	set(CONFIG, ENABLE);
	fake_advance(MS);
	CHECK_EQ(get(COUNTER), MS_TICKS);
	set(CONFIG, 0);
	fake_advance(MS);
	CHECK_EQ(get(COUNTER), MS_TICKS);
	set(COUNTER, 0x1122334455667788);
	CHECK_EQ(get(COUNTER), 0x1122334455667788);
	CHECK_EQ(fake_read32(PLATFORM_HPET + COUNTER + 4), 0x11223344);
	fake_write32(PLATFORM_HPET + COUNTER, 0);
	CHECK_EQ(get(COUNTER), 0x1122334400000000);
	set(CONFIG, ENABLE);
	fake_advance(MS);
	CHECK_EQ(get(COUNTER), 0x1122334400000000 + MS_TICKS);
}

TEST(one_shot_interrupts_once_in_time)
{
	fresh();
	set(CONFIG, ENABLE);
	set(T0, INTERRUPT | ROUTE_22);
	set(T0 + COMPARATOR, 5 * MS_TICKS);
	fake_advance(5 * MS - 1);
	CHECK_EQ(fake.msis, 0);
	fake_advance(1);
	CHECK_EQ(fake.msis, 1);
	CHECK_EQ(fake.msi.data & 0xff, 0x40 + 22);
	fake_advance(1000ull * MS);
	CHECK_EQ(fake.msis, 1);
}

/* As Linux starts it: the first match by a write with SET_VALUE, then the period. */
TEST(periodic)
{
	fresh();
	set(CONFIG, ENABLE);
	set(T1, INTERRUPT | PERIODIC | SET_VALUE | BITS_32 | ROUTE_23);
	set(T1 + COMPARATOR, 3 * MS_TICKS);
	set(T1 + COMPARATOR, MS_TICKS);
	fake_advance(3 * MS - 1);
	CHECK_EQ(fake.msis, 0);
	fake_advance(1);
	CHECK_EQ(fake.msis, 1);
	fake_advance(10 * MS);
	CHECK_EQ(fake.msis, 11);
	CHECK_EQ(get(T1 + COMPARATOR), 14 * MS_TICKS);
	set(CONFIG, 0);
	fake_advance(10 * MS);
	CHECK_EQ(fake.msis, 11);
}

TEST(legacy_replacement_takes_the_lines_of_pit_and_rtc)
{
	fresh();
	set(CONFIG, ENABLE | LEGACY);
	vm_irq(GSI_PIT, true);
	vm_irq(GSI_RTC, true);
	CHECK_EQ(fake.msis, 0);
	set(T0, INTERRUPT);
	set(T0 + COMPARATOR, MS_TICKS);
	set(T1, INTERRUPT);
	set(T1 + COMPARATOR, 2 * MS_TICKS);
	fake_advance(MS);
	CHECK_EQ(fake.msi.data & 0xff, 0x40 + 2);
	fake_advance(MS);
	CHECK_EQ(fake.msi.data & 0xff, 0x40 + 8);
	CHECK_EQ(fake.msis, 2);
	set(CONFIG, ENABLE);
	vm_irq(GSI_PIT, true);
	CHECK_EQ(fake.msis, 3);
}

TEST(level_follows_the_status)
{
	fresh();
	fake_write32(PLATFORM_IOAPIC, 0x10 + 2 * 22);
	fake_write32(PLATFORM_IOAPIC + 0x10, 0x8000 | 0x56);
	set(CONFIG, ENABLE);
	set(T0, INTERRUPT | LEVEL | ROUTE_22);
	set(T0 + COMPARATOR, MS_TICKS);
	fake_advance(MS);
	CHECK_EQ(get(STATUS), 1);
	CHECK_EQ(ioapic.lines, 1u << 22);
	fake_write(PLATFORM_HPET + STATUS, 1, 1);
	CHECK_EQ(get(STATUS), 0);
	CHECK_EQ(ioapic.lines, 0);
}

TEST(a_comparator_in_the_past_waits_for_the_counter_to_come_round)
{
	fresh();
	set(CONFIG, ENABLE);
	fake_advance(100ull * MS);
	set(T0, INTERRUPT | BITS_32 | ROUTE_22);
	set(T0 + COMPARATOR, MS_TICKS);
	fake_advance(1000ull * MS);
	CHECK_EQ(fake.msis, 0);
	fake_advance(43000ull * MS);
	CHECK_EQ(fake.msis, 1);
	set(T1, INTERRUPT | ROUTE_23);
	set(T1 + COMPARATOR, 1);
	fake_advance(100000ull * MS);
	CHECK_EQ(fake.msis, 3);                              /* timer 0 twice more in 86 s; timer 1 never */
}

TEST(periods_have_a_floor_and_late_ticks_are_dropped)
{
	fresh();
	set(CONFIG, ENABLE);
	set(T0, INTERRUPT | PERIODIC | SET_VALUE | ROUTE_22);
	set(T0 + COMPARATOR, 1);
	fake_advance(10 * MS);
	CHECK(fake.msis >= 90 && fake.msis <= 101);
	fake.msis = 0;
	fake_stall(1000ull * MS);
	CHECK(fake.msis <= 2);
	CHECK(vm_timer_next() > vm_now());
}

TEST(time_that_passes_while_a_timer_is_armed_loses_no_match)
{
	static const uint64_t periods[] = { 1, 2, 100, 20000 };

	for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
		fresh();
		fake.look_ns = 150;
		set(T0, INTERRUPT | PERIODIC | SET_VALUE | ROUTE_22);
		set(T0 + COMPARATOR, periods[i]);
		set(T1, INTERRUPT | ROUTE_23);
		set(T1 + COMPARATOR, 5);
		set(CONFIG, ENABLE);
		fake_advance(10 * MS);
		CHECK(fake.msis >= 40);
		set(T0, 0);
		fake.msis = 0;
		fake_advance(10 * MS);
		CHECK_EQ(fake.msis, 0);
		fake.look_ns = 0;
	}
}

TEST(reserved_routes_and_bits)
{
	fresh();
	set(CONFIG, UINT64_MAX);
	CHECK_EQ(get(CONFIG), 3);
	set(CONFIG, ENABLE);
	set(T0, UINT64_MAX);
	CHECK_EQ(get(T0) & 0xffffffff, 0x3f7e);
	set(T0, INTERRUPT);                                  /* route 0 without legacy: nowhere */
	set(T0 + COMPARATOR, get(COUNTER) + MS_TICKS);
	fake_advance(2 * MS);
	CHECK_EQ(fake.msis, 0);
	CHECK_EQ(fake_read(PLATFORM_HPET + 0x3f8, 8), 0);
	CHECK_EQ(fake_read(PLATFORM_HPET + 0x4, 8), 0);      /* over the end of a register */
}
