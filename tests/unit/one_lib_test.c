/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the front-end's programs share: text, configuration, base64, zlib, folders, files, the client of brumed's API without brumed.
 * sources: opennebula/lib/memory.c opennebula/lib/config.c opennebula/lib/files.c opennebula/lib/encode.c
 * sources: opennebula/lib/paths.c opennebula/lib/log.c opennebula/lib/local.c
 * system: curl jansson z
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "opennebula/lib/config.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/files.h"
#include "opennebula/lib/local.h"
#include "opennebula/lib/log.h"
#include "opennebula/lib/paths.h"
#include "tests/unit/check.h"

TEST(text_grows_and_is_handed_over)
{
	struct buffer b = { 0 };
	char *taken;

	CHECK_STR(buffer_string(&b), "");
	for (int i = 0; i < 1000; i++) {
		buffer_printf(&b, "%d,", i);
	}
	buffer_text(&b, "end");
	CHECK_EQ(b.len, 3893);
	CHECK_STR(b.at + b.len - 7, "999,end");
	taken = buffer_take(&b);
	CHECK_EQ(strlen(taken), 3893);
	CHECK_EQ(b.len, 0);
	free(taken);
}

TEST(a_reason_holds_no_line_ends)
{
	struct why why;

	CHECK(!why_set(&why, "a\nb%c", 0x7f));
	CHECK_STR(why.text, "a b ");
}

static const struct {
	const char *plain, *text;
} base64_rows[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" },
};

TEST(base64_both_ways)
{
	for (size_t i = 0; i < ARRAY_SIZE(base64_rows); i++) {
		struct buffer text = { 0 }, plain = { 0 };

		base64_encode(&text, base64_rows[i].plain, strlen(base64_rows[i].plain));
		CHECK_STR(buffer_string(&text), base64_rows[i].text);
		CHECK(base64_decode(&plain, buffer_string(&text), text.len));
		CHECK_STR(buffer_string(&plain), base64_rows[i].plain);
		buffer_free(&text);
		buffer_free(&plain);
	}
}

TEST(what_is_no_base64_is_refused_and_adds_nothing)
{
	static const char *const bad[] = { "Zg", "Zg=", "Zg=a", "Zg==Zg==", "Z\x01==", "====", "Zm9\xff" };
	struct buffer b = { 0 };

	buffer_text(&b, "old");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(!base64_decode(&b, bad[i], strlen(bad[i])));
		CHECK_STR(b.at, "old");
	}
	CHECK(base64_decode(&b, "Zm\n9v\r\n", 7));
	CHECK_STR(b.at, "oldfoo");
	buffer_free(&b);
}

TEST(zlib_payloads_are_bounded)
{
	struct buffer long_text = { 0 }, packed = { 0 }, out = { 0 };

	for (int i = 0; i < 5000; i++) {
		buffer_text(&long_text, "0123456789");
	}
	payload_encode(&packed, long_text.at, long_text.len);
	CHECK(packed.len < 1000);
	CHECK(!payload_decode(&out, packed.at, packed.len, 49999));
	CHECK_EQ(out.len, 0);
	CHECK(!payload_decode(&out, packed.at, packed.len / 2 & ~(size_t)3, 50000));
	CHECK(payload_decode(&out, packed.at, packed.len, 50000));
	CHECK_STR(out.at, long_text.at);
	buffer_free(&out);
	/* What monitord's own agents send for "1" */
	CHECK(payload_decode(&out, "eNozBAAAMgAy", 12, 100));
	CHECK_STR(out.at, "1");
	buffer_free(&out);
	buffer_free(&packed);
	buffer_free(&long_text);
}

static const struct {
	const char *text, *reason;
} config_rows[] = {
	{ "port = 99999\n", "x:1: a number is missing, or out of its range" },
	{ "\n# a = b\nport = 12a", "x:3: a number is missing, or out of its range" },
	{ "port 12", "x:1: not KEY = VALUE" },
	{ "prot = 12", "x:1: unknown key" },
	{ "name =", "x:1: a key without a value" },
};

TEST(configuration_is_read_and_mistakes_are_told)
{
	char *name = NULL;
	long port = 0;
	struct why why;
	const struct config_key keys[] = {
		{ .key = "name", .text = &name }, { .key = "port", .number = &port, .least = 1, .most = 65535 },
	};

	CHECK(config_parse("x", "# c\r\n NAME = \" a # b \" \r\nport=8443", keys, 2, &why));
	CHECK_STR(name, " a # b ");
	CHECK_EQ(port, 8443);
	for (size_t i = 0; i < ARRAY_SIZE(config_rows); i++) {
		CHECK(!config_parse("x", config_rows[i].text, keys, 2, &why));
		CHECK_STR(why.text, config_rows[i].reason);
	}
	free(name);
}

TEST(folders_follow_one_location)
{
	char path[ONE_PATH_MAX], *longer;

	unsetenv("ONE_LOCATION");
	unsetenv("BRUMED_SOCKET");
	CHECK(one_path(path, BRUME_VAR, "nodes.json"));
	CHECK_STR(path, "/var/lib/one/brume/nodes.json");
	CHECK(one_path_socket(path));
	CHECK_STR(path, "/run/brume/brumed.sock");
	setenv("ONE_LOCATION", "/srv/one", 1);
	CHECK(one_path(path, ONE_LIB, "mads"));
	CHECK_STR(path, "/srv/one/lib/mads");
	CHECK(one_path_socket(path));
	CHECK_STR(path, "/srv/one/var/run/brumed.sock");
	longer = malloc(2000);
	memset(longer, 'a', 1999);
	longer[1999] = 0;
	CHECK(!one_path(path, ONE_ETC, longer));
	free(longer);
	unsetenv("ONE_LOCATION");
}

TEST(a_file_is_replaced_whole)
{
	char path[] = "/tmp/brume-one-lib-XXXXXX";
	struct buffer b = { 0 };
	struct why why;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(file_replace(path, "one", 3, 0600, &why) && file_replace(path, "twotwo", 6, 0600, &why));
	CHECK(!file_read(path, 5, &b, &why));
	buffer_free(&b);
	CHECK(file_read(path, 6, &b, &why));
	CHECK_STR(b.at, "twotwo");
	buffer_free(&b);
	unlink(path);
	CHECK(!file_read(path, 6, &b, &why));
	CHECK(!file_replace("/nonexistent/x", "a", 1, 0600, &why));
}

TEST(without_brumed_a_call_says_so)
{
	struct local_answer answer;
	struct why why;

	setenv("BRUMED_SOCKET", "/nonexistent/brumed.sock", 1);
	CHECK(!local_call("GET", "/nodes", NULL, NULL, 0, 5, &answer));
	CHECK_EQ(answer.status, 0);
	local_answer_error(&answer, &why);
	CHECK(strstr(why.text, "brumed does not answer at /nonexistent/brumed.sock"));
	local_answer_free(&answer);
	CHECK_EQ(local_connect(&why), -1);
	unsetenv("BRUMED_SOCKET");
}

TEST(a_log_line_is_one_line)
{
	char path[] = "/tmp/brume-one-log-XXXXXX";
	struct buffer b = { 0 };
	struct why why;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && close(fd) == 0);
	CHECK(log_open("test", path, LOG_KIND_INFO));
	log_info("host %s", "x\n2026 [E] forged");
	log_debug("not told");
	CHECK(file_read(path, 1000, &b, &why));
	CHECK(strstr(b.at, "[I] host x 2026 [E] forged\n") && !strstr(b.at, "not told"));
	buffer_free(&b);
	unlink(path);
}
