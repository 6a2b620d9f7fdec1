/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles of VMs for others than who sits at the serial line: mgmt takes a relay, names a VM, and reads what that sends from its
 * scroll-back on and writes what is typed. Who reads too slowly loses the oldest bytes; no VM waits for it.
 */
#pragma once

#include "console/mux.h"

struct relay_end {
	uint32_t serial;             /* of the wish that is served                                   */
	int vm;                      /* -1: none                                                     */
	uint32_t id;                 /* of that VM: another one of its number is not meant           */
	uint64_t position;           /* in its scroll-back                                           */
	struct channel_end out, in;
};

struct relays {
	struct node_relays *shared;
	struct relay_end end[NODE_RELAYS];
	bool signal;                 /* mgmt is to be signalled                                      */
};

/* shared must outlive it. */
void relays_init(struct relays *r, struct node_relays *shared);

/* Moves what can be moved, a bounded number of bytes. */
void relays_pump(struct relays *r, struct mux *m);
