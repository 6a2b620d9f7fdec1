/* SPDX-License-Identifier: Apache-2.0 */
/* The last lines of a log in memory that one program writes and others read, at the same time and unseen by it. */
#pragma once

#include "lib/base.h"

enum {
	JOURNAL_BYTES = 16384,       /* power of two                                                 */
	JOURNAL_PIECE = 512,         /* a line is no longer                                          */
};

struct journal {
	uint64_t end;                /* bytes ever written; told after them                          */
	char text[JOURNAL_BYTES];
};

/* Adds a line with its end, of JOURNAL_PIECE bytes at most. */
void journal_put(struct journal *j, const char *line, size_t len);

/* Copies what is there, whole lines only. Returns how many bytes stand at `to`, which has JOURNAL_BYTES; the writer may be at work. */
size_t journal_take(const struct journal *j, char *to);
