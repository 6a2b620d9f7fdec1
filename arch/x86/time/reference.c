/* SPDX-License-Identifier: Apache-2.0 */
/* HPET (IA-PC HPET 1.0a, 2.3), PM timer (ACPI 6.5, 4.8.3.3), PIT (8254 data sheet): see reference.h. */
#include "arch/x86/time/reference.h"

#include "arch/x86/acpi/acpi.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"

enum { HPET_PERIOD = 0x04 / 4, HPET_CONFIG = 0x10 / 4, HPET_COUNTER = 0xf0 / 4 };
enum { HPET_ENABLE = 1, HPET_LEGACY = 2, HPET_SPINS = 10000 };
enum { PM_TIMER_HZ = 3579545, PIT_HZ = 1193182 };
enum { PIT_CHANNEL2 = 0x42, PIT_MODE = 0x43, PIT_GATE = 0x61 };

#define HPET_PERIOD_MAX 0x05f5e100u     /* femtoseconds: 100 ns */
#define FEMTO           1000000000000000ull

static volatile uint32_t *hpet;

static uint64_t hpet_read(void)
{
	return hpet[HPET_COUNTER];
}

static uint64_t pm_timer_read(void)
{
	return inl(acpi_info.pm_timer);
}

static uint64_t pit_read(void)
{
	uint8_t low;

	outb(PIT_MODE, 0x80);           /* latch channel 2 */
	low = inb(PIT_CHANNEL2);
	return 0xffffu - ((unsigned)inb(PIT_CHANNEL2) << 8 | low);
}

/* Channel 2 with its gate on and the speaker off, mode 2, full range. */
static void pit_start(void)
{
	outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2u) | 1u));
	outb(PIT_MODE, 0xb4);
	outb(PIT_CHANNEL2, 0);
	outb(PIT_CHANNEL2, 0);
}

/* 0: there is none, or its numbers make no sense, or it does not count. */
static uint64_t hpet_start(void)
{
	uint64_t first;
	unsigned spins = HPET_SPINS;

	if (!acpi_info.hpet.v) {
		return 0;
	}
	hpet = mmio_map(acpi_info.hpet, PAGE_SIZE);
	if (!hpet[HPET_PERIOD] || hpet[HPET_PERIOD] > HPET_PERIOD_MAX) {
		return 0;
	}
	hpet[HPET_CONFIG] = (hpet[HPET_CONFIG] & ~(uint32_t)HPET_LEGACY) | HPET_ENABLE;
	first = hpet_read();
	while (hpet_read() == first && --spins) {
		cpu_relax();
	}
	return spins ? FEMTO / hpet[HPET_PERIOD] : 0;
}

struct reference reference_find(void)
{
	uint64_t hz = hpet_start();

	if (hz) {
		return (struct reference){ "HPET", hz, 0xffffffff, hpet_read };
	}
	if (acpi_info.pm_timer) {
		uint64_t mask = acpi_info.pm_timer_32bit ? 0xffffffff : 0xffffff;

		return (struct reference){ "PM timer", PM_TIMER_HZ, mask, pm_timer_read };
	}
	pit_start();
	return (struct reference){ "PIT", PIT_HZ, 0xffff, pit_read };
}
