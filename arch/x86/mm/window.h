/* SPDX-License-Identifier: Apache-2.0 */
/* Short looks at physical memory that the kernel does not map: two page windows per CPU. IF=0 throughout. */
#pragma once

#include "lib/base.h"

enum { WINDOW_A, WINDOW_B, WINDOW_COUNT };

/* The page frame of pa through window which of this CPU, until the next window_open() of the same. RW, NX. */
void *window_open(unsigned which, hpa_t pa);

/* Copy between kernel memory and physical memory, across pages; uses WINDOW_A. For boot and small things. */
void phys_read(hpa_t pa, void *buf, size_t len);
void phys_write(hpa_t pa, const void *buf, size_t len);

/* Zeroes whole pages; uses WINDOW_A. */
void phys_zero(hpa_t pa, size_t pages);
