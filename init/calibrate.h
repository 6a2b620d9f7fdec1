/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which clock the machine gets, and how fast its TSC is. The TSC when it is invariant, or when a hypervisor is below us and
 * two windows of calibration agree; else the HPET, else the ACPI PM timer. Calibrated against HPET or PM timer, never from
 * CPUID.
 */
#pragma once

#include "init/acpi.h"

struct machine_setup;

/*
 * Fills the clock's fields of *m (at most 30 ms) and logs the choice. NULL, or the sentence that says why this machine cannot
 * be had.
 */
const char *calibrate(const struct acpi_info *acpi, struct machine_setup *m);
