/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over lwIP's raw TCP: see tcp.h. lwIP's callbacks only note what came; all else is done by the program's loop. */
#include "mgmt/tcp.h"

#include <string.h>
#include <lwip/ip.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "mgmt/server.h"
#include "mgmt/tcp_share.h"
#include "mgmt/vnc.h"

enum { PROBE_IDLE_MS = 60000, PROBE_INTERVAL_MS = 10000 };
enum { SERVER_STREAMS = SERVER_SESSIONS + 8, VNC_STREAMS = VNC_VIEWERS + 2, STREAMS = SERVER_STREAMS + VNC_STREAMS };
enum { HALF_OPEN_MAX = 16, LISTENERS = MEMP_NUM_TCP_PCB_LISTEN };
enum { HELD_MAX = PBUF_POOL_SIZE / 3, HELD_FEW = 2 };
_Static_assert(HELD_MAX + STREAMS * HELD_FEW + SHARE_KEEP <= PBUF_POOL_SIZE - 64, "some buffers are left for whatever else comes");
enum { POLL_TICKS = 4, POLLS_CLOSING = 15 };                 /* of half a second; how many polls a closed one gets */

/*
 * TCP_FREE --accepted--> TCP_FRESH --tcp_next()--> TCP_USED --close--> TCP_FREE
 * pcb is NULL when the connection broke; the stream stays until its owner closes it.
 */
enum tcp_use { TCP_FREE, TCP_FRESH, TCP_USED };

struct tcp_stream {
	struct stream stream;
	enum tcp_use use;
	struct tcp_pcb *pcb;
	struct pbuf *in;             /* not yet read                                                 */
	unsigned held;               /* buffers of it                                                */
	bool ended;                  /* nothing comes behind that                                    */
};

static struct tcp_stream streams[STREAMS];
static unsigned held;                        /* buffers of all of them                               */
static struct tcp_pcb *listeners[LISTENERS];

static struct tcp_stream *owner(struct stream *s)
{
	return container_of(s, struct tcp_stream, stream);
}

static void count_held(struct tcp_stream *t)
{
	unsigned now = t->in ? pbuf_clen(t->in) : 0;

	held += now - t->held;
	t->held = now;
}

static void drop_unread(struct tcp_stream *t)
{
	if (t->in) {
		pbuf_free(t->in);
	}
	t->in = NULL;
	count_held(t);
}

/* ---- callbacks of lwIP ---- */

/* lwIP offers it again, and takes no more meanwhile: who is not read from must not hold the buffers that all others need. */
static bool holds_too_much(const struct tcp_stream *t, const struct pbuf *p)
{
	return t->held + pbuf_clen(p) > HELD_FEW && held + pbuf_clen(p) > HELD_MAX;
}

/* What lwIP keeps for us comes out of the same buffers. */
static err_t keep_or_abort(struct tcp_pcb *pcb, struct pbuf *p)
{
	if (share_may_keep(pbuf_clen(p))) {
		return ERR_MEM;
	}
	pbuf_free(p);
	tcp_abort(pcb);
	return ERR_ABRT;
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct tcp_stream *t = arg;

	(void)error;
	if (!p) {
		t->ended = true;
		return ERR_OK;
	}
	if (holds_too_much(t, p)) {
		return keep_or_abort(pcb, p);
	}
	if (t->in) {
		pbuf_cat(t->in, p);
	} else {
		t->in = p;
	}
	count_held(t);
	return ERR_OK;
}

/* The connection is gone already. */
static void on_error(void *arg, err_t error)
{
	struct tcp_stream *t = arg;

	(void)error;
	t->pcb = NULL;
	if (t->use == TCP_FRESH) {
		drop_unread(t);
		t->use = TCP_FREE;
	}
}

/* Those of the node's own port and those of VNC viewers do not take each other's places. */
static struct tcp_stream *find_free(uint16_t port)
{
	int first = port == SERVER_PORT ? 0 : SERVER_STREAMS, end = port == SERVER_PORT ? SERVER_STREAMS : STREAMS;

	for (int i = first; i < end; i++) {
		if (streams[i].use == TCP_FREE) {
			return &streams[i];
		}
	}
	return NULL;
}

/* Of IPv6 a whole network: who has one address of it has them all. */
static uint64_t origin_of(const ip_addr_t *address)
{
	if (IP_IS_V6(address)) {
		return (uint64_t)lwip_ntohl(ip_2_ip6(address)->addr[0]) << 32 | lwip_ntohl(ip_2_ip6(address)->addr[1]);
	}
	return lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(address)));
}

static const struct stream_ops ops;

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct tcp_stream *t = pcb ? find_free(pcb->local_port) : NULL;

	(void)arg;
	if (error != ERR_OK || !pcb) {
		return ERR_VAL;
	}
	if (!t) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	*t = (struct tcp_stream){ .stream = { .ops = &ops }, .use = TCP_FRESH, .pcb = pcb };
	t->stream.port = pcb->local_port;
	t->stream.origin = origin_of(&pcb->remote_ip);
	ipaddr_ntoa_r(&pcb->remote_ip, t->stream.peer, sizeof(t->stream.peer));
	tcp_nagle_disable(pcb);
	ip_set_option(pcb, SOF_KEEPALIVE);
	pcb->keep_idle = PROBE_IDLE_MS;
	pcb->keep_intvl = PROBE_INTERVAL_MS;
	tcp_arg(pcb, t);
	tcp_recv(pcb, on_receive);
	tcp_err(pcb, on_error);
	return ERR_OK;
}

