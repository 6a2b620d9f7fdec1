/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted text without a C library: %d %i %u %x %X %p %s %c %%, flags - 0 # + and space, width and
 * precision (also *), lengths hh h l ll z. No floating point, no %n.
 */
#pragma once

#include <stdarg.h>

#include "lib/base.h"

/* As vsnprintf: always terminated when size > 0; returns the length that the whole text has. */
size_t fmt_vprint(char *out, size_t size, const char *fmt, va_list args);

size_t fmt_print(char *out, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
