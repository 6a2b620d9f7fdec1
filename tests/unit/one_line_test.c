/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What oned's drivers read: lines, arguments, a request's XML, lines of the transfer manager.
 * sources: opennebula/driver/line.c opennebula/driver/driver.c opennebula/driver/queue.c opennebula/driver/ask.c opennebula/driver/reply.c
 * sources: opennebula/one_vmm_brume/data.c opennebula/one_vmm_brume/transfer.c opennebula/lib/memory.c opennebula/lib/local.c
 * sources: opennebula/lib/paths.c opennebula/lib/log.c
 * system: curl jansson expat
 */
#include <stdio.h>
#include <stdlib.h>

#include "opennebula/driver/driver.h"
#include "opennebula/one_vmm_brume/data.h"
#include "opennebula/one_vmm_brume/transfer.h"
#include "tests/unit/check.h"

/* Puts a text into the stream in pieces of some size. */
static void feed(struct line_reader *r, const char *text, size_t piece)
{
	for (size_t at = 0, len = strlen(text), n; at < len; at += n) {
		size_t room;
		char *to = line_room(r, &room);

		n = len - at < piece ? len - at : piece;
		n = n < room ? n : room;
		memcpy(to, text + at, n);
		line_take(r, n);
	}
}

TEST(lines_come_whole_whatever_the_pieces)
{
	static const char text[] = "INIT\n\nDEPLOY  2 QUJD\nhalf";
	struct line_reader r;
	struct line line;

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		line_reader_init(&r, 100);
		feed(&r, text, piece);
		CHECK(line_next(&r, &line));
		CHECK_STR(line.text, "INIT");
		CHECK(line_next(&r, &line));
		CHECK_EQ(line.len, 0);
		CHECK(line_next(&r, &line));
		CHECK_STR(line.text, "DEPLOY  2 QUJD");
		CHECK(!line.too_long);
		CHECK(!line_next(&r, &line));
		feed(&r, " way\n", piece);
		CHECK(line_next(&r, &line));
		CHECK_STR(line.text, "half way");
		line_reader_free(&r);
	}
}

TEST(of_a_line_that_is_too_long_the_head_is_left)
{
	struct line_reader r;
	struct line line;
	char long_line[1001];

	memset(long_line, 'x', 1000);
	memcpy(long_line, "DEPLOY  7 ", 10);
	long_line[1000] = '\0';
	line_reader_init(&r, 300);
	for (int i = 0; i < 1000; i++) {          /* a megabyte that never ends, then its end */
		feed(&r, long_line, 1000);
		CHECK(!line_next(&r, &line));
	}
	CHECK(r.room <= 300000);
	feed(&r, "\nINIT\n", 6);
	CHECK(line_next(&r, &line));
	CHECK(line.too_long);
	CHECK_EQ(line.len, LINE_HEAD);
	CHECK_MEM(line.text, "DEPLOY  7 x", 11);
	CHECK(line_next(&r, &line));
	CHECK(!line.too_long);
	CHECK_STR(line.text, "INIT");
	feed(&r, long_line, 1000);                /* with its end in the same piece */
	feed(&r, "\n", 1);
	CHECK(line_next(&r, &line));
	CHECK(line.too_long);
	long_line[300] = '\0';                    /* just as long as may be */
	feed(&r, long_line, 1000);
	feed(&r, "\n", 1);
	CHECK(line_next(&r, &line));
	CHECK(!line.too_long);
	CHECK_EQ(line.len, 300);
	line_reader_free(&r);
}

