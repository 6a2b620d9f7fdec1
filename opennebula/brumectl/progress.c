/* SPDX-License-Identifier: Apache-2.0 */
/* How far a transfer is: see progress.h. */
#include "opennebula/brumectl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "opennebula/brumectl/ctl.h"

enum { LINE = 128, BAR = 24, EVERY_MS = 200, NAME_MOST = 30 };

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void progress_line(const struct progress *p, int64_t now_ms, char *line, size_t size)
{
	char done[16], rate[16], bar[BAR + 1];
	int64_t took_ms = now_ms > p->began_ms ? now_ms - p->began_ms : 1;
	uint64_t known = p->total > p->done ? p->total : p->done;
	unsigned filled = known ? (unsigned)(p->done * BAR / known) : 0;

	memset(bar, ' ', BAR);
	memset(bar, '#', filled);
	bar[BAR] = '\0';
	ctl_size(p->done, done);
	ctl_size((p->done - p->first) * 1000 / (uint64_t)took_ms, rate);
	if (p->total) {
		snprintf(line, size, "%-*.*s [%s] %3u%% %7s %7s/s", NAME_MOST, NAME_MOST, p->what, bar, (unsigned)(p->done * 100 / known), done, rate);
	} else {
		snprintf(line, size, "%-*.*s %7s %7s/s", NAME_MOST, NAME_MOST, p->what, done, rate);
	}
}

static void show(struct progress *p)
{
	char line[LINE];

	progress_line(p, now(), line, sizeof(line));
	fprintf(stderr, "\r%s", line);
	fflush(stderr);
}

void progress_begin(struct progress *p, const char *what, uint64_t total, uint64_t first)
{
	*p = (struct progress){ .what = what, .total = total, .first = first, .done = first, .began_ms = now(), .terminal = isatty(STDERR_FILENO) };
}

void progress_add(struct progress *p, uint64_t bytes)
{
	p->done += bytes;
	if (p->terminal && now() - p->shown_ms >= EVERY_MS) {
		p->shown_ms = now();
		show(p);
	}
}

void progress_end(struct progress *p)
{
	if (p->terminal && p->shown_ms) {
		show(p);
		fputc('\n', stderr);
	}
}
