/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to its route and answer: see exchange.h. */
#include "mgmt/exchange.h"

#include <string.h>

#include "mgmt/node.h"
#include "mgmt/platform.h"

/* Whether path is the route's; what stands at * goes to name. */
static bool matches(const char *pattern, const char *path, char *name)
{
	size_t n = 0;

	for (; *pattern; pattern++) {
		if (*pattern != '*') {
			if (*path++ != *pattern) {
				return false;
			}
			continue;
		}
		for (; *path && *path != '/'; path++) {
			name[n++] = *path;
		}
		name[n] = '\0';
		if (!n) {
			return false;
		}
	}
	return !*path;
}

void exchange_refuse(struct exchange *e, unsigned status, const char *why)
{
	text_free(&e->reply);
	e->status = status;
	e->type = "application/json";
	json_open(&e->reply, NULL, '{');
	json_string(&e->reply, "error", why);
	json_close(&e->reply, '}');
	text_append(&e->reply, "\n", 1);
}

unsigned exchange_status(int error)
{
	switch (error) {
	case E_NOENT: return 404;
	case E_BUSY:  return 409;
	case E_NOMEM: return 507;
	case E_AGAIN: return 503;
	case E_INVAL:
	case E_PROTO: return 400;
	default:      return 500;
	}
}

static bool answers(const struct route *r, unsigned method)
{
	return r->method == method || (method == HTTP_HEAD && r->method == HTTP_GET);
}

static void find_route(struct exchange *e)
{
	struct text allowed = { 0 };

	for (const struct route *r = routes; r->path; r++) {
		char name[HTTP_PATH_MAX] = "";

		if (!matches(r->path, e->request->path, name)) {
			continue;
		}
		if (answers(r, e->request->method)) {
			e->route = r;
			memcpy(e->name, name, sizeof(name));
			text_free(&allowed);
			return;
		}
		text_printf(&allowed, "%s%s", allowed.len ? ", " : "Allow: ", http_method_str(r->method));
	}
	if (allowed.len) {
		exchange_refuse(e, 405, "this cannot be done with it");
		text_printf(&e->headers, "%s\r\n", allowed.at);
	} else {
		exchange_refuse(e, 404, "there is no such thing");
	}
	text_free(&allowed);
}

void exchange_begin(struct exchange *e)
{
	if (e->role == ROLE_NONE) {
		exchange_refuse(e, 403, "the certificate names no role");
		e->close = true;
		return;
	}
	find_route(e);
	if (e->route && e->role < e->route->role) {
		exchange_refuse(e, 403, "the certificate's role does not allow it");
		e->route = NULL;
	}
	if (e->route && e->request->has_body && !e->route->body_max && !e->route->data) {
		exchange_refuse(e, 413, "this takes no body");
		e->route = NULL;
	}
	if (!e->route && e->request->has_body) {
		e->close = true;                                 /* what it sends is not waited for */
	}
	if (e->route && e->route->begin) {
		e->type = "application/json";
		e->route->begin(e);
	}
}

void exchange_body(struct exchange *e, const uint8_t *bytes, size_t len)
{
	if (!e->route || e->status) {
		return;
	}
	if (e->route->data) {
		e->route->data(e, bytes, len);
		return;
	}
	if (len > e->route->body_max - e->body.len) {
		exchange_refuse(e, 413, "the body is too long");
		e->close = true;
		return;
	}
	text_append(&e->body, (const char *)bytes, len);
}

static void check_reply(struct exchange *e)
{
	if (e->status && e->reply.failed) {
		exchange_refuse(e, 503, "no memory for the answer");
	}
}

void exchange_answer(struct exchange *e)
{
	if (!e->status) {
		e->type = "application/json";
		e->route->answer(e);
		if (!e->status && !e->waits) {
			e->status = 200;
		}
	}
	check_reply(e);
}

void exchange_poll(struct exchange *e)
{
	e->route->poll(e);
	check_reply(e);
}

void exchange_end(struct exchange *e)
{
	if (e->route && e->route->end) {
		e->route->end(e);
	}
	e->route = NULL;
	text_free(&e->body);
	text_free(&e->reply);
	text_free(&e->headers);
}

bool exchange_hear(struct exchange *e, struct mgmt_answer *answer)
{
	if (!platform_answer(e->asked, answer)) {
		return false;
	}
	e->asked = 0;
	e->waits = false;
	return true;
}

bool exchange_hear_change(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return false;
	}
	exchange_audit(e, e->what, answer.result < 0 ? answer.why : "done");
	if (answer.result < 0) {
		exchange_refuse(e, exchange_status(answer.result), answer.why);
	}
	return answer.result >= 0;
}

void exchange_audit(const struct exchange *e, const char *what, const char *outcome)
{
	platform_log("audit: %s (%s) from %s: %s %s: %s", e->client, role_name(e->role), e->peer, what, e->name, outcome);
}
