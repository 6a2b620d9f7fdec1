/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hexadecimal digits, and Ethernet addresses made of them (lib/hex.h).
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
