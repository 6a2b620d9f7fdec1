/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes of MAC addresses, UUIDs of VMs: see address.h. */
#include "init/address.h"

#include "lib/user/rdrand.h"

enum { LOCAL = 0x02, UUID_BYTES = 16, MIX_ROUNDS = 8 };

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
	uint64_t bits;

	if (!rdrand_exists() || !rdrand_next(&bits)) {
		return false;
	}
	make_prefix((uint32_t)bits, prefix);
	return true;
}

/* FNV-1a of 128 bits, and rounds that bring the last letters into all of them: each step can be undone, so none makes two alike. */
void address_vm_uuid(const uint8_t machine[16], const char *name, uint8_t uuid[16])
{
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;

	for (unsigned i = 0; i < UUID_BYTES; i++) {
		hash = (hash ^ machine[i]) * prime;
	}
	for (; *name; name++) {
		hash = (hash ^ (uint8_t)*name) * prime;
	}
	for (unsigned i = 0; i < MIX_ROUNDS; i++) {
		hash = (hash ^ hash >> 64) * prime;
	}
	for (unsigned i = 0; i < UUID_BYTES; i++) {
		uuid[i] = (uint8_t)(hash >> (120 - 8 * i));
	}
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
