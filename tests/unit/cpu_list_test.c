/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of processors as text, both ways. What is refused: tests/unit/conf_test.c.
 * sources: lib/cpu_list.c lib/fmt.c
 */
#include "lib/cpu_list.h"
#include "tests/unit/check.h"

TEST(lists_are_printed_as_short_as_they_go)
{
	static const struct { uint32_t mask; const char *text; } rows[] = {
		{ 0, "none" }, { 1, "0" }, { 0xd, "0,2-3" }, { ~0u, "0-31" }, { 1u << 31, "31" }, { 0x80000001, "0,31" },
		{ 0x3, "0-1" },
		{ 0xdb6db6dd, "0,2-4,6-7,9-10,12-13,15-16,18-19,21-22,24-25,27-28,30-31" },
	};
	char text[CPU_LIST_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_STR(cpu_list_print(rows[i].mask, text), rows[i].text);
	}
}

TEST(what_is_printed_is_read_back)
{
	uint32_t mask = 1, back = 0;
	char text[CPU_LIST_TEXT];

	for (int i = 0; i < 10000; i++) {
		mask = mask * 1664525 + 1013904223;
		CHECK(cpu_list_parse(cpu_list_print(mask | 1, text), &back));
		CHECK_EQ(back, mask | 1);
	}
}
