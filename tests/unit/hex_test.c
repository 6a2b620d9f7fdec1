/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hexadecimal digits, Ethernet addresses and UUIDs made of them (lib/hex.h).
 * sources: lib/hex.c
 */
#include <string.h>

#include "lib/hex.h"
#include "tests/unit/check.h"

TEST(digits)
{
	CHECK_EQ(hex_digit('0'), 0);
	CHECK_EQ(hex_digit('9'), 9);
	CHECK_EQ(hex_digit('a'), 10);
	CHECK_EQ(hex_digit('F'), 15);
	for (const char *none = "/:@G`g \377"; *none; none++) {
		CHECK(hex_digit(*none) < 0);
	}
	CHECK(hex_digit('\0') < 0);
}

TEST(addresses)
{
	static const uint8_t expected[6] = { 0x02, 0x00, 0xaB, 0xCd, 0xef, 0x10 };
	static const char *const none[] = {
		"", "0", "02", "02:", "02:00:ab:cd:ef", "02:00:ab:cd:ef:", "02:00:ab:cd:ef:1", "02:00:ab:cd:ef:10:", "02:00:ab:cd:ef:100",
		"2:00:ab:cd:ef:10", "02-00-ab-cd-ef-10", "02:00:ab:cd:eg:10", "00:00:00:00:00:00", "01:00:ab:cd:ef:10", "ff:ff:ff:ff:ff:ff",
	};
	uint8_t mac[6];

	CHECK(hex_read_mac("02:00:aB:Cd:ef:10", mac));
	CHECK_EQ(memcmp(mac, expected, sizeof(mac)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK(!hex_read_mac(none[i], mac));
	}
}

TEST(uuids)
{
	static const uint8_t expected[16] = { 0x03, 0x23, 0x64, 0xd3, 0x6e, 0xf8, 0x48, 0xb7, 0xbb, 0x9e, 0x09, 0x21, 0x75, 0x80, 0x53, 0x3f };
	static const char text[] = "032364D3-6ef8-48b7-BB9e-09217580533f";
	static const char *const none[] = {
		"032364d3-6ef8-48b7-bb9e-09217580533f0", "032364d3-6ef8-48b7-bb9e-09217580533f ", "032364d36ef848b7bb9e09217580533f",
		"{32364d3-6ef8-48b7-bb9e-09217580533f}", "032364d3_6ef8-48b7-bb9e-09217580533f", "032364d-36ef8-48b7-bb9e-09217580533f",
		"032364d3-6ef8-48b7-bb9e-09217580533g", "032364d3-6ef8-48b7-bb9e--9217580533f",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
	};
	uint8_t uuid[16];
	char part[sizeof(text)];

	CHECK(hex_read_uuid(text, uuid));
	CHECK_EQ(memcmp(uuid, expected, sizeof(uuid)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK(!hex_read_uuid(none[i], uuid));
	}
	for (size_t len = 0; len < sizeof(text) - 1; len++) {        /* no byte behind the end is looked at */
		memset(part, '0', sizeof(part));
		memcpy(part, text, len);
		part[len] = '\0';
		CHECK(!hex_read_uuid(part, uuid));
	}
}
