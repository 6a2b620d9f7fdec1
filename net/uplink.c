/* SPDX-License-Identifier: Apache-2.0 */
/* A card as a port of the switch; uplink.h tells the rules. */
#include "net/uplink.h"

#include <string.h>

int uplink_start(struct uplink *u, const struct nic_host *host, struct uplink_plain *plain, uint64_t now_ns)
{
	int r;

	*u = (struct uplink){ .plain = plain, .gone_ns = now_ns };
	r = nic_attach(&u->nic, host);
	u->attached = r == OK;
	return r;
}

/* The rest of a frame that is being cut is lost. */
static void let_go(struct uplink *u)
{
	if (u->plain && u->plain->owner == u) {
		u->plain->owner = NULL;
	}
}

void uplink_stop(struct uplink *u)
{
	if (u->attached) {
		nic_quiesce(&u->nic);
	}
	let_go(u);
	u->attached = u->has_frame = false;
}

bool uplink_is_up(const struct uplink *u)
{
	return u->attached && u->nic.link && !u->nic.broken;
}

/* ---- in ---- */

int uplink_next(struct uplink *u, struct frame_header *header)
{
	if (!u->has_frame) {
		int r = nic_receive(&u->nic, &u->frame);

		if (r != OK) {
			u->dirty = u->dirty || r == E_PROTO;
			return r == E_PROTO ? E_PROTO : E_AGAIN;
		}
		u->has_frame = true;
	}
	*header = u->frame.header;
	return OK;
}

void uplink_get(const struct uplink *u, uint32_t at, void *bytes, uint32_t len)
{
	nic_frame_get(&u->frame, at, bytes, len);
}

void uplink_drop(struct uplink *u)
{
	nic_release(&u->nic, &u->frame);
	u->has_frame = false;
	u->dirty = true;
}

bool uplink_forward(struct uplink *u, struct frames_end *writer, const struct frame_header *header)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < u->frame.pieces; i++) {
		frames_put(writer, at, u->frame.piece[i].base, u->frame.piece[i].len);
		at += u->frame.piece[i].len;
	}
	return frames_send(writer, header);
}

/* ---- out ---- */

/* Sends the segments that are left, as far as there is room. True: none is left. */
static bool pump(struct uplink *u)
{
	struct uplink_plain *p = u->plain;

	while (p->owner == u) {
		struct frame_header h = { .len = p->plain.segment_len };
		uint8_t *to;

		if (!p->has_segment) {
			p->has_segment = net_plain_next(&p->plain);
			if (!p->has_segment) {
				p->owner = NULL;
				break;
			}
			h.len = p->plain.segment_len;
		}
		to = nic_room(&u->nic, h.len);
		if (!to) {
			return false;
		}
		memcpy(to, p->plain.segment, h.len);
		(void)!nic_transmit(&u->nic, &h);        /* too long for the wire: lost, as on any */
		p->has_segment = false;
		u->dirty = true;
	}
	return true;
}

/* A guest may ask for segments of one byte: more of them than the least MSS of TCP makes are not cut. */
static bool is_sendable(const struct frame_header *header)
{
	return net_header_is_sane(header) && (header->gso_type == NET_GSO_NONE || header->len / header->gso_size <= UPLINK_SEGMENTS_MAX);
}

bool uplink_room(struct uplink *u, const struct frame_header *header)
{
	if (!pump(u)) {
		return false;
	}
	if (is_sendable(header) && !nic_takes(&u->nic, header)) {
		return !u->plain->owner;
	}
	if (!nic_room(&u->nic, header->len)) {
		uplink_flush(u);                         /* what the card does not know of it is never done with */
		return nic_room(&u->nic, header->len);
	}
	return true;
}

bool uplink_full(struct uplink *u, const struct frame_header *header)
{
	u->wants_room = true;
	return !uplink_room(u, header);
}

static bool send_plain(struct uplink *u, const struct frames_end *reader, const struct frame_header *header)
{
	struct uplink_plain *p = u->plain;

	frames_get(reader, 0, p->plain.frame, header->len);
	if (net_plain_begin(&p->plain, header, false) < 0) {
		return false;
	}
	p->owner = u;
	p->has_segment = false;
	(void)!pump(u);
	return true;
}

bool uplink_send(struct uplink *u, const struct frames_end *reader, const struct frame_header *header)
{
	uint8_t *to;

	if (!is_sendable(header)) {
		return false;
	}
	if (!nic_takes(&u->nic, header)) {
		return send_plain(u, reader, header);
	}
	to = nic_room(&u->nic, header->len);
	if (!to) {
		return false;
	}
	frames_get(reader, 0, to, header->len);
	u->dirty = true;
	return nic_transmit(&u->nic, header);
}

void uplink_flush(struct uplink *u)
{
	(void)!pump(u);
	if (u->dirty) {
		nic_flush(&u->nic);
		u->dirty = false;
	}
}

/* ---- sleep ---- */

void uplink_wake(struct uplink *u)
{
	nic_acknowledge(&u->nic);
	u->wants_room = false;
}

void uplink_watch(struct uplink *u, uint64_t now_ns)
{
	nic_reap(&u->nic);
	if (!u->nic.out.count || !u->nic.link || u->nic.out.gone != u->gone) {
		u->gone = u->nic.out.gone;
		u->gone_ns = now_ns;
	} else if (now_ns - u->gone_ns > UPLINK_STUCK_NS) {
		nic_break(&u->nic, "it does not send");
	}
	if (!uplink_is_up(u)) {
		let_go(u);
	}
}

bool uplink_sleep(struct uplink *u)
{
	return nic_listen(&u->nic, u->wants_room || u->plain->owner == u);
}
