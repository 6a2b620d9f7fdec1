/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the MAC addresses that a node chooses begin with, and UUIDs of VMs that were given none.
 * sources: init/address.c
 */
#include "init/address.h"

#include <cpuid.h>

#include "tests/unit/check.h"

static uint32_t prefix_of(const uint8_t uuid[16])
{
	uint8_t p[ADDRESS_PREFIX_BYTES];

	address_prefix_of_uuid(uuid, p);
	CHECK_EQ(p[0], 2);
	return (uint32_t)(p[1] << 16 | p[2] << 8 | p[3]);
}

TEST(machines_whose_uuids_are_alike_have_different_prefixes)
{
	uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	uint32_t all[128], first = prefix_of(uuid);

	CHECK_EQ(prefix_of(uuid), first);
	for (unsigned bit = 0; bit < ARRAY_SIZE(all); bit++) {
		uuid[bit / 8] ^= (uint8_t)(1 << bit % 8);
		all[bit] = prefix_of(uuid);
		uuid[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(all[bit] != first);
		for (unsigned other = 0; other < bit; other++) {
			CHECK(all[bit] != all[other]);
		}
	}
}

/* Upgrades must not change the addresses of machines that stay. */
TEST(a_prefix_stays_what_it_is)
{
	static const uint8_t uuid[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 };

	CHECK_EQ(prefix_of(uuid), 0x0dd7a5);
}

TEST(a_drawn_prefix_is_another_one_each_time)
{
	uint8_t a[ADDRESS_PREFIX_BYTES] = ADDRESS_PREFIX_COMMON, b[ADDRESS_PREFIX_BYTES] = ADDRESS_PREFIX_COMMON;
	unsigned eax, ebx, ecx = 0, edx, apart = 0;

	(void)__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	for (unsigned i = 0; i < 4; i++) {
		bool drawn = address_prefix_draw(a) && address_prefix_draw(b);

		CHECK_EQ(drawn, (ecx & bit_RDRND) != 0);
		CHECK(a[0] == 2 && b[0] == 2);
		apart += memcmp(a, b, sizeof(a)) != 0;
	}
	CHECK(apart || !(ecx & bit_RDRND));
}

TEST(uuids_of_vms_differ_by_machine_and_name_and_stay_what_they_are)
{
	static const uint8_t none[16], machine[16] = { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 };
	static const char *const name[] = { "a", "b", "linux", "linux1", "linux2", "1linux", "one-1", "one-11", "" };
	uint8_t all[2 * ARRAY_SIZE(name)][16], again[16];

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		address_vm_uuid(i % 2 ? machine : none, name[i / 2], all[i]);
		address_vm_uuid(i % 2 ? machine : none, name[i / 2], again);
		CHECK_MEM(all[i], again, 16);
		CHECK_EQ(all[i][6] >> 4, 8);
		CHECK_EQ(all[i][8] >> 6, 2);
		for (unsigned other = 0; other < i; other++) {
			CHECK(memcmp(all[i], all[other], 4) != 0 && memcmp(all[i] + 12, all[other] + 12, 4) != 0);
		}
	}
	CHECK_MEM(all[5], "\xa4\xc0\xbb\x37\xd2\x04\x83\xd8\x8d\xd3\x18\x50\x3f\x7b\xff\x4e", 16);
}
