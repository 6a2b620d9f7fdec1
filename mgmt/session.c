/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's life: see session.h. */
#include "mgmt/session.h"

#include <string.h>
#include <strings.h>

#include "mgmt/consoles.h"
#include "mgmt/platform.h"

enum { SEND_MAX = 16384, CONSOLE_PIECE = 2048, COPY_MAX = 4096 };
enum { STEPS = 8 };                  /* per run, so that one client's flood does not keep the others waiting */

#define REFUSAL_LOG_NS (600 * 1000000000ull)

struct session_counters session_counters;

static void take_body(void *context, const uint8_t *bytes, size_t len)
{
	struct session *s = context;

	exchange_body(&s->exchange, bytes, len);
}

static const struct http_sink sink = { .body = take_body };

int session_begin(struct session *s, struct tls_server *server, struct stream *stream, uint64_t now_ns)
{
	int r = tls_begin(&s->tls, server, stream);

	if (r < 0) {
		stream->ops->close(stream);
		session_counters.refused++;
		return r;
	}
	session_counters.accepted++;
	s->state = SESSION_HANDSHAKE;
	s->stream = stream;
	s->since_ns = now_ns;
	s->in_at = s->in_len = s->out_at = 0;
	s->open = false;
	http_init(&s->http, &sink, s);
	return OK;
}

static void forget_request(struct session *s)
{
	if (s->open) {
		exchange_end(&s->exchange);
	}
	text_free(&s->out);
	s->open = false;
}

static void end(struct session *s)
{
	forget_request(s);
	tls_end(&s->tls);
	s->stream->ops->close(s->stream);
	s->state = SESSION_FREE;
}

static void say_goodbye(struct session *s, uint64_t now_ns)
{
	forget_request(s);
	s->state = SESSION_GOODBYE;
	s->since_ns = now_ns;
}

/* ---- the steps: true when something moved ---- */

/* Each reason once in a while: strangers must not fill the log. */
static void log_refusal(const struct session *s, uint64_t now_ns)
{
	static uint64_t again_ns[TLS_REFUSALS];
	const char *why;
	int reason = tls_refusal(&s->tls, &why);

	if (reason >= 0 && now_ns >= again_ns[reason]) {
		again_ns[reason] = now_ns + REFUSAL_LOG_NS;
		platform_log("a client from %s was refused: %s", s->stream->peer, why);
	}
}

static bool handshake(struct session *s, uint64_t now_ns)
{
	int r = tls_handshake(&s->tls);

	if (r == E_AGAIN) {
		return false;
	}
	if (r < 0) {
		session_counters.handshake_failures++;
		log_refusal(s, now_ns);
		end(s);
		return false;
	}
	session_counters.handshakes++;
	s->stream->ops->favour(s->stream);
	s->state = SESSION_REQUEST;
	s->since_ns = now_ns;
	return true;
}

/* What is large is sent from where it stands: a second copy of it would be of a heap that all sessions share. */
static void add_body(struct session *s)
{
	struct exchange *e = &s->exchange;

	if (s->http.request.method == HTTP_HEAD) {
		e->source_len = e->source_more = 0;
		text_free(&e->reply);
	} else if (e->reply.len > COPY_MAX) {
		e->source = (const uint8_t *)e->reply.at;
		e->source_len = e->reply.len;
	} else if (e->reply.len) {
		text_append(&s->out, e->reply.at, e->reply.len);
		text_free(&e->reply);
	}
}

