/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: TLS, then HTTP requests one after the other. Does a bounded piece of work when it is told to. */
#pragma once

#include "mgmt/exchange.h"
#include "mgmt/tls.h"

enum { SESSION_IN = 4096 };

/*
 * How long a client may take, in ns: for the handshake, for a request or for taking an answer, and between requests. How long it is let wait for
 * init, which has to zero the memory of a large disk, say.
 */
#define SESSION_HANDSHAKE_NS (10 * 1000000000ull)
#define SESSION_STALL_NS     (30 * 1000000000ull)
#define SESSION_IDLE_NS      (120 * 1000000000ull)
#define SESSION_WAIT_NS      (600 * 1000000000ull)

/*
 * SESSION_FREE --begin--> SESSION_HANDSHAKE --> SESSION_REQUEST [--> SESSION_WAIT] --> SESSION_ANSWER --> SESSION_REQUEST
 * SESSION_ANSWER --it was 101--> SESSION_CONSOLE
 * Any but the first: --the client left, broke a rule, or took too long--> SESSION_GOODBYE --> SESSION_FREE
 */
enum session_state { SESSION_FREE, SESSION_HANDSHAKE, SESSION_REQUEST, SESSION_WAIT, SESSION_ANSWER, SESSION_CONSOLE, SESSION_GOODBYE };

struct session {
	enum session_state state;
	struct stream *stream;
	struct tls tls;
	struct http http;
	struct exchange exchange;
	bool open;                   /* exchange belongs to a request                                */
	uint64_t since_ns;           /* of the last sign of life that counts                         */
	uint8_t in[SESSION_IN];      /* decrypted, not yet taken by http                             */
	size_t in_at, in_len;
	struct text out;             /* the answer's head and body                                   */
	size_t out_at;
};

/* Counters of all sessions together. */
struct session_counters {
	uint64_t accepted, refused, handshakes, handshake_failures, requests, timeouts;
};

extern struct session_counters session_counters;

/* Takes the stream over. E_NOMEM: the stream is closed. */
int session_begin(struct session *s, struct tls_server *server, struct stream *stream, uint64_t now_ns) MUST_CHECK;

/* Goes on as far as the stream allows, at most a few records. True: something moved, and more may at once. */
bool session_run(struct session *s, uint64_t now_ns);

/* True: between two requests, where a server may leave at any time (RFC 9112, 9.3). */
bool session_is_idle(const struct session *s);

/* Ends it at once. */
void session_drop(struct session *s);

/* When it must be run even if nothing moves. */
uint64_t session_deadline(const struct session *s);
