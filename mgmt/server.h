/* SPDX-License-Identifier: Apache-2.0 */
/* All connections of the port: a fixed number of sessions, of which those that have not shown a certificate may take only a part. */
#pragma once

#include "mgmt/session.h"

enum { SERVER_PORT = 8443, SERVER_SESSIONS = 32, SERVER_STRANGERS = 16 };

struct server {
	struct tls_server tls;
	struct session session[SERVER_SESSIONS];
};

/* id must stay. Errors of tls_server_init(). */
int server_init(struct server *server, struct identity *id) MUST_CHECK;

/*
 * A connection has come; takes the stream over. With no place for it, the one of those in their handshake that has waited longest
 * goes: a stalled one does not keep a client out. If there is none, an idle connection of a client goes, so that nobody keeps all places.
 */
void server_accept(struct server *server, struct stream *stream, uint64_t now_ns);

/* One round over all sessions. Returns when to call again even if no stream moves: now_ns when something is left to do. */
uint64_t server_run(struct server *server, uint64_t now_ns);
