/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oned's requests, done against a brumed of ours: the order of lines and actions, roll-back, what is given up, how many at a time.
 * sources: opennebula/driver/line.c opennebula/driver/driver.c opennebula/driver/queue.c opennebula/driver/ask.c opennebula/driver/reply.c
 * sources: opennebula/one_vmm_brume/data.c opennebula/one_vmm_brume/transfer.c opennebula/one_vmm_brume/action.c opennebula/one_vmm_brume/node.c
 * sources: opennebula/lib/memory.c opennebula/lib/local.c opennebula/lib/paths.c opennebula/lib/log.c opennebula/lib/encode.c
 * sources: tests/fake/one_brumed.c
 * system: curl jansson expat z
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "opennebula/driver/ask.h"
#include "opennebula/driver/driver.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/log.h"
#include "opennebula/one_vmm_brume/action.h"
#include "tests/fake/one_brumed.h"
#include "tests/unit/check.h"

enum { THREADS = 4 };

static const char done[] = "{\"status\":\"SUCCESS\",\"info\":\"\"}", refused[] = "{\"status\":\"FAILURE\",\"info\":\"no memory\"}";
static const char context[] = "CONTEXT brume /v/2/context.sh rack1:/d/102/2/disk.1 2 102\n";
static int from_driver = -1, to_test;
static const char *migration_host = "";

/* What the driver says goes into a pipe while it works; the test's own words do not. */
static void start(void)
{
	int ends[2];

	if (from_driver < 0) {
		CHECK(log_open("test", "/dev/null", LOG_KIND_ERROR));
		one_brumed_start();
		ask_start(1);
		queue_start(action_work, THREADS);
		CHECK_EQ(pipe(ends), 0);
		from_driver = ends[0];
		to_test = ends[1];
	}
	one_brumed_reset();
	one_brumed_rule("/actions/", 200, done);
}

/* The test's standard output is the pipe from here to end(). */
static int begin(void)
{
	int kept;

	start();
	fflush(stdout);
	kept = dup(STDOUT_FILENO);
	dup2(to_test, STDOUT_FILENO);
	return kept;
}

