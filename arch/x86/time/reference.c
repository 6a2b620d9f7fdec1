/* SPDX-License-Identifier: Apache-2.0 */
/* HPET (IA-PC HPET 1.0a, 2.3), PM timer (ACPI 6.5, 4.8.3.3), PIT (8254 data sheet): see reference.h. */
#include "arch/x86/time/reference.h"

#include "arch/x86/acpi/acpi.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"

enum { HPET_CAPABILITIES = 0x00, HPET_CONFIG = 0x10, HPET_COUNTER = 0xf0 };      /* bytes */
enum { HPET_ENABLE = 1, HPET_LEGACY = 2 };
enum { PM_TIMER_HZ = 3579545, PIT_HZ = 1193182 };
enum { PIT_CHANNEL2 = 0x42, PIT_MODE = 0x43, PIT_GATE = 0x61 };

#define HPET_PERIOD_MAX 0x05f5e100u     /* femtoseconds: 100 ns */
#define FEMTO           1000000000000000ull

static volatile uint8_t *hpet;

static uint64_t hpet_read(void)
{
	return *(volatile uint32_t *)(hpet + HPET_COUNTER);
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
struct reference reference_pit(void)
{
	outb(PIT_GATE, (uint8_t)((inb(PIT_GATE) & ~2u) | 1u));
	outb(PIT_MODE, 0xb4);
	outb(PIT_CHANNEL2, 0);
	outb(PIT_CHANNEL2, 0);
	return (struct reference){ "PIT", PIT_HZ, 0xffff, pit_read };
}

/* 0: there is none, or its numbers make no sense, or it does not count. */
static uint64_t hpet_start(void)
{
	uint32_t period;
	uint64_t first;

	hpet = acpi_info.hpet.v ? mmio_map(acpi_info.hpet, PAGE_SIZE) : NULL;
	if (!hpet) {
		return 0;
	}
	period = *(volatile uint32_t *)(hpet + HPET_CAPABILITIES + 4);
	if (!period || period > HPET_PERIOD_MAX) {
		return 0;
	}
	*(volatile uint32_t *)(hpet + HPET_CONFIG) =
		(*(volatile uint32_t *)(hpet + HPET_CONFIG) & ~(uint32_t)HPET_LEGACY) | HPET_ENABLE;
	first = hpet_read();
	for (unsigned spins = 0; spins < 10000; spins++) {
		if (hpet_read() != first) {
			return FEMTO / period;
		}
	}
	return 0;
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
	return reference_pit();
}
