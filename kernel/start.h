/* SPDX-License-Identifier: Apache-2.0 */
/* From boot to init. */
#pragma once

#include "lib/base.h"

/*
 * Makes init of the first packed program, with all programs and all physical addresses that are not ring 0's in its hands,
 * and runs it, interrupts off, with IOPL 3. The arguments are what the loader left in eax and ebx; init looks at it.
 */
_Noreturn void kernel_start(uint32_t loader_magic, uint32_t loader_info);
