/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests: see http.h. */
#include "mgmt/http.h"

#include <string.h>

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_CONTENT_RANGE] = "content-range",
	[FIELD_RANGE] = "range",
	[FIELD_EXPECT] = "expect",
	[FIELD_DIGEST] = "x-sha256",
	[FIELD_UPGRADE] = "upgrade",
	[FIELD_KEY] = "x-key",
	[FIELD_SINCE] = "x-since",
};

static struct http *owner(http_parser *p)
{
	return p->data;
}

static int fail(struct http *h, unsigned status)
{
	h->state = HTTP_BAD;
	h->bad_status = status;
	return -1;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
	struct http *h = owner(p);
	size_t have = strlen(h->request.path);

	if (len >= sizeof(h->request.path) - have) {
		return fail(h, 414);
	}
	memcpy(h->request.path + have, at, len);
	return 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int on_header_field(http_parser *p, const char *at, size_t len)
{
	struct http *h = owner(p);

	if (h->in_value) {
		h->in_value = false;
		h->name_len = 0;
	}
	for (size_t i = 0; i < len && h->name_len < sizeof(h->name); i++) {
		h->name[h->name_len++] = lower(at[i]);           /* a longer name is none of ours */
	}
	return 0;
}

static int field_of(const struct http *h)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (strlen(field_names[i]) == h->name_len && memcmp(field_names[i], h->name, h->name_len) == 0) {
			return i;
		}
	}
	return -1;
}

static int on_header_value(http_parser *p, const char *at, size_t len)
{
	struct http *h = owner(p);
	char *to;

	if (h->state != HTTP_IN_HEAD) {
		return 0;                                        /* behind the last chunk: the request is being answered already */
	}
	if (!h->in_value) {
		h->in_value = true;
		h->field = field_of(h);
		h->field_len = 0;
		if (h->field >= 0 && h->request.field[h->field][0]) {
			return fail(h, 400);                     /* given twice: which would count? */
		}
	}
	if (h->field < 0) {
		return 0;
	}
	if (len >= HTTP_FIELD_MAX - h->field_len) {
		return fail(h, 431);
	}
	to = h->request.field[h->field];
	memcpy(to + h->field_len, at, len);
	h->field_len += len;
	to[h->field_len] = '\0';
	return 0;
}

/* The absolute form, as proxies are asked, and servers have to take it (RFC 9112, 3.2.2): what it says of the host is no matter here. */
static void drop_host(char *path)
{
	char *host = strstr(path, "://"), *at = host && host < strchr(path, '/') ? strchr(host + 3, '/') : NULL;

	if (at) {
		memmove(path, at, strlen(at) + 1);
	}
}

/* Only paths of plain segments are anything here: no escapes, no "..", no query. */
static bool is_plain_path(const char *path)
{
	return path[0] == '/' && !strstr(path, "..") && !strpbrk(path, "?#%\\");
}

static int on_headers_complete(http_parser *p)
{
	struct http *h = owner(p);

	h->request.method = p->method;
	h->request.length = p->content_length;
	h->request.has_body = (p->flags & F_CHUNKED) || (p->content_length && p->content_length != UINT64_MAX);
	h->request.keep_alive = http_should_keep_alive(p);
	h->request.old = p->http_major == 1 && p->http_minor == 0;
	drop_host(h->request.path);
	if (!is_plain_path(h->request.path)) {
		return fail(h, 400);
	}
	h->state = HTTP_IN_BODY;
	http_parser_pause(p, 1);
	/* An upgrade is answered by a route like any other request; the parser need not know. */
	p->upgrade = 0;
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
	struct http *h = owner(p);

	h->sink->body(h->context, (const uint8_t *)at, len);
	return 0;
}

static int on_message_complete(http_parser *p)
{
	owner(p)->state = HTTP_WHOLE;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

void http_init(struct http *h, const struct http_sink *sink, void *context)
{
	memset(h, 0, sizeof(*h));
	h->sink = sink;
	h->context = context;
	http_next(h);
}

void http_next(struct http *h)
{
	memset(&h->request, 0, sizeof(h->request));
	http_parser_init(&h->parser, HTTP_REQUEST);
	h->parser.data = h;
	h->state = HTTP_IN_HEAD;
	h->head_len = h->name_len = h->field_len = 0;
	h->field = -1;
	h->in_value = false;
}

size_t http_feed(struct http *h, const uint8_t *bytes, size_t len)
{
	bool in_head = h->state == HTTP_IN_HEAD;
	size_t used;

	if (h->state == HTTP_WHOLE || h->state == HTTP_BAD) {
		return 0;
	}
	http_parser_pause(&h->parser, 0);
	used = http_parser_execute(&h->parser, &settings, (const char *)bytes, len);
	h->head_len += in_head ? used : 0;
	if (h->head_len > HTTP_HEAD_MAX && h->state != HTTP_BAD) {
		fail(h, 431);
	}
	if (HTTP_PARSER_ERRNO(&h->parser) != HPE_OK && HTTP_PARSER_ERRNO(&h->parser) != HPE_PAUSED && h->state != HTTP_BAD) {
		fail(h, HTTP_PARSER_ERRNO(&h->parser) == HPE_HEADER_OVERFLOW ? 431 : 400);
	}
	return used;
}

const char *http_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} row[] = {
		{ 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 206, "Partial Content" }, { 400, "Bad Request" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 409, "Conflict" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 416, "Range Not Satisfiable" },
		{ 426, "Upgrade Required" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 503, "Service Unavailable" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		if (row[i].status == status) {
			return row[i].reason;
		}
	}
	return "Unknown";
}
