/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch: takes frames out of the ports' channels and puts each into the channel of the port, or ports, that it is
 * for. Ports take turns by bytes (deficit round robin), so that a flood costs the others nothing but its fair share.
 *
 * A port whose VM does not take its frames makes a sender wait for a moment only, and only until it has shown that it
 * is slow: from then on, until half of its ring is free again, what is for it is dropped at once. Frames for all are
 * dropped where there is no room.
 *
 * An uplink is a port as others are: what nobody here has goes there, and what comes from there takes its turn. A VM's own
 * address is fixed to its port, so no frame from the wire moves it. What comes over the wire never waits for a port. Frames never go from one uplink to another.
 *
 * Pure: no system call, time is an argument. One thread.
 */
#pragma once

#include "net/fdb.h"
#include "net/port.h"

enum {
	SWITCH_QUANTUM = 128 << 10,  /* bytes that a port may send in one turn                       */
	SWITCH_BATCH = 1 << 20,      /* bytes moved in one run                                       */
	SWITCH_FRAME_COST = 256,     /* bytes as which a frame counts at least                       */
	SWITCH_PATIENCE_NS = 2000000,        /* that long a frame waits for room                     */
};

enum { SWITCH_PORTS_MAX = NET_PORTS_MAX + NET_UPLINKS_MAX };

struct net_switch {
	uint32_t count;              /* ports, up or not                                             */
	uint32_t first;              /* who begins the next turn                                     */
	struct fdb fdb;
	struct switch_port port[SWITCH_PORTS_MAX];
};

/* counters: of each port, count of them, which begin at zero; others may read them at any time. */
void switch_init(struct net_switch *s, uint32_t count, struct net_counters *counters);

/* Plugs a channel in; net and mac of info count. What waits in it is carried as any other frame. */
void switch_plug(struct net_switch *s, uint32_t port, struct frames_channel *channel, const struct net_port *info);

/* Plugs an uplink in, which outlives it. Its link goes and comes with uplink_is_up(): the caller pulls and plugs. */
void switch_plug_uplink(struct net_switch *s, uint32_t port, struct uplink *uplink, uint32_t net);

/* After this the port's channel is not touched any more. */
void switch_pull(struct net_switch *s, uint32_t port);

/*
 * Moves frames between all ports, and tells the cards; a bounded number. Returns when to call again at the latest: now_ns: there is more to do; UINT64_MAX: when
 * somebody signals.
 */
uint64_t switch_run(struct net_switch *s, uint64_t now_ns);

/* The guest behind port, where tell is set, was interrupted. */
void switch_told(struct net_switch *s, uint32_t port);

/* Nothing is left to do now: asks for signals. False: something came meanwhile. */
bool switch_sleep(struct net_switch *s) MUST_CHECK;
