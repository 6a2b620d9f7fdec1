/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord's requests, done against a brumed of ours.
 * sources: opennebula/driver/line.c opennebula/driver/driver.c opennebula/driver/queue.c opennebula/driver/ask.c opennebula/driver/reply.c
 * sources: opennebula/one_im_brume/monitor.c opennebula/lib/memory.c opennebula/lib/local.c opennebula/lib/paths.c opennebula/lib/log.c
 * sources: opennebula/lib/encode.c tests/fake/one_brumed.c
 * system: curl jansson z
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "opennebula/driver/ask.h"
#include "opennebula/driver/driver.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/log.h"
#include "opennebula/one_im_brume/monitor.h"
#include "tests/fake/one_brumed.h"
#include "tests/unit/check.h"

/* A request as monitord writes it, with payload packed, or as it is. Its work is done here, in no thread; what it says is returned. */
static const char *request(const char *type, const char *payload, bool pack, const char *refusal)
{
	static char said[4096];
	struct line_request line = { .numbered = true, .id = 3 };
	struct request r = { .id = 3 };
	struct buffer text = { 0 };
	int ends[2], kept;
	ssize_t n;

	if (pack) {
		payload_encode(&text, payload, strlen(payload));
	} else {
		buffer_text(&text, payload);
	}
	snprintf(line.type, sizeof(line.type), "%s", type);
	snprintf(r.type, sizeof(r.type), "%s", type);
	r.payload = text.at;
	r.len = text.len;
	CHECK_EQ(pipe(ends), 0);
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	if (refusal) {
		monitor_refuse(&line, refusal);
	} else {
		monitor_work(&r);
	}
	dup2(kept, STDOUT_FILENO);
	close(kept);
	n = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	said[n > 0 ? n : 0] = '\0';
	buffer_free(&text);
	return said;
}

/* The next line of *said is this one, with a timestamp of now and a payload that holds text. */
static void check_line(const char **said, const char *head, const char *text)
{
	struct buffer got = { 0 };
	const char *end = strchr(*said, '\n');
	size_t len = strlen(head);
	char *payload;

	CHECK(end);
	CHECK_MEM(*said, head, len);
	CHECK(labs(strtol(*said + len, &payload, 10) - (long)time(NULL)) < 100);
	CHECK_EQ(*payload, ' ');
	CHECK(payload_decode(&got, payload + 1, (size_t)(end - payload - 1), 4096));
	CHECK_STR(buffer_string(&got), text);
	buffer_free(&got);
	*said = end + 1;
}

static void start(void)
{
	static bool started;

	if (!started) {
		CHECK(log_open("test", "/dev/null", LOG_KIND_ERROR));
		one_brumed_start();
		ask_start(1);
		queue_start(monitor_work, 1);
		started = true;
	}
	one_brumed_reset();
}

TEST(what_brumed_says_goes_to_monitord)
{
	char log[256];
	const char *said;

	start();
	one_brumed_rule("/start", 200, "<MONITOR_MESSAGES></MONITOR_MESSAGES>");
	said = request("START_MONITOR", "<MONITOR_DRIVER_ACTION/>", true, NULL);
	check_line(&said, "START_MONITOR SUCCESS 3 ", "<MONITOR_MESSAGES></MONITOR_MESSAGES>");
	CHECK_STR(said, "");
	said = request("STOP_MONITOR", "<MONITOR_DRIVER_ACTION/>", true, NULL);
	check_line(&said, "STOP_MONITOR SUCCESS 3 ", "");
	CHECK_STR(said, "");
	one_brumed_log(log, sizeof(log));
	CHECK_STR(log, "POST /monitor/3/start\nPOST /monitor/3/stop\n");
}

TEST(a_failure_is_told_once_with_its_reason)
{
	static const char no_payload[] = "the request is not base64 of a zlib stream, or is too long";
	const char *said;

	start();
	one_brumed_rule("/monitor/", 502, "{\"error\":\"rack1: refused\"}");
	said = request("START_MONITOR", "<X/>", true, NULL);
	check_line(&said, "MONITOR_HOST FAILURE 3 ", "rack1: refused");
	CHECK_STR(said, "");
	said = request("STOP_MONITOR", "<X/>", true, NULL);
	check_line(&said, "STOP_MONITOR FAILURE 3 ", "rack1: refused");
	said = request("START_MONITOR", "AAAA", false, NULL);
	check_line(&said, "MONITOR_HOST FAILURE 3 ", no_payload);
	CHECK_STR(said, "");
	said = request("START_MONITOR", "", false, "the driver has too many requests to do");
	check_line(&said, "MONITOR_HOST FAILURE 3 ", "the driver has too many requests to do");
	CHECK_STR(said, "");
}

TEST(a_bomb_is_refused)
{
	char *bomb = malloc(MONITOR_XML + 2);
	const char *said;

	start();
	memset(bomb, 'x', MONITOR_XML + 1);
	bomb[MONITOR_XML + 1] = '\0';
	said = request("START_MONITOR", bomb, true, NULL);
	free(bomb);
	CHECK_MEM(said, "MONITOR_HOST FAILURE 3 ", 23);
}
