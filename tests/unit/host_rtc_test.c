/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates to seconds.
 * sources: init/rtc.c
 */
#include <time.h>

#include "init/rtc.h"
#include "tests/unit/check.h"

TEST(every_day_as_the_c_library_counts)
{
	for (uint64_t day = 0; day < 83000; day++) {
		time_t t = (time_t)(day * 86400 + day % 86400);
		struct tm tm;

		gmtime_r(&t, &tm);
		CHECK_EQ(rtc_seconds((unsigned)tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday,
				     (unsigned)tm.tm_hour, (unsigned)tm.tm_min, (unsigned)tm.tm_sec), t);
	}
}

TEST(fields_out_of_range)
{
	CHECK_EQ(rtc_seconds(1969, 1, 1, 0, 0, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 0, 1, 0, 0, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 13, 1, 0, 0, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 1, 0, 0, 0, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 1, 32, 0, 0, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 1, 1, 24, 0, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 1, 1, 0, 60, 0), 0);
	CHECK_EQ(rtc_seconds(2026, 1, 1, 0, 0, 61), 0);
}
