/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of a node, by brumed. */
#pragma once

#include "opennebula/driver/queue.h"
#include "opennebula/lib/memory.h"

/* How an action ended. */
enum node_result {
	NODE_DONE,
	NODE_REFUSED,                    /* nothing is left of it */
	NODE_GIVEN_UP,                   /* by oned, before the node was asked */
	NODE_LOST,                       /* nobody knows what the node does, or wants to: oned gave it up on the way */
};

/*
 * Does an action with request r's VM and waits for its end; xml is the body. Not NODE_DONE: with the reason.
 *
 * oned has one action at a time of a VM. If the node has another one that goes on, it is of a driver that died, so it is given up and ours
 * done after all.
 */
enum node_result node_act(struct request *r, const char *host, const char *action, const struct buffer *xml, struct why *why);

/* Tells a node that nobody waits for the action of that key any more. */
void node_give_up(struct request *r, const char *host, const char *key);
