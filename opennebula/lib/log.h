/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a program of the front-end: a file, syslog or standard error. A line of it is one message: control characters in what
 * others wrote become blanks. Thread-safe.
 */
#pragma once

#include "lib/base.h"

enum log_kind { LOG_KIND_ERROR, LOG_KIND_WARNING, LOG_KIND_INFO, LOG_KIND_DEBUG };

/*
 * Where messages of `name` go from now on. where: "syslog", "-" for standard error, or the path of a file, which is added to.
 * Messages above `most` are dropped. False, and standard error stays: the file cannot be opened.
 */
MUST_CHECK bool log_open(const char *name, const char *where, enum log_kind most);

/* Opens the file anew, after a rotation. */
void log_reopen(void);

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);
