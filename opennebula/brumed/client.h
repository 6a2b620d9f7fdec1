/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to nodes over TLS (docs/driver-protocol.md). Each node has a few connections that are kept and used again; long transfers and
 * the request that waits have others than short requests, so that none of them delays an action.
 */
#pragma once

#include <curl/curl.h>

#include "opennebula/brumed/nodes.h"

enum client_kind { CLIENT_REQUEST, CLIENT_WAIT, CLIENT_BULK, CLIENT_KINDS };

/* One request: set what is asked, zero the rest. Callbacks run in the caller's thread. */
struct client_call {
	const char *method, *path;       /* path begins with / and is sent as it is */
	const char *const *headers;      /* "Name: value" each, NULL behind the last; or NULL */
	const void *body;                /* or NULL */
	size_t len;
	long timeout_s;                  /* for all of it; 0: only that nothing moves for settings.stall_s */
	size_t limit;                    /* of an answer that is kept; 0: 16 MiB */

	/* Streams, each may be NULL. The body: fills up to size bytes, 0 at the end, negative gives up. */
	long (*read)(void *context, char *to, size_t size);
	int64_t size;                    /* bytes that read gives; -1: unknown */
	/* Each header of the answer. status is set. */
	void (*header)(void *context, const char *name, const char *value);
	/* Bytes of an answer of any status, in place of `answer`; false gives up. */
	bool (*write)(void *context, const char *bytes, size_t len);
	void *context;

	/* What came. */
	long status;                     /* 0: no answer, and why says so */
	struct buffer answer;            /* the caller frees */
	int64_t time;                    /* X-Time; 0: none */
	struct why why;                  /* "node x1: connection refused" */
	bool hopeless;                   /* not before somebody changes certificates or the table */
	bool unasked;                    /* nothing of it reached the node */
};

/* An empty pool of connections, and its end, when nobody uses it any more. */
struct client_pool *client_pool_new(void);
void client_pool_free(struct client_pool *pool);

/* Asks. True: there was an answer, of whatever status. The state of the node follows. */
bool client_call(struct node *node, enum client_kind kind, struct client_call *call);

/* Sets why of a call that was answered with another status than was hoped for: the error of its JSON, or the status. */
void client_explain(struct node *node, struct client_call *call);

/* The array that a GET of path answers; NULL with the reason. The caller lets go of it. */
json_t *client_list(struct node *node, const char *path, struct why *why);

/* A TLS connection for who speaks himself. NULL with the reason. The caller ends it by client_close. */
struct connection;
struct client_link {
	CURL *curl;
	struct connection *connection;
};
struct client_link *client_connect(struct node *node, struct why *why);
void client_close(struct client_link *link);

/* Looks at the certificate that a node shows, and sends nothing. False with the reason: it shows none. The caller frees described. */
MUST_CHECK bool client_look(struct node *node, char fingerprint[FINGERPRINT_MAX], struct buffer *described, struct why *why);
