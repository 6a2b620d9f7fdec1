/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of frames.
 * sources: vmm/net_flow.c
 */
#include "vmm/net_flow.h"
#include "tests/unit/check.h"

static uint8_t frame[NET_FLOW_BYTES];

/* A frame between host a, port p, and host b, port q. */
static uint32_t flow(bool v6, uint8_t a, uint16_t p, uint8_t b, uint16_t q)
{
	unsigned at = v6 ? 22 : 26, bytes = v6 ? 16 : 4;

	memset(frame, 0x11, sizeof(frame));
	frame[12] = v6 ? 0x86 : 0x08;
	frame[13] = v6 ? 0xdd : 0;
	frame[at + bytes - 1] = a;
	frame[at + 2 * bytes - 1] = b;
	at += 2 * bytes;
	frame[at] = (uint8_t)(p >> 8);
	frame[at + 1] = (uint8_t)p;
	frame[at + 2] = (uint8_t)(q >> 8);
	frame[at + 3] = (uint8_t)q;
	return net_flow(frame);
}

TEST(both_directions_are_one_flow)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		CHECK_EQ(flow(v6, 1, 80, 2, 40000), flow(v6, 2, 40000, 1, 80));
		CHECK(flow(v6, 1, 80, 2, 40000) != flow(v6, 1, 80, 2, 40002));
		CHECK(flow(v6, 1, 80, 2, 40000) != flow(v6, 1, 80, 3, 40000));
	}
}

TEST(what_is_beside_addresses_and_ports_does_not_count)
{
	uint32_t one = flow(false, 1, 80, 2, 40000);

	frame[0] ^= 1;
	frame[20] ^= 1;                                  /* the identification, which each packet has anew */
	CHECK_EQ(net_flow(frame), one);
}

/* Ports of one client follow each other: all values of the low bits must come up. */
TEST(neighbours_are_spread)
{
	for (unsigned step = 1; step <= 2; step++) {
		unsigned seen[8] = { 0 };

		for (unsigned i = 0; i < 256; i++) {
			seen[flow(false, 1, 80, 2, (uint16_t)(32768 + i * step)) % 8]++;
		}
		for (unsigned i = 0; i < 8; i++) {
			CHECK(seen[i] >= 12 && seen[i] <= 56);
		}
	}
}