TEST(requests_are_taken_apart)
{
	static const struct {
		const char *text, *type;
		bool timed, numbered;
		long id;
		const char *payload;
	} row[] = {
		{ "INIT", "INIT", false, false, -1, "" },
		{ "", "", false, false, -1, "" },
		{ "   ", "", false, false, -1, "" },
		{ "DEPLOY  2 QUJD", "DEPLOY", false, true, 2, "QUJD" },
		{ "DEPLOY - 2 QUJD", "DEPLOY", false, true, 2, "QUJD" },
		{ "DEPLOY SUCCESS 2 QUJD REVG", "DEPLOY", false, true, 2, "QUJD REVG" },
		{ "DRIVER_CANCEL  6 ", "DRIVER_CANCEL", false, true, 6, "" },
		{ "DRIVER_CANCEL  6", "DRIVER_CANCEL", false, true, 6, "" },
		{ "START_MONITOR - 1 0 eJw=\r", "START_MONITOR", true, true, 1, "eJw=" },
		{ "START_MONITOR - -1 1795163262", "START_MONITOR", true, true, -1, "" },
		{ "PLACE  -1 QQ==", "PLACE", false, true, -1, "QQ==" },
		{ "DEPLOY  -2 QUJD", "DEPLOY", false, false, -1, "" },
		{ "DEPLOY  2x QUJD", "DEPLOY", false, false, -1, "" },
		{ "DEPLOY  2147483647 Q", "DEPLOY", false, true, 2147483647, "Q" },
		{ "DEPLOY  2147483648 Q", "DEPLOY", false, false, -1, "" },
		{ "DEPLOY  99999999999999999999 Q", "DEPLOY", false, false, -1, "" },
		{ "DEPLOY  - - 4 Q", "DEPLOY", false, false, -1, "" },
		{ "ATYPETHATISLONGERTHANALLTHATTHEREARE 4 Q", "ATYPETHATISLONGERTHANALLTHATTHE", false, true, 4, "Q" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct line_request request;
		char text[128];

		snprintf(text, sizeof(text), "%s", row[i].text);
		line_parse(text, strlen(text), row[i].timed, &request);
		CHECK_STR(request.type, row[i].type);
		CHECK_EQ(request.numbered, row[i].numbered);
		CHECK_EQ(request.id, row[i].id);
		CHECK_STR(request.payload, row[i].payload);
		CHECK_EQ(request.payload_len, strlen(row[i].payload));
	}
}

TEST(one_argument_string_is_split)
{
	char text[] = " -t 15  -r 0\t-w 9999 brume", none[] = "  ";
	char *words[4];
	unsigned count = arguments_split(text, words, 4);

	CHECK_EQ(count, 4);
	CHECK_STR(words[3], "0");
	CHECK_EQ(arguments_number(words, count, "-t", 1024, 128), 15);
	CHECK_EQ(arguments_number(words, count, "-w", 3600, 60), 60);
	CHECK_EQ(arguments_number(words, count, "-r", 3600, 3), 3);
	CHECK_EQ(arguments_split(none, words, 4), 0);
}

static bool read_xml(const char *xml, struct action_data *data, struct why *why)
{
	*data = (struct action_data){ 0 };
	return action_data_read(xml, strlen(xml), data, why);
}

TEST(a_request_s_xml_is_read_where_it_counts)
{
	static const char xml[] =
		"<VMM_DRIVER_ACTION_DATA><HOST>rack1</HOST><MIGR_HOST/><DEPLOY_ID/>"
		"<TM_COMMAND><![CDATA[CONTEXT brume a&b h:/d/102/2/disk.3 2 102\n]]></TM_COMMAND><TM_COMMAND_ROLLBACK/>"
		"<SECURITY_GROUP_ID>100</SECURITY_GROUP_ID><ID>9</ID>"
		"<VM><HOST>other</HOST><ID>2</ID><TEMPLATE><ID>7</ID><VM><ID>8</ID></VM></TEMPLATE></VM>"
		"<DATASTORE><ID>102</ID></DATASTORE></VMM_DRIVER_ACTION_DATA>";
	struct action_data data;
	struct why why;

	CHECK(read_xml(xml, &data, &why));
	CHECK_STR(data_text(&data, DATA_HOST), "rack1");
	CHECK_STR(data_text(&data, DATA_MIGRATION_HOST), "");
	CHECK_STR(data_text(&data, DATA_TRANSFER), "CONTEXT brume a&b h:/d/102/2/disk.3 2 102\n");
	CHECK_STR(data_text(&data, DATA_ROLLBACK), "");
	CHECK_STR(data_text(&data, DATA_GROUP), "100");
	CHECK_STR(data_text(&data, DATA_VM), "2");
	CHECK_STR(data_text(&data, DATA_NONE), "");
	action_data_free(&data);
	CHECK_STR(data_text(&data, DATA_HOST), "");
}

TEST(xml_that_is_none_is_refused_in_words)
{
	static const char *const row[][2] = {
		{ "", "not well-formed" },
		{ "<VMM_DRIVER_ACTION_DATA>", "not well-formed" },
		{ "<VM/>", "not of a VM's action" },
		{ "<!DOCTYPE x><VMM_DRIVER_ACTION_DATA/>", "document type" },
		{ "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><VMM_DRIVER_ACTION_DATA><HOST>&a;</HOST></VMM_DRIVER_ACTION_DATA>",
		  "document type" },
		{ "<VMM_DRIVER_ACTION_DATA><HOST>&a;</HOST></VMM_DRIVER_ACTION_DATA>", "not well-formed" },
	};
	struct action_data data;
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(!read_xml(row[i][0], &data, &why));
		CHECK(strstr(why.text, row[i][1]));
		action_data_free(&data);
	}
}