static void compose(struct session *s)
{
	struct exchange *e = &s->exchange;
	uint64_t length = e->source_len + e->source_more;

	s->out_at = 0;
	s->state = SESSION_ANSWER;
	text_free(&s->out);                                      /* a 100 Continue, sent */
	if (e->status == 101) {
		text_printf(&s->out, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: brume-console\r\n\r\n");
		return;
	}
	e->close |= !s->http.request.keep_alive;
	text_printf(&s->out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %llu\r\nCache-Control: no-store\r\n%s", e->status,
		    http_reason(e->status), e->type, (unsigned long long)(length ? length : e->reply.len),
		    e->close ? "Connection: close\r\n" : s->http.request.old ? "Connection: keep-alive\r\n" : "");
	text_append(&s->out, e->headers.at ? e->headers.at : "", e->headers.len);
	text_append(&s->out, "\r\n", 2);
	add_body(s);
}

static void begin_exchange(struct session *s)
{
	s->exchange = (struct exchange){
		.request = &s->http.request, .client = s->tls.name, .peer = s->stream->peer, .role = s->tls.role,
	};
	s->open = true;
	session_counters.requests++;
}

/* After a piece of the request: is there anything to answer? */
static void follow_http(struct session *s)
{
	struct exchange *e = &s->exchange;

	if (s->http.state == HTTP_BAD) {
		if (!s->open) {
			begin_exchange(s);
		}
		exchange_refuse(e, s->http.bad_status, "this is no request that can be understood");
		e->close = true;
	} else if (s->http.state != HTTP_IN_HEAD && !s->open) {
		begin_exchange(s);
		exchange_begin(e);
		if (e->route && !e->status && !s->http.request.old &&
		    strcasecmp(s->http.request.field[FIELD_EXPECT], "100-continue") == 0) {
			text_printf(&s->out, "HTTP/1.1 100 Continue\r\n\r\n");
		}
	}
	if (!s->open) {
		return;
	}
	if (s->http.state == HTTP_WHOLE && !e->waits) {
		exchange_answer(e);
	}
	if (e->waits) {
		s->state = SESSION_WAIT;
		return;
	}
	if (s->http.state == HTTP_WHOLE || (e->status && e->close)) {
		compose(s);
	}
}

/* Bytes that were sent, 0: not now, or the session ended. */
static size_t send_some(struct session *s, const void *bytes, uint64_t len, uint64_t now_ns)
{
	int n = tls_write(&s->tls, bytes, len < SEND_MAX ? (size_t)len : SEND_MAX);

	if (n < 0) {
		if (n != E_AGAIN) {
			end(s);
		}
		return 0;
	}
	s->since_ns = now_ns;
	return (size_t)n;
}

/* Sends what stands in out. True: all is sent. */
static bool flush(struct session *s, uint64_t now_ns, bool *moved)
{
	size_t n;

	if (s->out.failed) {
		say_goodbye(s, now_ns);
		return false;
	}
	if (s->out_at == s->out.len) {
		return true;
	}
	n = send_some(s, s->out.at + s->out_at, s->out.len - s->out_at, now_ns);
	if (!n) {
		return false;
	}
	s->out_at += n;
	*moved = true;
	return s->out_at == s->out.len;
}

/* The same with the memory behind it. */
static bool flush_source(struct session *s, uint64_t now_ns, bool *moved)
{
	struct exchange *e = &s->exchange;
	size_t n;

	if (!e->source_len && e->source_more) {
		e->route->more(e);
	}
	if (!e->source_len) {
		return true;
	}
	n = send_some(s, e->source, e->source_len, now_ns);
	if (!n) {
		return false;
	}
	e->source += n;
	e->source_len -= n;
	*moved = true;
	return !e->source_len && !e->source_more;
}

/* Reads when there is nothing left to take. False: nothing came, or the session ended. */
static bool fill(struct session *s, uint64_t now_ns)
{
	int n;

	if (s->in_at < s->in_len) {
		return true;
	}
	n = tls_read(&s->tls, s->in, sizeof(s->in));
	if (n > 0) {
		s->in_at = 0;
		s->in_len = (size_t)n;
		/* A head that comes byte by byte gets no more time than one that comes at once. */
		if (s->http.state != HTTP_IN_HEAD || !s->http.head_len) {
			s->since_ns = now_ns;
		}
		return true;
	}
	if (n == 0) {
		say_goodbye(s, now_ns);
	} else if (n != E_AGAIN) {
		end(s);
	}
	return false;
}

static bool request(struct session *s, uint64_t now_ns)
{
	bool moved = false;

	if (!flush(s, now_ns, &moved)) {                         /* the 100 Continue */
		return moved;
	}
	if (!fill(s, now_ns)) {
		return false;
	}
	s->in_at += http_feed(&s->http, s->in + s->in_at, s->in_len - s->in_at);
	follow_http(s);
	return true;
}

/* Meanwhile the client is listened to no more than shows whether it is still there. */
static bool wait(struct session *s, uint64_t now_ns)
{
	struct exchange *e = &s->exchange;

	exchange_poll(e);
	if (e->waits) {
		(void)!fill(s, now_ns);
		return false;
	}
	if (s->http.state == HTTP_WHOLE || (e->status && e->close)) {
		compose(s);
	} else {
		s->state = SESSION_REQUEST;      /* it waited for a place for its body */
	}
	return true;
}

static bool answer(struct session *s, uint64_t now_ns)
{
	bool moved = false;

	if (!flush(s, now_ns, &moved) || !flush_source(s, now_ns, &moved)) {
		return moved;
	}
	if (s->exchange.status == 101) {
		s->state = SESSION_CONSOLE;
		text_free(&s->out);
		s->out_at = 0;
	} else if (s->exchange.close) {
		say_goodbye(s, now_ns);
	} else {
		forget_request(s);
		s->out_at = 0;
		http_next(&s->http);
		s->state = SESSION_REQUEST;
	}
	return true;
}

/* What is typed first: it is little, and the VM may be talking without end. */
static bool console(struct session *s, uint64_t now_ns)
{
	uint8_t bytes[CONSOLE_PIECE];
	bool moved = false;
	size_t n;

	if (s->in_at < s->in_len || fill(s, now_ns)) {
		n = console_write(&s->exchange, s->in + s->in_at, s->in_len - s->in_at);
		s->in_at += n;
		moved = n != 0;
	}
	if (s->state != SESSION_CONSOLE || !flush(s, now_ns, &moved)) {
		return moved && s->state == SESSION_CONSOLE;
	}
	text_free(&s->out);
	s->out_at = 0;
	n = console_read(&s->exchange, bytes, sizeof(bytes));
	text_append(&s->out, (const char *)bytes, n);
	if (!n && console_is_over(&s->exchange)) {
		say_goodbye(s, now_ns);
		return true;
	}
	return moved || n;
}

static bool step(struct session *s, uint64_t now_ns)
{
	switch (s->state) {
	case SESSION_HANDSHAKE: return handshake(s, now_ns);
	case SESSION_REQUEST:   return request(s, now_ns);
	case SESSION_WAIT:      return wait(s, now_ns);
	case SESSION_ANSWER:    return answer(s, now_ns);
	case SESSION_CONSOLE:   return console(s, now_ns);
	case SESSION_GOODBYE:
		if (tls_close(&s->tls) != E_AGAIN) {
			end(s);
		}
		return false;
	case SESSION_FREE:      break;
	}
	return false;
}

bool session_is_idle(const struct session *s)
{
	return s->state == SESSION_REQUEST && !s->open && !s->http.head_len && s->in_at == s->in_len;
}

void session_drop(struct session *s)
{
	end(s);
}

uint64_t session_deadline(const struct session *s)
{
	switch (s->state) {
	case SESSION_FREE:      return UINT64_MAX;
	case SESSION_WAIT:      return s->since_ns + SESSION_WAIT_NS;
	case SESSION_CONSOLE:   return UINT64_MAX;       /* TCP's own probes find out when nobody is there any more */
	case SESSION_HANDSHAKE: return s->since_ns + SESSION_HANDSHAKE_NS;
	case SESSION_REQUEST:
		return s->since_ns + (s->open || s->http.head_len ? SESSION_STALL_NS : SESSION_IDLE_NS);
	default:                return s->since_ns + SESSION_STALL_NS;
	}
}

bool session_run(struct session *s, uint64_t now_ns)
{
	if (now_ns >= session_deadline(s)) {
		session_counters.timeouts++;
		end(s);
		return false;
	}
	for (int i = 0; i < STEPS; i++) {
		if (!step(s, now_ns)) {
			return false;
		}
	}
	return true;
}
