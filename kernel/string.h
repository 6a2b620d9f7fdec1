/* SPDX-License-Identifier: Apache-2.0 */
/* The memory functions that the compiler itself calls, for ring 0 (tests on the host have libc's). */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int value, size_t len);
