/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from port to port; switch.h tells the rules. */
#include "net/switch.h"

#include <string.h>

#define NEVER UINT64_MAX

enum { MAC_BYTES = 6 };
enum verdict { CARRIED, WAITS };

void switch_init(struct net_switch *s, uint32_t count, struct net_counters *counters)
{
	memset(s, 0, sizeof(*s));
	s->count = count < SWITCH_PORTS_MAX ? count : SWITCH_PORTS_MAX;
	for (uint32_t i = 0; i < s->count; i++) {
		counters[i] = (struct net_counters){ 0 };
		s->port[i].counters = &counters[i];
	}
}

void switch_plug(struct net_switch *s, uint32_t port, struct frames_channel *channel, const struct net_port *info)
{
	struct switch_port *p = &s->port[port];

	*p = (struct switch_port){ .up = true, .net = info->net, .counters = p->counters };
	*p->counters = (struct net_counters){ 0 };
	frames_reader(&p->from, &channel->from_vm, channel->from_vm_data);
	frames_writer(&p->to, &channel->to_vm, channel->to_vm_data);
	p->fixed = fdb_fix(&s->fdb, fdb_key(info->mac, p->net), port);
}

void switch_plug_uplink(struct net_switch *s, uint32_t port, struct uplink *uplink, uint32_t net)
{
	s->port[port] = (struct switch_port){ .up = true, .net = net, .uplink = uplink, .counters = s->port[port].counters };
	fdb_make_firm(&s->fdb, port);
}

void switch_pull(struct net_switch *s, uint32_t port)
{
	s->port[port].up = false;
	fdb_forget(&s->fdb, port);
}

/* ---- one frame ---- */

static void deliver(struct switch_port *from, struct switch_port *to, const struct frame_header *h)
{
	if (!port_move(to, from, h)) {
		to->counters->out_dropped++;
		return;
	}
	to->counters->out_frames++;
	to->counters->out_bytes += h->len;
}

/* Half of the ring is free: the VM takes its frames again. */
static void look_whether_slow(struct switch_port *to)
{
	to->slow = to->slow && !port_is_half_empty(to);
}

static void flood(struct net_switch *s, struct switch_port *from, const struct frame_header *h)
{
	for (struct switch_port *to = s->port; to < s->port + s->count; to++) {
		if (to == from || !to->up || to->net != from->net) {
			continue;
		}
		if (port_room(to, h)) {
			deliver(from, to, h);
			from->deficit -= h->len;                 /* each copy is work of the sender's */
		} else {
			to->counters->out_dropped++;
		}
	}
}

/*
 * To one port: where it is full, the sender waits a moment, unless the port is known to be slow. The wire waits for nobody:
 * behind its first frame stand those for all others.
 */
static enum verdict unicast(struct switch_port *from, struct switch_port *to, const struct frame_header *h, uint64_t now_ns)
{
	look_whether_slow(to);
	to->slow = to->slow || (from->uplink && !port_room(to, h));
	if (!to->slow && port_room(to, h)) {
		deliver(from, to, h);
		return CARRIED;
	}
	if (!to->slow && !from->waits) {
		from->waits = true;
		from->waits_since_ns = now_ns;
	}
	if (!to->slow && now_ns - from->waits_since_ns < SWITCH_PATIENCE_NS && port_full(to, h)) {
		return WAITS;
	}
	if (!to->slow && port_room(to, h)) {
		deliver(from, to, h);
		return CARRIED;
	}
	to->slow = true;
	to->counters->out_dropped++;
	return CARRIED;
}

static bool is_group(const uint8_t mac[MAC_BYTES])
{
	return mac[0] & 1;
}

static enum verdict carry(struct net_switch *s, uint32_t port, const struct frame_header *h, uint64_t now_ns)
{
	struct switch_port *from = &s->port[port];
	uint8_t mac[2 * MAC_BYTES];
	int to;

