/* SPDX-License-Identifier: Apache-2.0 */
/* Begin and end of a host's monitoring (monitor.h). */
#include "opennebula/one_im_brume/monitor.h"

#include <string.h>
#include <time.h>

#include "opennebula/driver/ask.h"
#include "opennebula/driver/reply.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/log.h"

static const char start_monitor[] = "START_MONITOR", stop_monitor[] = "STOP_MONITOR";

bool monitor_knows(const char *type)
{
	return strcmp(type, start_monitor) == 0 || strcmp(type, stop_monitor) == 0;
}

static void tell(const char *type, bool success, long host, const char *text, size_t len)
{
	struct buffer line = { 0 };

	buffer_printf(&line, "%s %s %ld %lld ", type, success ? "SUCCESS" : "FAILURE", host, (long long)time(NULL));
	payload_encode(&line, text, len);
	reply_line(line.at, line.len);
	buffer_free(&line);
}

/*
 * monitord writes the reason of a START_MONITOR FAILURE into its log only. That of a MONITOR_HOST FAILURE becomes the host's ERROR,
 * where the admin sees it, and ends the request, too. Never both: each becomes a message to oned, whose threads take them in either
 * order, and the first one that is taken says what the ERROR is.
 */
static void fail(const char *type, long host, const char *why)
{
	log_warning("%s %ld: %s", type, host, why);
	tell(strcmp(type, start_monitor) == 0 ? "MONITOR_HOST" : type, false, host, why, strlen(why));
}

void monitor_refuse(const struct line_request *line, const char *why)
{
	fail(line->type, line->id, why);
}

void monitor_work(struct request *r)
{
	static const char *const headers[] = { "Content-Type: application/xml", NULL };
	bool start = strcmp(r->type, start_monitor) == 0;
	struct buffer xml = { 0 }, path = { 0 };
	struct local_answer answer = { 0 };
	struct why why;

	if (!monitor_knows(r->type)) {
		return;              /* a DRIVER_CANCEL, which monitord does not have */
	}
	if (!payload_decode(&xml, r->payload, r->len, MONITOR_XML)) {
		fail(r->type, r->id, "the request is not base64 of a zlib stream, or is too long");
	} else {
		buffer_printf(&path, "/monitor/%ld/%s", r->id, start ? "start" : "stop");
		ask(r, "POST", path.at, headers, &xml, &answer);
		if (answer.status == 200) {
			log_info("%s %ld: done", r->type, r->id);
			tell(r->type, true, r->id, start ? answer.body : "", start ? answer.len : 0);
		} else {
			local_answer_error(&answer, &why);
			fail(r->type, r->id, why.text);
		}
	}
	local_answer_free(&answer);
	buffer_free(&path);
	buffer_free(&xml);
}
