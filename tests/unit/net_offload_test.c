/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segments for receivers without offloads.
 * sources: lib/net_offload.c
 */
#include "tests/unit/check.h"
#include "lib/net_offload.h"

enum { ETHER = 14, V4 = ETHER + 20, V6 = ETHER + 40, PAYLOAD = 3000, MSS = 1000 };

static struct net_plain p;
static uint8_t got[PAYLOAD];

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The slow and obvious way: 0xffff when the sum over data and its checksum is right. */
static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	uint32_t s = start;

	for (uint32_t i = 0; i < len; i++) {
		s += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return s;
}

/* A TCP packet with PAYLOAD bytes; the checksum field holds the sum of the pseudo header. */
static struct frame_header tcp_packet(bool v4)
{
	uint32_t at = v4 ? V4 : V6, len = 20 + PAYLOAD;
	uint8_t *ip = p.frame + ETHER, *tcp = p.frame + at;

	memset(p.frame, 0, sizeof(p.frame));
	put16(p.frame + 12, v4 ? 0x0800 : 0x86dd);
	if (v4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + len);
		put16(ip + 4, 0xffff);                   /* identification, about to wrap */
		ip[9] = 6;
		memcpy(ip + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, len);
		ip[6] = 6;
		memset(ip + 8, 0x20, 32);
	}
	memcpy(tcp + 4, "\xff\xff\xff\x00", 4);          /* sequence, about to wrap */
	tcp[12] = 5 << 4;
	tcp[13] = 0x80 | 0x10 | 8 | 1;                   /* CWR ACK PSH FIN */
	put16(tcp + 16, v4 ? sum(ip + 12, 8, 6 + len) : sum(ip + 8, 32, 6 + len));
	for (uint32_t i = 0; i < PAYLOAD; i++) {
		tcp[20 + i] = (uint8_t)(i * 31 >> 3);
	}
	return (struct frame_header){
		.len = at + len, .flags = NET_HDR_NEEDS_CSUM, .gso_type = v4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6, .gso_size = MSS,
		.csum_start = (uint16_t)at, .csum_offset = 16,
	};
}

static void check_segment(bool v4, unsigned number, uint32_t len)
{
	uint32_t at = v4 ? V4 : V6;
	const uint8_t *ip = p.segment + ETHER, *tcp = p.segment + at;

	CHECK_EQ(p.segment_len, at + 20 + len);
	if (v4) {
		CHECK_EQ(sum(ip, 20, 0), 0xffff);
		CHECK_EQ(ip[2] << 8 | ip[3], 40 + len);
		CHECK_EQ(ip[4] << 8 | ip[5], (uint16_t)(0xffff + number));
		CHECK_EQ(sum(tcp, 20 + len, sum(ip + 12, 8, 26 + len)), 0xffff);
	} else {
		CHECK_EQ(ip[4] << 8 | ip[5], 20 + len);
		CHECK_EQ(sum(tcp, 20 + len, sum(ip + 8, 32, 26 + len)), 0xffff);
	}
	CHECK_EQ(get32(tcp + 4), 0xffffff00u + number * MSS);
	CHECK_EQ(tcp[13], 0x10 | (number == 0 ? 0x80 : 0) | (number == 2 ? 9 : 0));
	memcpy(got + number * MSS, tcp + 20, len);
}

TEST(tcp_packets_are_cut_into_segments)
{
	for (unsigned v4 = 0; v4 < 2; v4++) {
		struct frame_header h = tcp_packet(v4);

		CHECK_EQ(net_plain_begin(&p, &h, false), OK);
		for (unsigned i = 0; i < 3; i++) {
			CHECK(net_plain_next(&p));
			check_segment(v4, i, MSS);
		}
		CHECK(!net_plain_next(&p));
		CHECK_MEM(got, p.frame + (v4 ? V4 : V6) + 20, PAYLOAD);
	}
}

TEST(a_checksum_is_completed_in_place)
{
	struct frame_header h = tcp_packet(true);

	h.gso_type = NET_GSO_NONE;
	CHECK_EQ(net_plain_begin(&p, &h, false), OK);
	CHECK(net_plain_next(&p));
	CHECK_EQ(p.segment_len, h.len);
	CHECK_EQ(sum(p.segment + V4, h.len - V4, sum(p.segment + ETHER + 12, 8, 6 + h.len - V4)), 0xffff);
	CHECK(!net_plain_next(&p));
}

TEST(packets_that_are_not_what_they_say)
{
	struct frame_header h = tcp_packet(true);

	p.frame[ETHER + 9] = 17;
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
	h = tcp_packet(true);
	p.frame[ETHER] = 0x4f;                           /* options: the TCP header is elsewhere */
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
	h = tcp_packet(true);
	p.frame[ETHER] = 0x41;
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
	h = tcp_packet(true);
	p.frame[V4 + 12] = 0;                            /* a TCP header of no length */
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
	h = tcp_packet(true);
	h.len = V4 + 20;                                 /* no payload */
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
	h = tcp_packet(false);
	h.len = 40;
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
	h = tcp_packet(false);
	h.gso_type = NET_GSO_TCPV4;
	CHECK_EQ(net_plain_begin(&p, &h, false), E_PROTO);
}
