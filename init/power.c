/* SPDX-License-Identifier: Apache-2.0 */
/* Power-off: see power.h. */
#include "init/power.h"

#include "init/ports.h"
#include "lib/user/sys.h"

enum { PM1_SCI_EN = 1 << 0, PM1_SLP_TYP_SHIFT = 10, PM1_SLP_EN = 1 << 13 };
enum { ACPI_ENABLE_MS = 300, OBEY_MS = 100, UART_MS = 2 };      /* 17 bytes of 87 us */

/* Busy: what comes next is the end. */
static void delay_ms(unsigned ms)
{
	uint64_t end = sys_clock(NULL) + ms * 1000000ull;

	while (sys_clock(NULL) < end) {
		__builtin_ia32_pause();
	}
}

/* PM1 control means nothing to the machine until the firmware has handed it over. */
static void acpi_mode_on(const struct acpi_info *a)
{
	if (!a->smi_command || !a->acpi_enable || (port_in16(a->pm1a_control) & PM1_SCI_EN)) {
		return;
	}
	port_out8(a->smi_command, a->acpi_enable);
	for (unsigned ms = 0; ms < ACPI_ENABLE_MS && !(port_in16(a->pm1a_control) & PM1_SCI_EN); ms++) {
		delay_ms(1);
	}
}

static void sleep_type(uint16_t port, uint8_t type)
{
	uint16_t old = port_in16(port) & (uint16_t)~(7u << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
	uint16_t val = (uint16_t)(old | (unsigned)type << PM1_SLP_TYP_SHIFT);

	port_out16(port, val);
	port_out16(port, val | PM1_SLP_EN);
}

void power_off(const struct acpi_info *a)
{
	if (!a->s5_found || !a->pm1a_control) {
		return;
	}
	delay_ms(UART_MS);           /* the last words leave the UART */
	acpi_mode_on(a);
	if (a->pm1b_control) {
		sleep_type(a->pm1b_control, a->s5_b);
	}
	sleep_type(a->pm1a_control, a->s5_a);
	delay_ms(OBEY_MS);
}
