/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way out of a switch: a card of the machine (drivers/nic) as the switch sees it, with frames as they are in channels. What
 * the card cannot do by itself, checksums and segments, is done here; there is one place for such a frame for all uplinks.
 *
 * Pure: no system call. One thread.
 */
#pragma once

#include "drivers/nic/nic.h"
#include "lib/net_offload.h"

enum { UPLINK_SEGMENTS_MAX = 1400 };         /* that a frame is cut into: 64 KiB at an MSS of 48, TCP's least in practice */

struct uplink;

/* A frame that is made plain, and whose. */
struct uplink_plain {
	struct uplink *owner;        /* NULL: free                                                   */
	struct net_plain plain;
	bool has_segment;            /* one is made and has not gone                                 */
};

struct uplink {
	struct nic nic;
	struct uplink_plain *plain;
	struct nic_frame frame;      /* the next, while has_frame                                    */
	bool attached, has_frame;
	bool dirty;                  /* the card is to be told of something                          */
	bool wants_room;             /* somebody waits for room                                      */
	uint64_t gone, gone_ns;      /* frames that had gone when that changed last, and when        */
};

/* Attaches the card. plain outlives the uplink; zeroed memory is a free one. Errors of nic_attach(). */
int uplink_start(struct uplink *u, const struct nic_host *host, struct uplink_plain *plain, uint64_t now_ns) MUST_CHECK;

/* The card touches its memory no more, and the uplink is down. */
void uplink_stop(struct uplink *u);

/* True: frames go and come. */
bool uplink_is_up(const struct uplink *u) MUST_CHECK;

/*
 * As frames_next(), frames_get() and frames_drop(); frames that come are valid until they are dropped. uplink_forward: as
 * frames_forward(), into a channel's ring.
 */
int uplink_next(struct uplink *u, struct frame_header *header) MUST_CHECK;
void uplink_get(const struct uplink *u, uint32_t at, void *bytes, uint32_t len);
void uplink_drop(struct uplink *u);
bool uplink_forward(struct uplink *u, struct frames_end *writer, const struct frame_header *header) MUST_CHECK;

/*
 * True: such a frame can be sent now. uplink_full: somebody waits for room; false: there is some after all. uplink_send: the
 * frame at which reader stands; false: it was nonsense, or too long for the wire.
 */
bool uplink_room(struct uplink *u, const struct frame_header *header) MUST_CHECK;
bool uplink_full(struct uplink *u, const struct frame_header *header) MUST_CHECK;
bool uplink_send(struct uplink *u, const struct frames_end *reader, const struct frame_header *header) MUST_CHECK;

/* After a batch: tells the card of what was sent and taken. */
void uplink_flush(struct uplink *u);

/* The card's event was signalled, or may have been. */
void uplink_wake(struct uplink *u);

/*
 * Before each batch: a card that has not sent a frame for UPLINK_STUCK_NS, though it has some and a link, is broken. One that is
 * not up lets the others cut their frames.
 */
#define UPLINK_STUCK_NS (5 * 1000000000ull)
void uplink_watch(struct uplink *u, uint64_t now_ns);

/* Nothing is left to do: interrupts are on. False: something came meanwhile; uplink_wake() first. */
bool uplink_sleep(struct uplink *u) MUST_CHECK;