/* ---- the stream ---- */

static int read_some(struct stream *s, void *to, size_t size)
{
	struct tcp_stream *t = owner(s);
	u16_t n = size < UINT16_MAX ? (u16_t)size : UINT16_MAX;

	if (!t->in) {
		return t->ended ? 0 : t->pcb ? E_AGAIN : E_IO;
	}
	n = pbuf_copy_partial(t->in, to, n, 0);
	t->in = pbuf_free_header(t->in, n);
	count_held(t);
	if (t->pcb) {
		tcp_recved(t->pcb, n);
	}
	return n;
}

static int write_some(struct stream *s, const void *bytes, size_t len)
{
	struct tcp_stream *t = owner(s);
	size_t room;

	if (!t->pcb) {
		return E_IO;
	}
	room = share_send_room(t->pcb);
	len = len < room ? len : room;
	if (!len || tcp_write(t->pcb, bytes, (u16_t)len, TCP_WRITE_FLAG_COPY) != ERR_OK) {
		return E_AGAIN;
	}
	tcp_output(t->pcb);
	return (int)len;
}

/* ---- what was closed, and is lwIP's until the peer has all of it ---- */

static err_t drop_late(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	(void)arg;
	(void)error;
	if (p) {
		tcp_recved(pcb, p->tot_len);
		pbuf_free(p);
	}
	return ERR_OK;
}

/* arg: how often it was called. Who neither takes our last words nor goes has had his time. */
static err_t poll_closing(void *arg, struct tcp_pcb *pcb)
{
	uintptr_t polls = (uintptr_t)arg + 1;

	if (polls > POLLS_CLOSING) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	tcp_arg(pcb, (void *)polls);
	return ERR_OK;
}

/*
 * Our side ends; what the peer still sends is taken and dropped (RFC 9112, 9.6): a closed connection would answer it with a reset, and
 * a client that sends all of a request before it reads would never see why it was refused.
 */
static void close_stream(struct stream *s)
{
	struct tcp_stream *t = owner(s);
	struct tcp_pcb *pcb = t->pcb;

	if (pcb) {
		tcp_arg(pcb, NULL);
		tcp_recv(pcb, drop_late);
		tcp_err(pcb, NULL);
		tcp_poll(pcb, poll_closing, POLL_TICKS);
		if (t->in) {
			tcp_recved(pcb, t->in->tot_len);
		}
		tcp_setprio(pcb, TCP_PRIO_MIN);
		if (tcp_shutdown(pcb, 0, 1) != ERR_OK) {
			tcp_abort(pcb);
		}
	}
	drop_unread(t);
	*t = (struct tcp_stream){ .use = TCP_FREE };
}

/* lwIP takes a connection of lower priority away where it lacks one. */
static void favour(struct stream *s)
{
	if (owner(s)->pcb) {
		tcp_setprio(owner(s)->pcb, TCP_PRIO_MAX);
	}
}

static const struct stream_ops ops = { .read = read_some, .write = write_some, .close = close_stream, .favour = favour };

struct stream *tcp_next(void)
{
	for (int i = 0; i < STREAMS; i++) {
		if (streams[i].use == TCP_FRESH) {
			streams[i].use = TCP_USED;
			return &streams[i].stream;
		}
	}
	return NULL;
}

void tcp_trim(void)
{
	struct tcp_pcb *pcb, *oldest = NULL;
	int n = 0;

	for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {      /* the youngest first */
		if (pcb->state == SYN_RCVD) {
			n++;
			oldest = pcb;
		}
	}
	if (n > HALF_OPEN_MAX) {
		tcp_abandon(oldest, 0);
	}
}

/* Who listens on a port, or (0) a free place. */
static struct tcp_pcb **find_listener(uint16_t port)
{
	for (int i = 0; i < LISTENERS; i++) {
		if ((listeners[i] ? listeners[i]->local_port : 0) == port) {
			return &listeners[i];
		}
	}
	return NULL;
}

int tcp_listen_on(uint16_t port)
{
	struct tcp_pcb **place = find_listener(0), *pcb = place ? tcp_new_ip_type(IPADDR_TYPE_ANY) : NULL;

	if (!pcb) {
		return E_NOMEM;
	}
	ip_set_option(pcb, SOF_REUSEADDR);
	if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
		tcp_abort(pcb);
		return E_NOMEM;
	}
	*place = tcp_listen(pcb);
	if (!*place) {
		tcp_abort(pcb);
		return E_NOMEM;
	}
	tcp_accept(*place, on_accept);
	return OK;
}

void tcp_leave(uint16_t port)
{
	struct tcp_pcb **place = find_listener(port);

	if (port && place) {
		tcp_close(*place);
		*place = NULL;
	}
}
