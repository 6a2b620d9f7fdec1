/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for flows: RFC 791 and 8200 say where the addresses are, ports are the first of what follows in TCP and UDP. */
#include "vmm/net_flow.h"

enum { TYPE = 12, V4_ADDRESSES = 26, V4_BYTES = 4, V6_ADDRESSES = 22, V6_BYTES = 16, PORT_BYTES = 2 };

/* The bytes at "at" and those behind them, one way round like the other. */
static uint32_t mix(uint32_t hash, const uint8_t *at, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		hash = (hash ^ at[i] ^ at[bytes + i]) * 16777619u;
	}
	return hash;
}

uint32_t net_flow(const uint8_t frame[NET_FLOW_BYTES])
{
	bool v6 = frame[TYPE] == 0x86 && frame[TYPE + 1] == 0xdd;
	const uint8_t *at = frame + (v6 ? V6_ADDRESSES : V4_ADDRESSES);
	unsigned bytes = v6 ? V6_BYTES : V4_BYTES;
	uint32_t hash = mix(2166136261u, at, bytes);

	hash = mix(hash, at + 2 * bytes, PORT_BYTES);
	return (hash ^ hash >> 16) * 0x85ebca6bu >> 13;
}
