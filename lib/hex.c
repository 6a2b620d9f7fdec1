/* SPDX-License-Identifier: Apache-2.0 */
/* See hex.h. */
#include "lib/hex.h"

/* Two digits; negative: they are none. */
static int read_byte(const char *text)
{
	int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

bool hex_read_mac(const char *text, uint8_t mac[6])
{
	uint8_t any = 0;

	for (int i = 0; i < 6; i++, text += 3) {
		int byte = read_byte(text);

		if (byte < 0 || text[2] != (i < 5 ? ':' : '\0')) {
			return false;
		}
		mac[i] = (uint8_t)byte;
		any |= mac[i];
	}
	return any && !(mac[0] & 1);
}

bool hex_read_uuid(const char *text, uint8_t uuid[16])
{
	static const bool dash_before[16] = { [4] = true, [6] = true, [8] = true, [10] = true };
	uint8_t any = 0, all = 0xff;

	for (int i = 0; i < 16; i++, text += 2) {
		int byte;

		if (dash_before[i] && *text++ != '-') {
			return false;
		}
		byte = read_byte(text);
		if (byte < 0) {
			return false;
		}
		uuid[i] = (uint8_t)byte;
		any |= uuid[i];
		all &= uuid[i];
	}
	return !*text && any && all != 0xff;
}
