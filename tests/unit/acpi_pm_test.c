/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI fixed hardware.
 * sources: vmm/acpi_pm.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/acpi_pm.h"
#include "vmm/platform.h"

enum { STATUS = PORT_PM1A_EVT, ENABLE = PORT_PM1A_EVT + 2, CONTROL = PORT_PM1A_CNT };

static struct acpi_pm pm;

static void fresh(void)
{
	fake_reset();
	CHECK_EQ(acpi_pm_init(&pm, &fake.ports, GSI_SCI), OK);
}

TEST(power_button_interrupts_until_it_is_cleared)
{
	fresh();
	fake_out(ENABLE, 2, 0x0100);
	CHECK(!fake.irq[9]);
	acpi_pm_power_button(&pm);
	CHECK(fake.irq[9]);
	CHECK_EQ(fake_in(STATUS, 2), 0x0100);
	fake_out(STATUS, 2, 0x0001);
	CHECK(fake.irq[9]);
	fake_out(STATUS, 2, 0x0100);
	CHECK(!fake.irq[9]);
	CHECK_EQ(fake_in(STATUS, 2), 0);
}

TEST(power_button_waits_for_a_guest_that_enables_it_later)
{
	fresh();
	acpi_pm_power_button(&pm);
	CHECK(!fake.irq[9]);
	fake_out(ENABLE, 2, 0x0120);
	CHECK(fake.irq[9]);
	CHECK_EQ(fake_in(STATUS, 4), 0x01200100);
	fake_outb(ENABLE + 1, 0);
	CHECK(!fake.irq[9]);
	CHECK_EQ(fake_in(ENABLE, 2), 0x0020);
}

TEST(power_button_is_pressed_again_only_for_a_guest_that_did_not_take_it)
{
	fresh();
	acpi_pm_power_button(&pm);
	fake_out(STATUS, 2, 0x0100);             /* it sets ACPI up */
	fake_out(ENABLE, 2, 0x0120);
	CHECK(!fake.irq[9]);
	CHECK(acpi_pm_power_button_again(&pm));
	CHECK(fake.irq[9]);
	CHECK(acpi_pm_power_button_again(&pm));
	fake_out(STATUS, 2, 0x0020);             /* another event's */
	CHECK(acpi_pm_power_button_again(&pm));
	fake_out(STATUS, 2, 0x0100);
	fake.now_ns += 89 * 1000000000ull;
	CHECK(!acpi_pm_power_button_again(&pm));
	CHECK(!fake.irq[9]);
	fake.now_ns += 1000000000;
	CHECK(acpi_pm_power_button_again(&pm));
	CHECK(fake.irq[9]);
	fake_out(STATUS, 2, 0x0100);
	CHECK(!acpi_pm_power_button_again(&pm));
	acpi_pm_power_button(&pm);
	CHECK(fake.irq[9]);
}

TEST(sleep)
{
	static const struct { const char *what; uint16_t port; unsigned size; uint32_t value; bool off; } row[] = {
		{ "S5",                      CONTROL,     2, 5 << 10 | 1 << 13,          true },
		{ "S5 by dword",             CONTROL,     4, 5 << 10 | 1 << 13,          true },
		{ "S5 by its byte",          CONTROL + 1, 1, (5 << 10 | 1 << 13) >> 8,   true },
		{ "type without enable",     CONTROL,     2, 5 << 10,                    false },
		{ "another sleep type",      CONTROL,     2, 1 << 10 | 1 << 13,          false },
		{ "low byte",                CONTROL,     1, 0xff,                       false },
		{ "across events and control", STATUS + 2, 4, (5u << 10 | 1 << 13) << 16, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake_out(row[i].port, row[i].size, row[i].value);
		CHECK_EQ(fake.ends, row[i].off);
		if (row[i].off) {
			CHECK_EQ(fake.end, VM_END_POWEROFF);
		}
	}
}

TEST(acpi_mode_cannot_be_left)
{
	fresh();
	CHECK_EQ(fake_in(CONTROL, 2), 1);
	fake_out(CONTROL, 2, 5 << 10);
	CHECK_EQ(fake_in(CONTROL, 2), 5 << 10 | 1);
	fake_out(CONTROL, 2, 0xffff & ~(1 << 13));
	CHECK_EQ(fake_in(CONTROL, 2), 0x1c03);
}

TEST(timer_counts_at_its_rate)
{
	static const struct { const char *what; uint64_t ns; uint32_t want; } row[] = {
		{ "zero",                0,              0 },
		{ "one second",          1000000000,     3579545 },
		{ "no rounding adds up", 1000000000000,  3579545000 },
		{ "wraps at 32 bits",    1200000000000,  (uint32_t)4295454000 },
		{ "a year",              31536000000000000, (uint32_t)(3579545ull * 31536000) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake.now_ns = row[i].ns;
		CHECK_EQ(fake_in(PORT_PM_TIMER, 4), row[i].want);
		fake_out(PORT_PM_TIMER, 4, 0);
		CHECK_EQ(fake_in(PORT_PM_TIMER, 4), row[i].want);
	}
}

TEST(timer_status_and_interrupt_at_half_its_range)
{
	enum { HALF_S = 600 };

	fresh();
	fake.now_ns = (HALF_S - 1) * 1000000000ull;
	CHECK_EQ(fake_in(STATUS, 2), 0);
	fake_out(ENABLE, 2, 1);
	fake_advance(1000000000);
	CHECK(fake.irq[9]);
	CHECK_EQ(fake_in(STATUS, 2), 1);
	fake_out(STATUS, 2, 1);
	CHECK(!fake.irq[9]);
	CHECK_EQ(fake_in(STATUS, 2), 0);
	fake_advance(HALF_S * 1000000000ull);
	CHECK_EQ(fake.rises[9], 2);
	fake_out(ENABLE, 2, 0);
	fake_out(STATUS, 2, 1);
	fake_advance(HALF_S * 1000000000ull);
	CHECK_EQ(fake_in(STATUS, 2), 1);     /* seen without its interrupt too */
	CHECK_EQ(fake.rises[9], 2);
}

TEST(general_purpose_events_never_happen)
{
	fresh();
	fake_out(PORT_GPE0, 4, 0xffffffff);
	CHECK_EQ(fake_in(PORT_GPE0, 4), 0xffff0000);
	CHECK(!fake.irq[9]);
}
