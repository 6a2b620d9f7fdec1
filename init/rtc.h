/* SPDX-License-Identifier: Apache-2.0 */
/* The battery clock, read once. MC146818A. */
#pragma once

#include "lib/base.h"

/* Nanoseconds since 1970-01-01 UTC: the battery clock, taken as UTC; never before the build date. */
uint64_t rtc_wall_ns(void);

/* The build date, seconds since 1970-01-01 UTC. */
uint64_t rtc_build_seconds(void);

/* Seconds since 1970-01-01 UTC of a date; pure. 0 when a field is out of range. */
uint64_t rtc_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second);