TEST(deep_xml_and_long_texts_are_refused)
{
	static char xml[3 << 20];
	struct action_data data;
	struct why why;
	size_t len = (size_t)snprintf(xml, sizeof(xml), "<VMM_DRIVER_ACTION_DATA>");

	for (int i = 0; i < 100; i++) {
		len += (size_t)snprintf(xml + len, sizeof(xml) - len, "<a>");
	}
	CHECK(!read_xml(xml, &data, &why));
	CHECK(strstr(why.text, "too deep"));
	action_data_free(&data);
	snprintf(xml, sizeof(xml), "<VMM_DRIVER_ACTION_DATA><HOST>");
	memset(xml + strlen(xml), 'x', 2 << 20);
	CHECK(!read_xml(xml, &data, &why));
	CHECK(strstr(why.text, "too long"));
	CHECK(data.text[DATA_HOST].len <= 1 << 20);
	action_data_free(&data);
}

/* path, a blank and body of a line; or the refusal */
static const char *parsed(const char *text)
{
	static char result[1024];
	struct buffer path = { 0 }, body = { 0 };
	struct why why;
	char line[512];

	snprintf(line, sizeof(line), "%s", text);
	if (transfer_parse(line, &path, &body, &why)) {
		snprintf(result, sizeof(result), "%s %s", path.at, body.at);
	} else {
		snprintf(result, sizeof(result), "%s", why.text);
	}
	buffer_free(&path);
	buffer_free(&body);
	return result;
}

TEST(lines_of_the_transfer_manager_become_requests)
{
	CHECK_STR(parsed("CONTEXT brume /v/2/context.sh h:/d/102/2/disk.3 2 102"),
		  "/tm/context {\"args\":[\"/v/2/context.sh\",\"h:/d/102/2/disk.3\",\"2\",\"102\"],\"stdin\":\"\"}");
	CHECK_STR(parsed("DELETE.brume local h:/d 2 102"), "/tm/delete {\"args\":[\"h:/d\",\"2\",\"102\"],\"stdin\":\"\"}");
	CHECK_STR(parsed("DELETE brume"), "/tm/delete {\"args\":[],\"stdin\":\"\"}");
	CHECK_STR(parsed("DELETE brume \"\\"), "/tm/delete {\"args\":[\"\\\"\\\\\"],\"stdin\":\"\"}");
	CHECK_STR(parsed("DELETE ssh h:/d 2 102"),
		  "delete of the transfer manager ssh cannot serve a Brume host: its datastore needs TM_MAD=brume");
	CHECK_STR(parsed("DELETE"), "this is no line of the transfer manager: DELETE");
	CHECK_STR(parsed(""), "this is no line of the transfer manager: ");
	CHECK(strstr(parsed("../../nodes brume"), "no line"));
	CHECK(strstr(parsed("DELETE brume \xff\xfe"), "not UTF-8"));
}

TEST(a_context_is_undone_by_a_delete)
{
	struct buffer undo = { 0 };

	transfer_undo("CONTEXT brume /v/2/context.sh /v/2/a.txt h:/d/102/2/disk.3 2 102", &undo);
	CHECK_STR(buffer_string(&undo), "DELETE brume h:/d/102/2/disk.3 2 102\n");
	transfer_undo("DELETE brume h:/d/102/2/disk.3 2 102", &undo);
	transfer_undo("CONTEXT brume 2 102", &undo);
	transfer_undo("", &undo);
	CHECK_STR(buffer_string(&undo), "DELETE brume h:/d/102/2/disk.3 2 102\n");
	buffer_free(&undo);
}
