/* SPDX-License-Identifier: Apache-2.0 */
/* A panic's report on the screen: see report.h. */
#include "console/report.h"

#include <string.h>

#include "console/video.h"

static struct video paper;

static void put(const char *text, size_t len)
{
	video_put(&paper, (const uint8_t *)text, len);
	video_put(&paper, (const uint8_t *)"\r\n", 2);
}

/* Rows that len characters take. */
static unsigned rows_of(size_t len)
{
	return len ? (unsigned)((len + paper.columns - 1) / paper.columns) : 1;
}

void report_draw(const struct node_video *mode, void *memory, const char *text)
{
	static const char heading[] = "[brume] The run before this one ended in a panic:";
	size_t at = 0, end = strnlen(text, NODE_REPORT);

	video_init(&paper, mode, memory);
	if (!paper.memory) {
		return;
	}
	put(heading, sizeof(heading) - 1);
	while (at < end) {
		const char *feed = memchr(text + at, '\n', end - at);
		size_t len = feed ? (size_t)(feed - (text + at)) : end - at;

		if (paper.row + rows_of(len) >= paper.rows) {
			break;
		}
		put(text + at, len);
		at += len + 1;
	}
	video_draw(&paper);
}
