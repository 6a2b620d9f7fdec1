/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of brumed's local API (docs/brumed.md): HTTP over its Unix socket. Each call is a connection of its own, so that any
 * thread may call at any time.
 */
#pragma once

#include "opennebula/lib/memory.h"

/* How a request's body comes, and where its answer's goes, if not by memory. */
struct local_stream {
	/* Fills up to size bytes; 0 at the end, negative to give up. NULL: the body is in memory. */
	long (*read)(void *context, char *to, size_t size);
	/* Takes all bytes of a 2xx answer, or gives up by false. NULL: they are kept in the answer. */
	bool (*write)(void *context, const char *bytes, size_t len);
	void *context;
	int64_t size;                    /* bytes that read will give; -1: unknown */
};

struct local_answer {
	long status;                     /* of HTTP; 0: brumed gave none, and body says why */
	char *body;                      /* never NULL, a NUL behind it */
	size_t len;
};

/*
 * Asks and waits for the answer, timeout_s seconds at most, or for ever with 0. headers: "Name: value" each, NULL behind the last; or NULL. True: the
 * status is 2xx. The caller frees the answer in either case.
 */
bool local_call(const char *method, const char *path, const char *const headers[], const void *body, size_t len,
		long timeout_s, struct local_answer *answer);

/* The same, with bodies that are streamed. */
bool local_call_stream(const char *method, const char *path, const char *const headers[],
		       const struct local_stream *stream, long timeout_s, struct local_answer *answer);

void local_answer_free(struct local_answer *answer);

/* What a refusal says, for a user: "error" of its JSON, else the body. */
void local_answer_error(const struct local_answer *answer, struct why *why);

/* A connection to brumed for who speaks HTTP himself, as for a console's Upgrade; -1 with the reason. The caller closes it. */
int local_connect(struct why *why);

/* Adds text with each byte that a path of a URL cannot hold as %XX, a slash too. */
void local_escape(struct buffer *to, const char *text);
