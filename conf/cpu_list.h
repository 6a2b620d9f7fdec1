/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of processors: numbers and ranges of numbers, "0,2-3". */
#pragma once

#include "lib/base.h"

/* Bit n of *mask: number n, below CONF_CPUS_MAX, is in the list. False, and *mask untouched: the text is no such list. */
bool cpu_list_parse(const char *text, uint32_t *mask) MUST_CHECK;
