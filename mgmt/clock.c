/* SPDX-License-Identifier: Apache-2.0 */
/* The time of day: see clock.h. The calendar is the proleptic Gregorian one, without leap seconds (POSIX 2017, 4.16). */
#include "mgmt/clock.h"

#include <string.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/platform_time.h>

#include "mgmt/platform.h"

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull

static struct {
	uint64_t boot_ns;            /* as the machine told                                          */
	uint64_t base_ns;            /* as it is believed now: wall clock at platform_now_ns() 0     */
	uint64_t floor_s;
} wall;

void clock_init(uint64_t wall_ns, uint64_t floor_s)
{
	wall.boot_ns = wall_ns;
	wall.base_ns = wall_ns;
	wall.floor_s = floor_s;
}

uint64_t clock_wall_ns(void)
{
	return wall.base_ns + platform_now_ns();
}

bool clock_is_set(void)
{
	return wall.base_ns && clock_wall_ns() / NS_PER_S >= wall.floor_s;
}

void clock_set_sntp(uint32_t seconds, uint32_t microseconds)
{
	uint64_t told = seconds * NS_PER_S + microseconds * 1000ull, now = platform_now_ns();
	uint64_t by_machine = wall.boot_ns + now;
	uint64_t apart = told > by_machine ? told - by_machine : by_machine - told;

	if (apart > CLOCK_SNTP_S * NS_PER_S || seconds < wall.floor_s) {
		platform_log("the time server's clock is %llu s from this machine's: not believed",
			     (unsigned long long)(apart / NS_PER_S));
		return;
	}
	wall.base_ns = told - now;
}

time_t mgmt_time(time_t *out)
{
	time_t now = (time_t)(clock_wall_ns() / NS_PER_S);

	if (out) {
		*out = now;
	}
	return now;
}

mbedtls_ms_time_t mbedtls_ms_time(void)
{
	return (mbedtls_ms_time_t)(platform_now_ns() / NS_PER_MS);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int month, int year)
{
	static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month] + (month == 1 && is_leap(year));
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *tt, struct tm *tm)
{
	int64_t left = *tt / 86400;
	int second = (int)(*tt % 86400), year = 1970, month = 0;

	if (*tt < 0) {
		return NULL;
	}
	memset(tm, 0, sizeof(*tm));
	while (left >= 365 + is_leap(year)) {
		left -= 365 + is_leap(year);
		year++;
	}
	while (left >= days_of(month, year)) {
		left -= days_of(month, year);
		month++;
	}
	tm->tm_year = year - 1900;
	tm->tm_mon = month;
	tm->tm_mday = (int)left + 1;
	tm->tm_hour = second / 3600;
	tm->tm_min = second / 60 % 60;
	tm->tm_sec = second % 60;
	return tm;
}
