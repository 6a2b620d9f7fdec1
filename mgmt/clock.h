/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time of day, for certificates: the machine's battery clock, corrected by SNTP within bounds. SNTP is not authenticated, so
 * it may only move the clock by CLOCK_SNTP_S, and never to before the build.
 */
#pragma once

#include <time.h>

#include "lib/base.h"

enum { CLOCK_SNTP_S = 24 * 3600 };

/* wall_ns: since 1970, at platform_now_ns() 0. floor_s: seconds since 1970 before which it cannot be. */
void clock_init(uint64_t wall_ns, uint64_t floor_s);

/* Nanoseconds since 1970. */
uint64_t clock_wall_ns(void);

/* Whether that is a time that can be: the machine has a battery clock, or a server told. */
bool clock_is_set(void);

/* What a server told. Beyond the bounds it is logged and ignored. */
void clock_set_sntp(uint32_t seconds, uint32_t microseconds);

/* mbedTLS' time(). */
time_t mgmt_time(time_t *out);
