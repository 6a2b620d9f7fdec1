/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the machine's day. ACPI 6.5, 4.8.3.2, 4.8.3.6, 16.1.7. Any context, interrupts off. */
#pragma once

#include "lib/base.h"

/* ACPI S5. Where the firmware gave no strict _S5_ or the machine does not obey: says so and halts. */
_Noreturn void power_off(void);

/* FADT reset register, then CF9h, then a triple fault. */
_Noreturn void power_reboot(void);
