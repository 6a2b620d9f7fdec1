/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the I/O APIC, with lines that go up and down and ends of interrupts.
 * sources: vmm/ioapic.c vmm/regs.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/ioapic.h"
#include "vmm/platform.h"

static struct ioapic ioapic;

static int init(void)
{
	return ioapic_init(&ioapic, &fake.mmio, PLATFORM_IOAPIC);
}

/* Bit 7: EOI of one of the low vectors; else bit 6 is the level of the pin in bits 0-4. */
static void event(uint8_t argument)
{
	if (argument & 0x80) {
		ioapic_eoi(&ioapic, argument & 0x7f);
	} else {
		ioapic_set(&ioapic, (argument & 31) % IOAPIC_PINS, argument & 0x40);
	}
	device_fuzz_check(!memcmp(fake.eoi_bitmap, ioapic.eoi_bitmap, sizeof(fake.eoi_bitmap)));
	device_fuzz_check(!fake.msis || fake.msi.address >> 20 == 0xfee);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
