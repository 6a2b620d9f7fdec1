/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer: what a route reads and fills. Lives from the end of the request's head to the end of the answer. */
#pragma once

#include "mgmt/http.h"
#include "mgmt/role.h"
#include "mgmt/text.h"

struct route;
struct mgmt_answer;

struct exchange {
	const struct http_request *request;
	const char *client;          /* name in its certificate                                      */
	const char *peer;            /* its address                                                  */
	enum role role;
	const struct route *route;   /* NULL: refused before one was found                           */
	char name[HTTP_PATH_MAX];    /* what stands at * in the route's path                         */
	struct text body;            /* of the request, for routes that want it as one text; else empty */

	unsigned status;             /* of the answer; 0: none yet                                   */
	const char *type;            /* its media type                                               */
	struct text reply;           /* its body; stays until the end                                */
	struct text headers;         /* further header lines, each with its CR LF                    */
	const uint8_t *source;       /* its body, where that is memory that stays until the end; source_len bytes */
	uint64_t source_len;
	uint64_t source_more;        /* bytes of the body behind these, which route->more gives      */
	bool waits;                  /* for somebody else's answer: nothing is read meanwhile        */
	bool close;                  /* the connection cannot go on after it                         */

	int relay;                   /* mgmt/consoles.c: likewise, with status 101                   */
	uint32_t asked;              /* what it asked init for (platform_ask); 0: nothing            */
	const char *what;            /* that, for the log                                            */
	int awaited;                 /* mgmt/images.c: the same; else the status if it is done        */
	int image;                   /* number of the volume that it uses, plus one                  */
	int window;                  /* mgmt/disks.c: the same of a window                           */
	int context;                 /* mgmt/contexts.c: the same of an upload                       */
	struct one_request *one;     /* mgmt/one_routes.c: the XML that comes                        */
	uint64_t until_ns;           /* likewise: it waits for a change no longer than that          */
	uint32_t since;              /* after this one                                               */
};

struct route {
	unsigned method;             /* enum http_method                                             */
	const char *path;            /* one segment may be *                                         */
	enum role role;              /* that is needed at least                                      */
	size_t body_max;             /* bytes of text that the request may carry                     */
	void (*begin)(struct exchange *e);           /* the head is there. NULL: nothing to do       */
	void (*data)(struct exchange *e, const uint8_t *bytes, size_t len);     /* takes the body. NULL: it becomes one text */
	void (*answer)(struct exchange *e);          /* the request is whole; no status means 200    */
	void (*poll)(struct exchange *e);            /* while it waits, after begin() or answer(), until it waits no more */
	void (*more)(struct exchange *e);            /* source_len is 0, source_more not: takes some of source_more into source */
	void (*end)(struct exchange *e);             /* all is over, or the client left. NULL: nothing to do */
};

/*
 * The head of a request is there: finds its route, or answers why not (403, 404, 405, 411, 413). Zero *e before, but for request,
 * client, peer and role.
 */
void exchange_begin(struct exchange *e);

/* A piece of the body. */
void exchange_body(struct exchange *e, const uint8_t *bytes, size_t len);

/*
 * The request is whole: fills in the answer, or waits for it, as exchange_begin() may: then `waits` is set, and exchange_poll() looks
 * again until it is not.
 */
void exchange_answer(struct exchange *e);
void exchange_poll(struct exchange *e);

/* An answer that is only a status and a sentence. Drops what was answered before. */
void exchange_refuse(struct exchange *e, unsigned status, const char *why);

/* Drops texts; the client is gone, or has its answer. */
void exchange_end(struct exchange *e);

/* What it asked init for is answered: it waits no more. False: not yet. */
bool exchange_hear(struct exchange *e, struct mgmt_answer *answer) MUST_CHECK;

/* The same for a change, `what`, which is audited; an error of init's is the client's answer. False: not yet, or it was refused. */
bool exchange_hear_change(struct exchange *e) MUST_CHECK;

/* The status that tells of an error of init's (lib/base.h). */
unsigned exchange_status(int error);

/* The log's line for a change: who, from where, what, and how it went. */
void exchange_audit(const struct exchange *e, const char *what, const char *outcome);

/* Ends with an entry whose path is NULL (mgmt/routes.c). */
extern const struct route routes[];
