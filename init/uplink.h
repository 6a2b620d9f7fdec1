/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network cards of the machine as ways out of switches: chosen by the configuration, given to the program net each time that it
 * starts, and quiet while it is dead, which the kernel sees to (SYS_DEVICE_CREATE).
 */
#pragma once

#include "conf/result.h"
#include "lib/base.h"

struct child;
struct net_uplink;

/* Notes the lines of the configuration, which is NULL where there is none: then the first card is the way out of "default". */
void uplinks_configure(const struct conf_result *config);

/* Takes the cards, their registers and memory for them. Returns how many there are; what cannot be had is logged. */
uint32_t uplinks_init(void);

/* The same number later; the name of an uplink's switch. */
uint32_t uplink_count(void);
const char *uplink_net(uint32_t number);

/*
 * Gives the card to a net that does not run yet: its registers, cleared memory, and a device whose interrupts signal the event
 * wake, at slot NET_DEVICE + number. Fills in all of *to but net. On an error, which is logged, to->host.vendor is 0.
 */
void uplink_hand_over(uint32_t number, const struct child *child, uint32_t wake, struct net_uplink *to);

/* From the end of net to its next start: what cards that reset need to come back. */
uint64_t uplinks_pause_ns(void);

/* After that: whether all of them have come back. */
bool uplinks_answer(void);
