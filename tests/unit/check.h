/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests on the host. A file tests/unit/X_test.c names what it links in a comment of its own:
 *
 *	sources: vmm/pic.c lib/channel.c
 *
 * and holds tests, each of which runs in the order of the file:
 *
 *	TEST(masked_line_does_not_interrupt)
 *	{
 *		CHECK_EQ(pic_pending(&pic), -1);
 *	}
 *
 * A failed check ends its test, not the program. Everything runs under ASan and UBSan.
 */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct check_test {
	const char *name;
	void (*run)(void);
	struct check_test *next;
};

/* Adds one test; TEST does it before main. The struct stays linked for the program's life. */
void check_register(struct check_test *test);

/* Reports file:line and what was expected, then ends the running test. */
void check_fail(const char *file, int line, const char *what) __attribute__((noreturn));
void check_fail_eq(const char *file, int line, const char *what, int64_t got, int64_t want) __attribute__((noreturn));

#define TEST(test_name)                                                                          \
	static void test_name(void);                                                             \
	__attribute__((constructor)) static void register_##test_name(void)                      \
	{                                                                                        \
		static struct check_test entry = { .name = #test_name, .run = test_name };       \
                                                                                                 \
		check_register(&entry);                                                          \
	}                                                                                        \
	static void test_name(void)

#define CHECK(condition)                                                                         \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			check_fail(__FILE__, __LINE__, #condition);                              \
		}                                                                                \
	} while (0)

/* Integers of any type; printed in decimal and hexadecimal. */
#define CHECK_EQ(got, want)                                                                      \
	do {                                                                                     \
		int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                          \
                                                                                                 \
		if (got_ != want_) {                                                             \
			check_fail_eq(__FILE__, __LINE__, #got " == " #want, got_, want_);       \
		}                                                                                \
	} while (0)

#define CHECK_STR(got, want) CHECK(strcmp((got), (want)) == 0)
#define CHECK_MEM(got, want, len) CHECK(memcmp((got), (want), (len)) == 0)