	port_get(from, 0, mac, sizeof(mac));
	if (is_group(mac + MAC_BYTES) || !fdb_learn(&s->fdb, fdb_key(mac + MAC_BYTES, from->net), port, now_ns)) {
		from->counters->in_dropped++;
		return CARRIED;
	}
	to = is_group(mac) ? -1 : fdb_find(&s->fdb, fdb_key(mac, from->net), now_ns);
	if (to < 0) {
		flood(s, from, h);
	} else if ((uint32_t)to != port && unicast(from, &s->port[to], h, now_ns) == WAITS) {
		return WAITS;
	}
	from->counters->in_frames++;
	from->counters->in_bytes += h->len;
	return CARRIED;
}

/* ---- turns ---- */

static uint32_t cost(const struct frame_header *h)
{
	return h->len > SWITCH_FRAME_COST ? h->len : SWITCH_FRAME_COST;
}

/* One turn of one port. Returns the bytes that it moved. */
static uint32_t take_turn(struct net_switch *s, uint32_t port, uint64_t now_ns)
{
	struct switch_port *p = &s->port[port];
	uint32_t moved = 0;

	p->deficit = p->deficit + SWITCH_QUANTUM < SWITCH_QUANTUM ? p->deficit + SWITCH_QUANTUM : SWITCH_QUANTUM;
	if (p->deficit <= 0 && port_has_more(p)) {
		return 1;                                /* it pays for a flood with turns; there is more to do */
	}
	while (p->deficit > 0) {
		struct frame_header h;
		int r = port_next(p, &h);

		if (r == E_AGAIN) {
			p->deficit = 0;                  /* who has nothing to send saves nothing up */
			break;
		}
		if (r < 0) {
			p->counters->in_dropped++;
			p->deficit -= SWITCH_FRAME_COST;         /* nonsense is not for free either */
			moved += SWITCH_FRAME_COST;
			continue;
		}
		if (carry(s, port, &h, now_ns) == WAITS) {
			break;
		}
		p->waits = false;
		port_drop(p, &h);
		p->deficit -= cost(&h);
		moved += cost(&h);
	}
	p->tell = !p->uplink && frames_tells(&p->from, &p->tell_at);
	return moved;
}

void switch_told(struct net_switch *s, uint32_t port)
{
	s->port[port].tell = false;
	frames_told(&s->port[port].from, s->port[port].tell_at);
}

static void tell_cards(struct net_switch *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		if (s->port[i].up && s->port[i].uplink) {
			uplink_flush(s->port[i].uplink);
		}
	}
}

static uint64_t next_deadline(const struct net_switch *s)
{
	uint64_t next = NEVER;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct switch_port *p = &s->port[i];

		if (p->up && p->waits && p->waits_since_ns + SWITCH_PATIENCE_NS < next) {
			next = p->waits_since_ns + SWITCH_PATIENCE_NS;
		}
	}
	return next;
}

/* Who had to wait begins the next time, one after the other; else the turn goes round. */
static uint32_t who_is_first(const struct net_switch *s)
{
	for (uint32_t i = 1; i <= s->count; i++) {
		uint32_t port = (s->first + i) % s->count;

		if (s->port[port].up && s->port[port].waits) {
			return port;
		}
	}
	return s->count ? (s->first + 1) % s->count : 0;
}

uint64_t switch_run(struct net_switch *s, uint64_t now_ns)
{
	uint32_t total = 0, moved;

	do {
		moved = 0;
		for (uint32_t i = 0; i < s->count; i++) {
			uint32_t port = (s->first + i) % s->count;

			if (s->port[port].up) {
				moved += take_turn(s, port, now_ns);
			}
		}
		tell_cards(s);
		total += moved;
	} while (moved && total < SWITCH_BATCH);
	s->first = who_is_first(s);
	return moved ? now_ns : next_deadline(s);
}

bool switch_sleep(struct net_switch *s)
{
	bool idle = true;

	for (uint32_t i = 0; i < s->count; i++) {
		struct switch_port *p = &s->port[i];

		if (p->up && !p->waits && !port_sleep(p)) {
			idle = false;
		}
	}
	return idle;
}
