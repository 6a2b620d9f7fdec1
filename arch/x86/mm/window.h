/* SPDX-License-Identifier: Apache-2.0 */
/* Short looks at physical memory that the kernel does not map, through one page window per CPU. IF=0 throughout. */
#pragma once

#include "lib/base.h"

struct pt;

/* Makes the table of all CPUs' windows in the kernel's own. Panics when the boot arena is empty. */
void window_init(struct pt *kernel);

/* Copy between kernel memory and physical memory, across pages. For boot and small things. */
void phys_read(hpa_t pa, void *buf, size_t len);
void phys_write(hpa_t pa, const void *buf, size_t len);

/* Zeroes whole pages. */
void phys_zero(hpa_t pa, size_t pages);
