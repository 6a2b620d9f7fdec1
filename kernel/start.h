/* SPDX-License-Identifier: Apache-2.0 */
/* From boot to init. */
#pragma once

struct boot_info;

/* Makes init of the first packed program with all RAM, modules and programs in its hands, and runs it. */
_Noreturn void kernel_start(const struct boot_info *bi);
