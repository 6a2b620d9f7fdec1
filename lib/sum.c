/* SPDX-License-Identifier: Apache-2.0 */
/* See sum.h. */
#include "lib/sum.h"

uint32_t checksum(const char *text, uint32_t length)
{
	uint32_t a = 1, b = 0;

	for (uint32_t i = 0; i < length; i++) {
		a += (uint8_t)text[i];
		b += a;
	}
	return b ^ a << 16;
}
