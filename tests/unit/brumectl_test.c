/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What brumectl shows: sizes, progress, paths of brumed's API.
 * sources: opennebula/brumectl/show.c opennebula/brumectl/ask.c opennebula/brumectl/progress.c opennebula/brumectl/terminal.c
 * sources: opennebula/lib/memory.c opennebula/lib/paths.c opennebula/lib/local.c
 * system: curl jansson
 */
#include <stdio.h>
#include <stdlib.h>

#include "opennebula/brumectl/ctl.h"
#include "opennebula/brumectl/progress.h"
#include "tests/unit/check.h"

TEST(sizes_are_short)
{
	static const struct { uint64_t bytes; const char *text; } rows[] = {
		{ 0, "0" }, { 1023, "1023" }, { 1024, "1.0K" }, { 1536, "1.5K" }, { 1048575, "1.0M" }, { 5ull << 30, "5.0G" }, { UINT64_MAX, "16.0E" },
	};
	char text[16];

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_STR(ctl_size(rows[i].bytes, text), rows[i].text);
	}
}

TEST(paths_hold_any_name)
{
	char *path = CTL_PATH("/nodes/%s/v1/vms/%s/start", "rack 1", "../x?y");

	CHECK_STR(path, "/nodes/rack%201/v1/vms/..%2Fx%3Fy/start");
	free(path);
}

TEST(progress_tells_how_far_and_how_fast)
{
	struct progress p = { .what = "sending disk.img", .total = 4 << 20, .first = 1 << 20, .done = 3 << 20, .began_ms = 1000 };
	char line[128];

	progress_line(&p, 3000, line, sizeof(line));
	CHECK_STR(line, "sending disk.img               [##################      ]  75%    3.0M    1.0M/s");
	p.total = 0;
	progress_line(&p, 1000, line, sizeof(line));
	CHECK(strstr(line, "3.0M") && !strchr(line, '%'));
	p = (struct progress){ .what = "a name that is much longer than what there is room for", .total = 1, .done = 5, .began_ms = 0 };
	progress_line(&p, 1, line, sizeof(line));
	CHECK(strstr(line, "100%"));
}

TEST(who_cannot_be_asked_is_unreachable)
{
	struct local_answer answer;
	struct ctl ctl = { 0 };

	setenv("BRUMED_SOCKET", "/nowhere/at/all", 1);
	CHECK_EQ(ctl_ask("GET", CTL_PATH("/nodes", ""), NULL, &answer), CTL_UNREACHABLE);
	CHECK_EQ(ctl_do(&ctl, "DELETE", CTL_PATH("/nodes/%s", "x"), NULL, NULL), CTL_UNREACHABLE);
}
