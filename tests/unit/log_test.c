/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel log: lines cut and stamped, the ring read from any position, the serial line given up and taken back.
 * sources: kernel/log.c lib/fmt.c
 */
#include "arch/x86/dev/serial.h"
#include "arch/x86/time/clock.h"
#include "kernel/log.h"
#include "tests/unit/check.h"

static char line[4 * LOG_SIZE];
static size_t line_len;
static bool taken;

uint64_t clock_ns(void)
{
	return 12345678901;
}

bool serial_taken(void)
{
	return taken;
}

void serial_write_sync(const char *text, size_t len)
{
	memcpy(line + line_len, text, len);
	line_len += len;
}

static void check_last(const char *want)
{
	CHECK(line_len >= strlen(want));
	CHECK_MEM(line + line_len - strlen(want), want, strlen(want));
}

TEST(a_line_has_time_and_end)
{
	log_printf("boot %d", 7);
	check_last("[  12.345678] boot 7\n");
}

TEST(a_long_line_is_cut_and_still_ends)
{
	char text[2 * LOG_LINE_MAX];

	memset(text, 'x', sizeof(text));
	line_len = 0;
	log_printf("%.*s", (int)sizeof(text), text);
	CHECK_EQ(line_len, LOG_LINE_MAX);
	check_last("xx\n");
}

TEST(programs_cannot_send_control_sequences)
{
	log_write("a\033[2Jb\tc\r\177\n", 11);
	check_last("a?[2Jb\tc??\n");
}

TEST(the_line_belongs_to_a_program_until_it_is_taken_back)
{
	line_len = 0;
	taken = true;
	log_printf("unseen");
	CHECK_EQ(line_len, 0);
	taken = false;
	log_printf("seen");
	check_last("seen\n");
}

TEST(the_ring_keeps_the_newest)
{
	static char all[2 * LOG_SIZE];
	uint64_t pos = 0;
	size_t n = 0, part;

	for (unsigned i = 0; i < 2000; i++) {
		log_printf("line %u", i);
	}
	while ((part = log_read(&pos, all + n, 100)) != 0) {
		n += part;
	}
	CHECK_EQ(n, LOG_SIZE);
	CHECK_MEM(all + n - 10, "line 1999\n", 10);
	CHECK_EQ(log_read(&pos, all, sizeof(all)), 0);
	log_write("more\n", 5);
	CHECK_EQ(log_read(&pos, all, sizeof(all)), 5);
	CHECK_MEM(all, "more\n", 5);
}
