/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log: a ring in memory, and the serial line while no program has that.
 * Any context with interrupts off. Calls of several CPUs come one after the other, unless one of them hangs.
 */
#pragma once

#include "lib/base.h"

enum { LOG_SIZE = 16384, LOG_LINE_MAX = 256 };

/* One line, time-stamped once the clock runs; the newline is added. Cut at LOG_LINE_MAX bytes. */
void log_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Text as it is (SYS_LOG: a program's). Control characters but newline and tab become '?'. */
void log_write(const char *text, size_t len);

/*
 * Copies log bytes from position *pos on, moves *pos behind them; a position that was overwritten jumps to
 * the oldest byte. Returns the count, 0 at the end. Start with 0.
 */
size_t log_read(uint64_t *pos, char *buf, size_t size);
