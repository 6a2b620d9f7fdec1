/* SPDX-License-Identifier: Apache-2.0 */
/* Power-off and reset: see power.h. */
#include "arch/x86/cpu/power.h"

#include "arch/x86/acpi/acpi.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/dev/serial.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "kernel/log.h"

enum { PM1_SCI_EN = 1 << 0, PM1_SLP_TYP_SHIFT = 10, PM1_SLP_EN = 1 << 13 };
enum { RESET_CONTROL = 0xcf9 };
enum { ACPI_ENABLE_MS = 300, OBEY_MS = 100 };

/* PM1 control means nothing to the machine until the firmware has handed it over. */
static void acpi_mode_on(const struct acpi_info *a)
{
	if (!a->smi_command || !a->acpi_enable || (inw(a->pm1a_control) & PM1_SCI_EN)) {
		return;
	}
	outb(a->smi_command, a->acpi_enable);
	for (unsigned ms = 0; ms < ACPI_ENABLE_MS && !(inw(a->pm1a_control) & PM1_SCI_EN); ms++) {
		clock_delay_us(1000);
	}
}

static void sleep_type(uint16_t port, uint8_t type)
{
	uint16_t old = inw(port) & (uint16_t)~(7u << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	uint16_t val = (uint16_t)(old | (unsigned)type << PM1_SLP_TYP_SHIFT);

	outw(port, val);
	outw(port, val | PM1_SLP_EN);
}

void power_off(void)
{
	const struct acpi_info *a = &acpi_info;

	cpu_cli();
	if (a->s5_found && a->pm1a_control) {
		acpi_mode_on(a);
		if (a->pm1b_control) {
			sleep_type(a->pm1b_control, a->s5_b);
		}
		sleep_type(a->pm1a_control, a->s5_a);
		clock_delay_us(OBEY_MS * 1000);
	}
	serial_set_notify(NULL);
	log_printf("power: this machine does not switch itself off; it is safe to do so by hand");
	cpu_halt_forever();
}

static void reset_by_fadt(const struct acpi_info *a)
{
	if (a->reset_is_port) {
		outb((uint16_t)a->reset, a->reset_value);
	} else {
		*(volatile uint8_t *)mmio_map(hpa(a->reset), 1) = a->reset_value;
	}
	clock_delay_us(OBEY_MS * 1000);
}

void power_reboot(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) no_idt = { 0, 0 };

	cpu_cli();
	if (acpi_info.reset) {
		reset_by_fadt(&acpi_info);
	}
	outb(RESET_CONTROL, 0x02);
	outb(RESET_CONTROL, 0x06);
	clock_delay_us(OBEY_MS * 1000);
	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
	cpu_halt_forever();
}
