/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of processors, or of other small numbers, as text: numbers and ranges of numbers, "0,2-3". */
#pragma once

#include "lib/base.h"

enum {
	CPU_LIST_MAX = 32,           /* numbers are below                                            */
	CPU_LIST_TEXT = 64,          /* bytes that the longest list takes when written, with the NUL */
};

/* Bit n of *mask: number n is in the list. False, and *mask untouched: the text is no such list. */
bool cpu_list_parse(const char *text, uint32_t *mask) MUST_CHECK;

/* The list of a mask, as short as it goes; "none" for 0. Returns text. */
const char *cpu_list_print(uint32_t mask, char text[CPU_LIST_TEXT]);