static const char *end(int kept)
{
	static char said[8192];
	ssize_t n;

	queue_drain();
	dup2(kept, STDOUT_FILENO);
	close(kept);
	if (write(to_test, "", 1) != 1) {       /* so that there is something to read */
		abort();
	}
	n = read(from_driver, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	return said;
}

static bool request(const char *type, long vm, const char *host, const char *transfer)
{
	struct buffer xml = { 0 }, text = { 0 };
	struct line_request line = { .numbered = true, .id = vm };
	bool taken;

	buffer_printf(&xml, "<VMM_DRIVER_ACTION_DATA><HOST>%s</HOST><MIGR_HOST>%s</MIGR_HOST><TM_COMMAND>%s</TM_COMMAND><VM><ID>%ld</ID></VM>"
		      "</VMM_DRIVER_ACTION_DATA>", host, migration_host, transfer, vm);
	base64_encode(&text, xml.at, xml.len);
	snprintf(line.type, sizeof(line.type), "%s", type);
	line.payload = text.at;
	line.payload_len = text.len;
	taken = queue_add(&line);
	buffer_free(&xml);
	buffer_free(&text);
	return taken;
}

static void cancel(long vm)
{
	struct line_request line = { .type = "DRIVER_CANCEL", .numbered = true, .id = vm, .payload = (char[]){ "" } };

	CHECK(queue_add(&line));
}

static void check_log(const char *wanted)
{
	char log[4096];

	one_brumed_log(log, sizeof(log));
	CHECK_STR(log, wanted);
}

TEST(the_context_comes_first)
{
	int kept = begin();

	CHECK(request("DEPLOY", 2, "rack1", context));
	CHECK_STR(end(kept), "LOG I 2 rack1 has the context\nDEPLOY SUCCESS 2 one-2\n");
	check_log("POST /tm/context\nPOST /nodes/rack1/actions/deploy/2\n");
}

TEST(a_refused_deploy_is_undone)
{
	int kept = begin();

	one_brumed_rule("/deploy/", 200, refused);
	CHECK(request("DEPLOY", 2, "rack1", context));
	CHECK_STR(end(kept), "LOG I 2 rack1 has the context\nDEPLOY FAILURE 2 no memory\n");
	check_log("POST /tm/context\nPOST /nodes/rack1/actions/deploy/2\nGET /nodes/rack1/v1/one/actions\nPOST /tm/delete\n");
}

TEST(a_node_that_may_have_begun_is_left_alone)
{
	int kept = begin();

	one_brumed_rule("/deploy/", 502, "{\"error\":\"rack1 went away\"}");
	CHECK(request("DEPLOY", 2, "rack1", context));
	CHECK_STR(end(kept), "LOG I 2 rack1 has the context\nDEPLOY FAILURE 2 rack1 went away\n");
	check_log("POST /tm/context\nPOST /nodes/rack1/actions/deploy/2\n");
}

TEST(a_deploy_without_its_context_is_none)
{
	int kept = begin();

	one_brumed_rule("/tm/context", 507, "{\"error\":\"no room\"}");
	CHECK(request("DEPLOY", 2, "rack1", context));
	CHECK_STR(end(kept), "DEPLOY FAILURE 2 no room\n");
	check_log("POST /tm/context\n");
}

TEST(all_lines_of_a_clean_up_are_done)
{
	int kept = begin();

	one_brumed_rule("/tm/delete", 500, "{\"error\":\"first\"}");
	CHECK(request("CLEANUP", 7, "rack1", "DELETE brume rack1:/d/0 7 103\n\nDELETE brume rack1:/d 7 102\n"));
	CHECK_STR(end(kept), "CLEANUP FAILURE 7 first\n");
	check_log("POST /nodes/rack1/actions/cleanup/7\nPOST /tm/delete\nPOST /tm/delete\n");
}

TEST(the_other_end_of_a_migration_is_cleaned_up_whatever_the_first_says)
{
	for (int refuses = 0; refuses < 2; refuses++) {
		int kept = begin();

		if (refuses) {
			one_brumed_rule("/cleanup/", 200, refused);
		}
		migration_host = "rack2";
		CHECK(request("CLEANUP", 7, "rack1", "DELETE brume rack1:/d 7 102\n"));
		migration_host = "";
		CHECK_STR(end(kept), refuses ? "CLEANUP FAILURE 7 no memory\n" : "CLEANUP SUCCESS 7 -\n");
		check_log(refuses ? "POST /nodes/rack1/actions/cleanup/7\nGET /nodes/rack1/v1/one/actions\nPOST /nodes/rack2/actions/cancel/7\n"
				    "POST /tm/delete\n"
				  : "POST /nodes/rack1/actions/cleanup/7\nPOST /nodes/rack2/actions/cancel/7\nPOST /tm/delete\n");
	}
}

TEST(a_host_is_one_word_of_a_path)
{
	int kept = begin();

	CHECK(request("RESET", 3, "../x y?", ""));
	CHECK_STR(end(kept), "RESET SUCCESS 3 -\n");
	check_log("POST /nodes/..%2Fx%20y%3F/actions/reset/3\n");
}

TEST(requests_of_a_vm_keep_their_order)
{
	int kept = begin();

	CHECK(request("REBOOT", 3, "held", ""));
	CHECK(request("RESET", 3, "rack1", ""));
	CHECK(request("CANCEL", 3, "rack1", ""));
	CHECK(request("RESET", 4, "rack2", ""));
	one_brumed_wait(2);
	one_brumed_release();
	end(kept);
	{
		char log[4096], *reboot, *reset, *last;

		one_brumed_log(log, sizeof(log));
		reboot = strstr(log, "/held/actions/reboot/3");
		reset = strstr(log, "/rack1/actions/reset/3");
		last = strstr(log, "/rack1/actions/cancel/3");
		CHECK(reboot && reset && last && reboot < reset && reset < last);
	}
}

TEST(what_is_given_up_is_not_answered)
{
	int kept = begin();

	CHECK(request("SHUTDOWN", 6, "held", ""));
	one_brumed_wait(1);
	CHECK(request("REBOOT", 6, "rack1", ""));
	cancel(6);
	cancel(77);
	CHECK(request("CANCEL", 6, "rack1", ""));
	one_brumed_wait(2);                       /* the DELETE waits as well: its path names the host */
	one_brumed_release();
	CHECK_STR(end(kept), "CANCEL SUCCESS 6 -\n");
}

TEST(what_a_dead_driver_left_is_given_up)
{
	int kept = begin();

	one_brumed_rule("/cancel/", 200, refused);
	one_brumed_rule("/v1/one/actions", 200,
			"[{\"key\":\"other\",\"vm\":7,\"state\":\"running\"},{\"key\":\"old\",\"vm\":6,\"state\":\"running\"},"
			"{\"key\":\"ended\",\"vm\":6,\"state\":\"done\"},7,{},{\"key\":1,\"vm\":6,\"state\":\"running\"}]");
	CHECK(request("CANCEL", 6, "rack1", ""));
	end(kept);
	check_log("POST /nodes/rack1/actions/cancel/6\nGET /nodes/rack1/v1/one/actions\nDELETE /nodes/rack1/actions/old\n"
		  "POST /nodes/rack1/actions/cancel/6\n");
}

TEST(what_was_given_up_does_not_touch_what_came_after)
{
	int kept = begin();

	one_brumed_rule("/shutdown/", 200, refused);
	one_brumed_rule("/v1/one/actions", 200, "[{\"key\":\"next\",\"vm\":6,\"state\":\"running\"}]");
	CHECK(request("SHUTDOWN", 6, "held", ""));
	one_brumed_wait(1);
	cancel(6);
	one_brumed_wait(2);
	one_brumed_release();
	CHECK(request("CANCEL", 6, "rack1", ""));
	CHECK_STR(end(kept), "CANCEL SUCCESS 6 -\n");
	{
		char log[4096];

		one_brumed_log(log, sizeof(log));
		CHECK(!strstr(log, "/v1/one/actions"));
		CHECK(!strstr(log, "/next"));
	}
}

TEST(what_is_given_up_before_its_node_is_asked_keeps_its_place)
{
	int kept = begin();
	char log[4096];

	CHECK(request("DEPLOY", 6, "rack1", "HELD brume word\n"));
	one_brumed_wait(1);
	cancel(6);
	CHECK(request("CANCEL", 6, "rack1", ""));
	for (unsigned i = 0; i < 10; i++) {       /* while others come and go */
		CHECK(request("RESET", 7, "rack1", ""));
		one_brumed_wait(2 + i);
	}
	one_brumed_log(log, sizeof(log));
	CHECK(!strstr(log, "/cancel/6"));
	one_brumed_release();
	end(kept);
	one_brumed_log(log, sizeof(log));
	CHECK(strstr(log, "/cancel/6"));
	CHECK(!strstr(log, "/deploy/6"));
}

TEST(a_context_goes_when_its_deploy_is_given_up)
{
	int kept = begin();

	CHECK(request("DEPLOY", 6, "rack1", "CONTEXT brume /v/6/context.sh rack1:/d/102/6/disk.1 6 102\nHELD brume word\n"));
	one_brumed_wait(2);
	cancel(6);
	one_brumed_release();
	CHECK_STR(end(kept), "LOG I 6 rack1 has the context\n");
	check_log("POST /tm/context\nPOST /tm/held\nPOST /tm/delete\n");
}

TEST(there_is_always_a_thread_that_gives_up)
{
	int kept = begin();

	for (long vm = 0; vm < THREADS; vm++) {
		CHECK(request("SHUTDOWN", vm, "held", ""));
	}
	one_brumed_wait(THREADS);
	CHECK(request("RESET", 50, "rack1", ""));
	cancel(2);
	cancel(2);                                /* does not take the place of the first one */
	one_brumed_wait(THREADS + 1);
	{
		char log[4096];

		one_brumed_log(log, sizeof(log));
		CHECK(strstr(log, "DELETE /nodes/held/actions/"));
		CHECK(!strstr(log, "rack1"));
	}
	one_brumed_release();
	end(kept);
}

TEST(too_many_requests_are_refused)
{
	int kept = begin(), taken = 0;

	for (long vm = 0; vm < THREADS; vm++) {
		CHECK(request("RESET", vm, "held", ""));
	}
	one_brumed_wait(THREADS);
	while (taken < 2 * QUEUE_WAITING && request("RESET", 0, "rack1", "")) {
		taken++;
	}
	CHECK_EQ(taken, QUEUE_WAITING - THREADS);
	cancel(0);                                /* what waits goes, so that there is place for this */
	one_brumed_release();
	end(kept);
}

/* A request of that many bytes, which say nothing. */
static bool long_request(long vm, size_t len)
{
	struct line_request line = { .type = "RESET", .numbered = true, .id = vm, .payload_len = len };
	bool taken;

	line.payload = calloc(1, len + 1);
	taken = queue_add(&line);
	free(line.payload);
	return taken;
}

TEST(more_text_than_can_be_held_is_refused_until_some_is_done)
{
	int kept = begin();

	for (long vm = 0; vm < THREADS; vm++) {
		CHECK(request("RESET", vm, "held", ""));
	}
	one_brumed_wait(THREADS);
	CHECK(long_request(50, QUEUE_BYTES / 2));
	CHECK(!long_request(51, QUEUE_BYTES / 2));
	one_brumed_release();
	queue_drain();
	CHECK(long_request(52, QUEUE_BYTES));
	end(kept);
}
