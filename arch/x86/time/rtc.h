/* SPDX-License-Identifier: Apache-2.0 */
/* The battery clock, read once. MC146818A. */
#pragma once

#include "lib/base.h"

/* Seconds since 1970-01-01 UTC, the RTC taken as UTC. 0 when it gives no valid date. */
uint64_t rtc_read(void);

/* The same of a date; pure. 0 when a field is out of range. */
uint64_t rtc_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);
