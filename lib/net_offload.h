/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sender left to the card, done for a receiver that cannot: the checksum of a packet, and cutting a TCP packet
 * into segments. virtio 1.2, 5.1.6.2; RFC 1071, 9293, 8200. Works on a private copy of a frame; everything in it and in
 * its header may be anything.
 */
#pragma once

#include "lib/frames.h"

/* Values of frame_header, 5.1.6. */
enum { NET_HDR_NEEDS_CSUM = 1, NET_HDR_DATA_VALID = 2 };
enum net_gso { NET_GSO_NONE = 0, NET_GSO_TCPV4 = 1, NET_GSO_TCPV6 = 4, NET_GSO_ECN = 0x80 };

/* False: the header contradicts itself or the frame's length; the frame is to be dropped. */
bool net_header_is_sane(const struct frame_header *h);

/*
 * A TCP packet that is to be cut, as h says: bytes of all its headers, at least one less than h->len; 0: it is no such packet.
 * frame: h->len bytes.
 */
uint32_t net_tcp_headers(const uint8_t *frame, const struct frame_header *h) MUST_CHECK;

/* The sum of its pseudo header with that length of the TCP part, folded. frame is what net_tcp_headers() found good. */
uint16_t net_tcp_pseudo_sum(const uint8_t *frame, const struct frame_header *h, uint32_t len) MUST_CHECK;

/* A frame that is made plain, and how far that is. */
struct net_plain {
	struct frame_header header;
	uint32_t headers;            /* bytes before the payload of TCP; 0: the frame goes as a whole */
	uint32_t at;                 /* payload bytes that have been cut off                         */
	uint32_t segment_len;        /* of the segment in segment[]                                  */
	bool gso;
	uint8_t frame[FRAME_MAX];
	uint8_t segment[FRAME_MAX];
};

/*
 * Begins with the frame in p->frame, whose header is sane. csum: the receiver takes frames without a checksum. Cuts only
 * where header->gso_type says so. E_PROTO: it is not the packet that its header promises.
 */
int net_plain_begin(struct net_plain *p, const struct frame_header *header, bool csum) MUST_CHECK;

/* Makes the next frame: p->segment, p->segment_len. False: that was all. */
bool net_plain_next(struct net_plain *p) MUST_CHECK;
