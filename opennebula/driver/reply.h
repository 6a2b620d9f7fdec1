/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver tells oned on its standard output: whole lines, one at a time, from any thread. Whatever is in a text, it
 * stays one line of characters that XML can hold: others become blanks and question marks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base.h"

/* Bytes of a sentence that goes to oned; what is longer is cut. */
enum { REPLY_TEXT = 4000 };

/* TYPE SUCCESS|FAILURE ID TEXT; an empty text is sent as `-`, by which drivers say nothing. */
void reply_result(const char *type, bool success, long id, const char *format, ...) PRINTF_LIKE(4, 5);

/* A line in the VM's log; level is one of D, I, W, E. With an id below 0: in oned's own. */
void reply_log(char level, long id, const char *format, ...) PRINTF_LIKE(3, 4);

/* One whole line as it is, without its newline, of any length. It is changed in place where that is needed to keep it one. */
void reply_line(char *text, size_t len);
