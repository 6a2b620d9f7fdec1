/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All uplinks of the switch: each is attached, plugged in while frames go and come, and attached anew when it broke, less and less
 * often, since that holds the switch up.
 *
 * Pure: no system call but those of the drivers. One thread.
 */
#pragma once

#include "net/ports.h"
#include "net/switch.h"

#define UPLINKS_RETRY_NS 1000000000ull           /* until the first retry; then twice as long each time, up to: */
#define UPLINKS_RETRY_MAX_NS (64 * UPLINKS_RETRY_NS)
#define UPLINKS_POLL_NS 10000000ull              /* one without interrupts is looked at so often         */

/* Empty when zero. */
struct uplinks {
	struct uplink uplink[NET_UPLINKS_MAX];
	uint64_t retry_ns[NET_UPLINKS_MAX], pause_ns[NET_UPLINKS_MAX];
	bool shown[NET_UPLINKS_MAX];             /* init has heard of it                                 */
	struct uplink_plain plain;
};

/*
 * Takes care of cards that broke and links that went or came, and writes into answers what became of them. Uplink i is port
 * port_count + i of s. True: init is to be told. May wait for a card that is reset.
 */
bool uplinks_follow(struct uplinks *u, struct net_switch *s, const struct net_status *status, struct net_answers *answers,
		    uint64_t now_ns) MUST_CHECK;

/* Something was signalled. */
void uplinks_wake(struct uplinks *u, const struct net_status *status);

/* Before the switch sleeps: that a link comes back is heard of by interrupt, too. What is left in its card until then nobody takes. */
void uplinks_listen(struct uplinks *u, const struct net_switch *s, const struct net_status *status);

/* When they want to be followed at the latest, even if nobody signals. UINT64_MAX: never. */
uint64_t uplinks_next_ns(const struct uplinks *u, const struct net_status *status, uint64_t now_ns);
