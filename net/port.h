/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port of the switch: a channel of a VM's card or of the node's own program, or an uplink. Here is what the two are asked for;
 * what happens to frames is decided in switch.c.
 */
#pragma once

#include "net/ports.h"
#include "net/uplink.h"

struct switch_port {
	bool up, fixed;
	bool waits;                  /* its first frame waits for room elsewhere                     */
	bool slow;                   /* does not take its frames                                     */
	bool signal;                 /* its VM is to be signalled: the caller does, and clears       */
	bool tell;                   /* what it sent has gone: the caller interrupts its guest, and calls switch_told() */
	uint32_t tell_at;
	uint32_t net;
	int64_t deficit;             /* bytes                                                        */
	uint64_t waits_since_ns;
	struct uplink *uplink;       /* NULL: a channel                                              */
	struct frames_end from, to;
	struct net_counters *counters;
};

/* The next frame of a port, as frames_next(); its bytes, all of which it has; and it is done with. */
int port_next(struct switch_port *p, struct frame_header *h) MUST_CHECK;
void port_get(const struct switch_port *p, uint32_t at, void *bytes, uint32_t len);
void port_drop(struct switch_port *p, const struct frame_header *h);

/* True: a port takes such a frame now. port_full: it does not, and says when that changes. */
bool port_room(struct switch_port *to, const struct frame_header *h) MUST_CHECK;
bool port_full(struct switch_port *to, const struct frame_header *h) MUST_CHECK;

/* The frame at which from stands into to, which has room. False: to cannot carry it. Not both are uplinks. */
bool port_move(struct switch_port *to, struct switch_port *from, const struct frame_header *h) MUST_CHECK;

/* True: half of the way to it is free. */
bool port_is_half_empty(struct switch_port *to) MUST_CHECK;

/* True: it may have something to send; of an uplink only port_next() knows. */
bool port_has_more(struct switch_port *p) MUST_CHECK;

/* Nothing is left to do: asks for signals. False: something came meanwhile. */
bool port_sleep(struct switch_port *p) MUST_CHECK;
