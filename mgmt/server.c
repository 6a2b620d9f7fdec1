/* SPDX-License-Identifier: Apache-2.0 */
/* The port's sessions: see server.h. */
#include "mgmt/server.h"

int server_init(struct server *server, struct identity *id)
{
	return tls_server_init(&server->tls, id);
}

static struct session *find_free(struct server *server)
{
	for (int i = 0; i < SERVER_SESSIONS; i++) {
		if (server->session[i].state == SESSION_FREE) {
			return &server->session[i];
		}
	}
	return NULL;
}

/* Counts those in their handshake; *oldest is the one that began first. */
static int count_strangers(struct server *server, struct session **oldest)
{
	int n = 0;

	*oldest = NULL;
	for (int i = 0; i < SERVER_SESSIONS; i++) {
		struct session *s = &server->session[i];

		if (s->state == SESSION_HANDSHAKE) {
			n++;
			if (!*oldest || s->since_ns < (*oldest)->since_ns) {
				*oldest = s;
			}
		}
	}
	return n;
}

/* Who has asked nothing for longest. NULL: nobody is idle. */
static struct session *find_idle(struct server *server)
{
	struct session *found = NULL;

	for (int i = 0; i < SERVER_SESSIONS; i++) {
		struct session *s = &server->session[i];

		if (session_is_idle(s) && (!found || s->since_ns < found->since_ns)) {
			found = s;
		}
	}
	return found;
}

void server_accept(struct server *server, struct stream *stream, uint64_t now_ns)
{
	struct session *s = find_free(server), *oldest;
	int strangers = count_strangers(server, &oldest);

	if (!s && !oldest) {
		oldest = find_idle(server);
	}
	if ((!s || strangers >= SERVER_STRANGERS) && oldest) {
		session_drop(oldest);
		s = oldest;
	}
	if (!s) {
		stream->ops->close(stream);
		session_counters.refused++;
		return;
	}
	if (session_begin(s, &server->tls, stream, now_ns) < 0) {
		return;                                          /* counted there */
	}
}

uint64_t server_run(struct server *server, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < SERVER_SESSIONS; i++) {
		struct session *s = &server->session[i];
		uint64_t due = session_run(s, now_ns) ? now_ns : session_deadline(s);

		next = due < next ? due : next;
	}
	return next;
}
