/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums and segmentation in software, for receivers without them. */
#include "lib/net_offload.h"

enum { ETHER = 14, TYPE_AT = 12, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, IPV6_HEADER = 40, PROTO_TCP = 6, TCP_HEADER = 20 };
enum { TCP_SEQ = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_SUM = 16, FLAG_FIN = 1, FLAG_PSH = 8, FLAG_CWR = 0x80 };
enum { V4_LEN = 2, V4_ID = 4, V4_PROTO = 9, V4_SUM = 10, V4_ADDR = 12, V6_LEN = 4, V6_NEXT = 6, V6_ADDR = 8 };

bool net_header_is_sane(const struct frame_header *h)
{
	unsigned gso = h->gso_type & ~(unsigned)NET_GSO_ECN;

	if (h->flags & NET_HDR_NEEDS_CSUM) {
		if (h->csum_start < ETHER || (uint32_t)h->csum_start + h->csum_offset + 2 > h->len) {
			return false;
		}
	}
	if (gso == NET_GSO_NONE) {
		return !h->gso_type;
	}
	return (gso == NET_GSO_TCPV4 || gso == NET_GSO_TCPV6) && h->gso_size && (h->flags & NET_HDR_NEEDS_CSUM);
}

/* ---- ones' complement sums, RFC 1071 ---- */

/* The sum does not mind the order of bytes as long as it is one (RFC 1071, 2 (B)): words as they stand, turned round at the end. */
static uint32_t sum16(const uint8_t *at, uint32_t len, uint32_t sum)
{
	uint64_t wide = 0;
	uint16_t half = 0;

	for (; len >= sizeof(uint64_t); at += sizeof(uint64_t), len -= (uint32_t)sizeof(uint64_t)) {
		uint64_t word;

		__builtin_memcpy(&word, at, sizeof(word));
		wide += (word & UINT32_MAX) + (word >> 32);
	}
	for (; len >= sizeof(half); at += sizeof(half), len -= (uint32_t)sizeof(half)) {
		__builtin_memcpy(&half, at, sizeof(half));
		wide += half;
	}
	wide += len ? *at : 0;
	while (wide >> 16) {
		wide = (wide & 0xffff) + (wide >> 16);
	}
	wide = (uint64_t)__builtin_bswap16((uint16_t)wide) + sum;
	while (wide >> 16) {
		wide = (wide & 0xffff) + (wide >> 16);
	}
	return (uint32_t)wide;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* The sender has put the sum of the pseudo header into the field (5.1.6.2): adding all up includes it. */
static void complete_checksum(uint8_t *frame, const struct frame_header *h)
{
	uint16_t sum = (uint16_t)~sum16(frame + h->csum_start, h->len - h->csum_start, 0);

	put16(frame + h->csum_start + h->csum_offset, sum ? sum : 0xffff);       /* UDP: 0 would mean none */
}

/* ---- TCP segments ---- */

static bool is_v4(const struct frame_header *h)
{
	return (h->gso_type & ~NET_GSO_ECN) == NET_GSO_TCPV4;
}

/* Offset of the TCP header, or 0: this is no such packet. */
static uint32_t tcp_at(const uint8_t *frame, const struct frame_header *h)
{
	const uint8_t *ip = frame + ETHER;
	uint32_t at = ETHER + IPV6_HEADER;

	if (h->len < ETHER + IPV6_HEADER) {
		return 0;
	}
	if (!is_v4(h)) {
		return get16(frame + TYPE_AT) == TYPE_IPV6 && ip[V6_NEXT] == PROTO_TCP ? at : 0;
	}
	at = ETHER + (ip[0] & 15u) * 4;
	return get16(frame + TYPE_AT) == TYPE_IPV4 && ip[0] >> 4 == 4 && at >= ETHER + 20 && ip[V4_PROTO] == PROTO_TCP ? at : 0;
}

uint32_t net_tcp_headers(const uint8_t *frame, const struct frame_header *h)
{
	uint32_t at = tcp_at(frame, h), headers;

	if (!at || at + TCP_HEADER > h->len || at != h->csum_start) {
		return 0;
	}
	headers = at + (frame[at + TCP_OFFSET] >> 4) * 4u;
	return headers >= at + TCP_HEADER && headers < h->len ? headers : 0;
}

uint16_t net_tcp_pseudo_sum(const uint8_t *frame, const struct frame_header *h, uint32_t len)
{
	const uint8_t *ip = frame + ETHER;

	return (uint16_t)(is_v4(h) ? sum16(ip + V4_ADDR, 8, PROTO_TCP + len) : sum16(ip + V6_ADDR, 32, PROTO_TCP + len));
}

int net_plain_begin(struct net_plain *p, const struct frame_header *header, bool csum)
{
	p->header = *header;
	p->headers = 0;
	p->at = 0;
	p->gso = header->gso_type != NET_GSO_NONE;
	if (p->gso) {
		p->headers = net_tcp_headers(p->frame, header);
		return p->headers ? OK : E_PROTO;
	}
	if ((header->flags & NET_HDR_NEEDS_CSUM) && !csum) {
		complete_checksum(p->frame, header);
	}
	return OK;
}

/* The network header of the segment: its length, and for IPv4 identification and checksum. number: of the segment. */
static void fix_ip(struct net_plain *p, uint32_t number)
{
	uint8_t *ip = p->segment + ETHER;
	uint32_t bytes = (ip[0] & 15u) * 4;

	if (!is_v4(&p->header)) {
		put16(ip + V6_LEN, p->segment_len - ETHER - IPV6_HEADER);
		return;
	}
	put16(ip + V4_LEN, p->segment_len - ETHER);
	put16(ip + V4_ID, get16(ip + V4_ID) + number);
	put16(ip + V4_SUM, 0);
	put16(ip + V4_SUM, (uint16_t)~sum16(ip, bytes, 0));
}

static void fix_tcp(struct net_plain *p, bool first, bool last)
{
	uint8_t *tcp = p->segment + p->header.csum_start;
	uint32_t len = p->segment_len - p->header.csum_start, seq = get32(tcp + TCP_SEQ) + p->at, sum;

	put16(tcp + TCP_SEQ, seq >> 16);
	put16(tcp + TCP_SEQ + 2, seq);
	tcp[TCP_FLAGS] &= (uint8_t)(last ? 0xff : ~(FLAG_FIN | FLAG_PSH));
	tcp[TCP_FLAGS] &= (uint8_t)(first ? 0xff : ~FLAG_CWR);
	put16(tcp + TCP_SUM, 0);
	sum = net_tcp_pseudo_sum(p->segment, &p->header, len);
	put16(tcp + TCP_SUM, (uint16_t)~sum16(tcp, len, sum));
}

static bool next_segment(struct net_plain *p)
{
	uint32_t left = p->header.len - p->headers - p->at;
	uint32_t n = left < p->header.gso_size ? left : p->header.gso_size;

	if (!left) {
		return false;
	}
	__builtin_memcpy(p->segment, p->frame, p->headers);
	__builtin_memcpy(p->segment + p->headers, p->frame + p->headers + p->at, n);
	p->segment_len = p->headers + n;
	fix_ip(p, p->at / p->header.gso_size);
	fix_tcp(p, p->at == 0, n == left);
	p->at += n;
	return true;
}

bool net_plain_next(struct net_plain *p)
{
	if (p->gso) {
		return next_segment(p);
	}
	if (p->at) {
		return false;
	}
	__builtin_memcpy(p->segment, p->frame, p->header.len);
	p->segment_len = p->header.len;
	p->at = p->header.len;
	return true;
}
