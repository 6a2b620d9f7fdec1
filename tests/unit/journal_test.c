/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines of a log, read while they are written.
 * sources: lib/journal.c
 */
#include <stdio.h>

#include "lib/journal.h"
#include "tests/unit/check.h"

static struct journal journal;
static char text[JOURNAL_BYTES + 1];

static void put(const char *line)
{
	journal_put(&journal, line, strlen(line));
}

static size_t take(void)
{
	size_t len = journal_take(&journal, text);

	text[len] = '\0';
	return len;
}

TEST(what_was_written_is_read)
{
	memset(&journal, 0, sizeof(journal));
	CHECK_EQ(take(), 0);
	put("one\n");
	put("two\n");
	take();
	CHECK_STR(text, "one\ntwo\n");
}

TEST(of_much_the_last_whole_lines_are_read)
{
	char line[64], last[64];
	unsigned first;
	size_t len;

	for (unsigned i = 0; i < 10000; i++) {
		snprintf(last, sizeof(last), "line %u\n", i);
		put(last);
	}
	len = take();
	CHECK(len > JOURNAL_BYTES - 2 * JOURNAL_PIECE && len <= JOURNAL_BYTES - JOURNAL_PIECE);
	CHECK(sscanf(text, "line %u\n", &first) == 1);
	snprintf(line, sizeof(line), "line %u\n", first);
	CHECK(strncmp(text, line, strlen(line)) == 0);
	CHECK_STR(text + len - strlen(last), last);
}

TEST(a_line_that_is_too_long_is_cut)
{
	static char large[JOURNAL_BYTES];

	memset(&journal, 0, sizeof(journal));
	memset(large, 'x', sizeof(large));
	journal_put(&journal, large, sizeof(large));
	CHECK_EQ(journal.end, JOURNAL_PIECE);
}
