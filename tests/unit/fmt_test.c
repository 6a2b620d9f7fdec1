/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/fmt against the C library: the same text and the same length for every conversion that both know.
 * sources: lib/fmt.c
 */
#include <stdio.h>

#include "lib/fmt.h"
#include "tests/unit/check.h"

/* Both print the same; gcc checks the formats of both. */
#define SAME(...) \
	do { \
		char want[128], got[128]; \
		int want_len = snprintf(want, sizeof(want), __VA_ARGS__); \
		size_t got_len = fmt_print(got, sizeof(got), __VA_ARGS__); \
		CHECK_STR(got, want); \
		CHECK_EQ(got_len, want_len); \
	} while (0)

TEST(integers)
{
	static const int64_t values[] = { 0, 1, -1, 9, 10, 255, 4096, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long long v = values[i];

		SAME("%d|%i|%u|%x|%X", (int)v, (int)v, (unsigned)v, (unsigned)v, (unsigned)v);
		SAME("%lld|%llu|%llx|%#llx|%#llX", v, (unsigned long long)v, (unsigned long long)v, (unsigned long long)v,
		     (unsigned long long)v);
		SAME("%ld|%lu|%zu|%hd|%hu|%hhd|%hhu", (long)v, (unsigned long)v, (size_t)v, (short)v, (unsigned short)v,
		     (signed char)v, (unsigned char)v);
	}
}

TEST(width_precision_and_flags)
{
	SAME("%5d|%-5d|%05d|%+d|% d|%+5d|%-+5d|", 42, 42, 42, 42, 42, 42, 42);
	SAME("%5d|%05d|%-5d|%.3d|%8.3d|%-8.3d|%+08d|", -7, -7, -7, -7, -7, -7, -7);
	SAME("%08x|%#010x|%-#10x|%.8X|%#.4x|", 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu);
	SAME("%.0d|%.0x|%#x|%5.0d|", 0, 0u, 0u, 0);
	SAME("%*d|%-*d|%*d|%.*d|%.*d|", 6, 42, 6, 42, -6, 42, 4, 42, -1, 42);
	SAME("%016llx", 0x123456789abcdefull);
}

TEST(text)
{
	SAME("%s|%10s|%-10s|%.2s|%10.2s|%.*s|", "hello", "hello", "hello", "hello", "hello", 3, "hello");
	SAME("%c|%5c|%-5c|%%|", 'x', 'y', 'z');
	SAME("%s", "");
	SAME("no conversion at all");
}

TEST(precision_bounds_an_unterminated_string)
{
	static const char raw[3] = { 'a', 'b', 'c' };
	char got[8];

	CHECK_EQ(fmt_print(got, sizeof(got), "%.3s", raw), 3);
	CHECK_STR(got, "abc");
}

TEST(what_does_not_fit_is_cut_and_counted)
{
	char buf[8];

	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(fmt_print(buf, 4, "%s", "abcdef"), 6);
	CHECK_STR(buf, "abc");
	CHECK_EQ(buf[4], 'x');
	CHECK_EQ(fmt_print(buf, 1, "%d", 12345), 5);
	CHECK_STR(buf, "");
	CHECK_EQ(fmt_print(NULL, 0, "%d", 12345), 5);
}

/* The format is a variable: the compiler would refuse these. */
static size_t print_unchecked(char *out, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = fmt_vprint(out, size, fmt, args);
	va_end(args);
	return len;
}

TEST(odd_formats_end_without_harm)
{
	char got[16];

	print_unchecked(got, sizeof(got), "100%");
	CHECK_STR(got, "100");
	print_unchecked(got, sizeof(got), "%5");
	CHECK_STR(got, "");
	print_unchecked(got, sizeof(got), "%s", (char *)NULL);
	CHECK_STR(got, "(null)");
	print_unchecked(got, sizeof(got), "%y%d", 5);
	CHECK_STR(got, "y5");
}
