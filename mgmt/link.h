/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own port of the switch as an interface of lwIP: frames in a channel (lib/frames.h), addresses by configuration. */
#pragma once

#include "conf/result.h"
#include "lib/frames.h"

struct link_counters {
	uint64_t in_frames, in_bytes, in_dropped, out_frames, out_bytes, out_dropped;
};

extern struct link_counters link_counters;

/*
 * Once. config tells the address: by DHCP or a fixed one; IPv6 addresses come by router advertisements (RFC 4862). name: the host's,
 * must stay.
 */
void link_init(const struct conf_node *config, const char *name, const uint8_t mac[6]);

/* The channel is there, or (NULL) gone. It may be the same one again after the switch was restarted. */
void link_plug(struct frames_channel *channel);

/* Takes frames that have come, at most a fixed number. True: there may be more. */
bool link_receive(void);

/* Runs lwIP's timers. Returns when to call again. */
uint64_t link_tick(uint64_t now_ns);

/* True once after each time that the switch has to be signalled. */
bool link_must_signal(void);

/* Nothing came: the switch is asked to signal. False: something came after all. */
bool link_sleep(void) MUST_CHECK;

/* Logs the addresses when they changed. Cheap. */
void link_tell_addresses(void);
