/* SPDX-License-Identifier: Apache-2.0 */
/* See hex.h. */
#include "lib/hex.h"

bool hex_read_mac(const char *text, uint8_t mac[6])
{
	uint8_t any = 0;

	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0')) {
			return false;
		}
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	return any && !(mac[0] & 1);
}
