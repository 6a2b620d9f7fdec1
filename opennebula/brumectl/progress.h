/* SPDX-License-Identifier: Apache-2.0 */
/* How far a transfer is: a line on standard error that is written over, where that is a terminal. */
#pragma once

#include "lib/base.h"

struct progress {
	const char *what;                /* "sending disk.img" */
	uint64_t total;                  /* bytes; 0: not known */
	uint64_t first, done;            /* where this run began; how far it is */
	int64_t began_ms, shown_ms;
	bool terminal;
};

void progress_begin(struct progress *p, const char *what, uint64_t total, uint64_t first);
void progress_add(struct progress *p, uint64_t bytes);

/* The line is taken away. */
void progress_end(struct progress *p);

/* The line, for a terminal of that many columns; now_ms of any clock that began_ms is of. */
void progress_line(const struct progress *p, int64_t now_ms, char *line, size_t size);
