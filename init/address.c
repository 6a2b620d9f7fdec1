/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes of MAC addresses: see address.h. */
#include "init/address.h"

#include <cpuid.h>

enum { LOCAL = 0x02, UUID_BYTES = 16, RDRAND_TRIES = 10 };

static void make_prefix(uint32_t bits, uint8_t prefix[ADDRESS_PREFIX_BYTES])
{
	prefix[0] = LOCAL;
	prefix[1] = (uint8_t)(bits >> 16);
	prefix[2] = (uint8_t)(bits >> 8);
	prefix[3] = (uint8_t)bits;
}

/* FNV-1a of 32 bits, folded to 24: UUIDs that differ in few bits must not share their prefix. It hides nothing, and need not. */
void address_prefix_of_uuid(const uint8_t uuid[16], uint8_t prefix[ADDRESS_PREFIX_BYTES])
{
	uint32_t hash = 2166136261u;

	for (unsigned i = 0; i < UUID_BYTES; i++) {
		hash = (hash ^ uuid[i]) * 16777619u;
	}
	make_prefix(hash ^ hash >> 24, prefix);
}

bool address_prefix_draw(uint8_t prefix[ADDRESS_PREFIX_BYTES])
{
	unsigned a, b, c = 0, d;
	uint32_t bits = 0;
	bool good = false;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_RDRND)) {
		return false;
	}
	for (unsigned i = 0; i < RDRAND_TRIES && !good; i++) {
		__asm__ volatile("rdrand %0" : "=r"(bits), "=@ccc"(good));
	}
	if (good) {
		make_prefix(bits, prefix);
	}
	return good;
}
