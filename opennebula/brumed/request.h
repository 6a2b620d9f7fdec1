/* SPDX-License-Identifier: Apache-2.0 */
/* One request of the local API, and its answer where that is JSON or short. */
#pragma once

#include <microhttpd.h>

#include "opennebula/lib/memory.h"

enum { REQUEST_WORDS = 4, REQUEST_BODY_MAX = 8 << 20 };

struct json_t;
struct proxy;
struct action;
struct console;

struct request {
	struct MHD_Connection *connection;
	char *uri;                       /* as the client wrote it, with its query */
	const char *method;
	bool begun;
	const struct route *route;       /* NULL: there is none */
	char *words[REQUEST_WORDS];      /* what stood in the path where the route has a * */
	char *path;                      /* a copy of the path, into which words point */
	struct buffer body;
	bool too_long;
	struct proxy *proxy;             /* its body is streamed to a node */
	struct action *action;           /* its answer is the result of that */
	struct console *console;         /* what it asked for, until the client has its 101 */
};

struct reply {
	unsigned int status;             /* of HTTP */
	struct buffer body;
	const char *type;                /* NULL: JSON */
};

/* The answer of a request; the request's own words and body are there until it returns. It may wait as long as it wants. */
typedef void request_handler(struct request *request, struct reply *reply);

/* {"error": "..."} */
void reply_error(struct reply *reply, unsigned int status, const char *format, ...) PRINTF_LIKE(3, 4);

/* A text for JSON; where it is no UTF-8, as when it was cut off, its other letters become question marks. */
struct json_t *reply_text(const char *text);

/* Takes the reference. */
void reply_json(struct reply *reply, unsigned int status, struct json_t *json);

/* A header of the request, or NULL. */
const char *request_header(const struct request *request, const char *name);
