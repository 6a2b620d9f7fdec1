/* SPDX-License-Identifier: Apache-2.0 */
/* Windows as mm_init() sees them. */
#pragma once

struct pt;

/* Makes the tables of all CPUs' windows in the kernel's own. Panics when the boot arena is empty. */
void window_init(struct pt *kernel);
