/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests (RFC 9112) off a byte stream, one at a time, by http-parser. What does not fit the fields is refused with its
 * status, never cut.
 */
#pragma once

#include <http_parser.h>

#include "lib/base.h"

enum { HTTP_PATH_MAX = 192, HTTP_FIELD_MAX = 80, HTTP_HEAD_MAX = 8192 };

/* Header fields that somebody asks for. */
enum http_field { FIELD_CONTENT_RANGE, FIELD_RANGE, FIELD_EXPECT, FIELD_DIGEST, FIELD_UPGRADE, FIELD_KEY, FIELD_SINCE, FIELD_COUNT };

struct http_request {
	unsigned method;             /* enum http_method                                             */
	char path[HTTP_PATH_MAX];    /* without scheme and host                                      */
	char field[FIELD_COUNT][HTTP_FIELD_MAX];
	uint64_t length;             /* of the body; UINT64_MAX: it comes in chunks, or there is none */
	bool has_body, keep_alive;
	bool old;                    /* HTTP/1.0: a client that knows nothing of 100 Continue, and wants to be told that the connection stays */
};

/*
 * HTTP_IN_HEAD --the head is whole--> HTTP_IN_BODY --> HTTP_WHOLE --http_next()--> HTTP_IN_HEAD
 * Any of them: --it is no HTTP--> HTTP_BAD
 */
enum http_state { HTTP_IN_HEAD, HTTP_IN_BODY, HTTP_WHOLE, HTTP_BAD };

/* Who takes the body. */
struct http_sink {
	void (*body)(void *context, const uint8_t *bytes, size_t len);
};

struct http {
	http_parser parser;
	struct http_request request;
	enum http_state state;
	unsigned bad_status;         /* HTTP_BAD: what to answer                                     */
	const struct http_sink *sink;
	void *context;
	size_t head_len;             /* bytes so far                                                 */
	int field;                   /* enum http_field of the present header line, or -1            */
	size_t field_len;            /* of what is in it                                             */
	char name[24];               /* the header's name so far                                     */
	size_t name_len;
	bool in_value;
};

void http_init(struct http *h, const struct http_sink *sink, void *context);

/* Takes bytes up to the end of the head, then up to the end of the request; returns how many. state tells where it stands. */
size_t http_feed(struct http *h, const uint8_t *bytes, size_t len);

/* The request has been answered: the next one begins. */
void http_next(struct http *h);

/* "Not Found" for 404. */
const char *http_reason(unsigned status);
