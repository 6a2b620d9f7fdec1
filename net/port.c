/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of both kinds; port.h tells what they are. */
#include "net/port.h"

int port_next(struct switch_port *p, struct frame_header *h)
{
	return p->uplink ? uplink_next(p->uplink, h) : frames_next(&p->from, h);
}

void port_get(const struct switch_port *p, uint32_t at, void *bytes, uint32_t len)
{
	if (p->uplink) {
		uplink_get(p->uplink, at, bytes, len);
	} else {
		frames_get(&p->from, at, bytes, len);
	}
}

void port_drop(struct switch_port *p, const struct frame_header *h)
{
	if (p->uplink) {
		uplink_drop(p->uplink);
	} else {
		p->signal |= frames_drop(&p->from, h);
	}
}

bool port_room(struct switch_port *to, const struct frame_header *h)
{
	return to->uplink ? uplink_room(to->uplink, h) : frames_room(&to->to, h->len);
}

bool port_full(struct switch_port *to, const struct frame_header *h)
{
	return to->uplink ? uplink_full(to->uplink, h) : frames_full(&to->to, h->len);
}

bool port_move(struct switch_port *to, struct switch_port *from, const struct frame_header *h)
{
	if (to->uplink) {
		return !from->uplink && uplink_send(to->uplink, &from->from, h);
	}
	to->signal |= from->uplink ? uplink_forward(from->uplink, &to->to, h) : frames_forward(&to->to, &from->from, h);
	return true;
}

bool port_is_half_empty(struct switch_port *to)
{
	return to->uplink || channel_room(&to->to.bytes) >= FRAMES_RING / 2;
}

bool port_has_more(struct switch_port *p)
{
	return p->uplink || channel_avail(&p->from.bytes);
}

bool port_sleep(struct switch_port *p)
{
	return p->uplink ? uplink_sleep(p->uplink) : frames_sleep(&p->from);
}
