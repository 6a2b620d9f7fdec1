/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the ACPI fixed hardware, with a power button.
 * sources: vmm/acpi_pm.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/acpi_pm.h"

static struct acpi_pm pm;

static int init(void)
{
	return acpi_pm_init(&pm, &fake.ports, 9);
}

static void event(uint8_t argument)
{
	(void)argument;
	acpi_pm_power_button(&pm);
	device_fuzz_check(!(pm.pm1_enable & 0x100) || fake.irq[9]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
