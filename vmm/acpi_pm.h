/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI fixed hardware: PM1a event and control blocks, PM timer, GPE0 block, power button. ACPI 6.5, 4.8.
 *
 * Always in ACPI mode: FADT SMI_CMD, ACPI_ENABLE and ACPI_DISABLE are 0 and SCI_EN reads as 1. FADT flags to set:
 * TMR_VAL_EXT (32-bit timer), RESET_REG_SUP (vmm/chipset.h), WBINVD; not PWR_BUTTON (0: fixed power button), but
 * SLP_BUTTON (1: none). The SCI is a level line: MADT override for GSI_SCI with level, active high.
 */
#pragma once

#include "vmm/device.h"

enum { ACPI_PM_TIMER_HZ = 3579545 };

struct acpi_pm {
	uint16_t pm1_status, pm1_enable, pm1_control;
	uint16_t gpe_status, gpe_enable;
	uint32_t seen_carries;       /* changes of the timer's top bit that TMR_STS has shown        */
	/* Host side. */
	struct vm_timer carry;       /* armed while the guest wants the timer's interrupt            */
	unsigned gsi;
	bool taken;                  /* the guest took the last press of the button                  */
	uint64_t pressed_ns;         /* when that was                                                */
};

enum { BUTTON_TAKEN_S = 90 };    /* a guest that took it is left alone for so long                   */

/* Claims the blocks at PORT_PM1A_EVT and PORT_GPE0. Errors of bus_add. */
int acpi_pm_init(struct acpi_pm *pm, struct bus *ports, unsigned gsi) MUST_CHECK;

/* The operator presses the power button: the guest is asked to power off. */
void acpi_pm_power_button(struct acpi_pm *pm);

/*
 * The same for an operator who still waits: if the guest did not take the last press, because it had not set ACPI up, or if it is on
 * BUTTON_TAKEN_S after it did. True: it was pressed.
 */
bool acpi_pm_power_button_again(struct acpi_pm *pm);
