/* SPDX-License-Identifier: Apache-2.0 */
/* The battery clock: see rtc.h. */
#include "init/rtc.h"

#include <string.h>

#include "init/ports.h"

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71, CMOS_NMI_OFF = 0x80 };
enum { RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9, RTC_A = 10, RTC_B = 11 };
enum { RTC_A_UPDATING = 0x80, RTC_B_24H = 2, RTC_B_BINARY = 4, HOUR_PM = 0x80 };
enum { READ_TRIES = 1000 };

static uint8_t cmos(uint8_t reg)
{
	port_out8(CMOS_INDEX, CMOS_NMI_OFF | reg);
	return port_in8(CMOS_DATA);
}

static unsigned number(uint8_t raw, bool binary)
{
	return binary ? raw : (raw >> 4) * 10u + (raw & 15u);
}

static void read_raw(uint8_t raw[6])
{
	static const uint8_t reg[6] = { RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_DAY, RTC_MONTH, RTC_YEAR };

	for (size_t i = 0; i < ARRAY_SIZE(reg); i++) {
		raw[i] = cmos(reg[i]);
	}
}

uint64_t rtc_seconds(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second)
{
	/* Days before each month of a year that starts in March, so that the leap day is the last. */
	unsigned y, m, days;

	if (year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
	    second > 60) {
		return 0;
	}
	y = month > 2 ? year : year - 1;
	m = month > 2 ? month - 3 : month + 9;
	days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
	return ((days - 719468ull) * 24 + hour) * 3600 + minute * 60 + second;
}

static uint64_t decode(const uint8_t raw[6])
{
	uint8_t b = cmos(RTC_B);
	bool binary = b & RTC_B_BINARY;
	unsigned hour = number(raw[2] & (uint8_t)~HOUR_PM, binary), year = number(raw[5], binary);

	if (!(b & RTC_B_24H)) {
		hour = hour % 12 + (raw[2] & HOUR_PM ? 12 : 0);
	}
	/* Two digits: this software is younger than 2000, and its machines older than 2100. */
	return rtc_seconds(2000 + year, number(raw[4], binary), number(raw[3], binary), hour, number(raw[1], binary),
			   number(raw[0], binary));
}

/* Outside of an update nothing changes for 244 us; read twice because something below may hold us up for longer. */
static uint64_t read_seconds(void)
{
	uint8_t first[6], second[6];

	for (unsigned tries = READ_TRIES; tries; tries--) {
		bool updating = cmos(RTC_A) & RTC_A_UPDATING;

		read_raw(first);
		read_raw(second);
		if (!updating && !memcmp(first, second, sizeof(first))) {
			return decode(first);
		}
	}
	return 0;
}

/* Of digits and blanks. */
static unsigned digits(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		n = n * 10 + ((unsigned char)text[i] & 15u);
	}
	return n;
}

/* "Nov 20 2026", the compiler's __DATE__, which SOURCE_DATE_EPOCH fixes for reproducible builds. */
uint64_t rtc_build_seconds(void)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", date[] = __DATE__;
	unsigned month = 0;

	while (month < 11 && memcmp(months + 3 * month, date, 3) != 0) {
		month++;
	}
	return rtc_seconds(digits(date + 7, 4), month + 1, digits(date + 4, 2), 0, 0, 0);
}

uint64_t rtc_wall_ns(void)
{
	uint64_t seconds = read_seconds(), build = rtc_build_seconds();

	return (seconds > build ? seconds : build) * 1000000000;
}
