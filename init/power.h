/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the machine's day. ACPI 6.5, 4.8.3.2, 16.1.7. */
#pragma once

#include "init/acpi.h"

/* ACPI S5. Returns where the firmware gave no strict _S5_ or the machine does not obey within 100 ms. */
void power_off(const struct acpi_info *acpi);
