/* SPDX-License-Identifier: Apache-2.0 */
/* RDRAND. SDM 1, 7.3.17.1: ten tries are enough for a source that works. */
#include "vmm/entropy.h"

#include <cpuid.h>
#include <string.h>

enum { TRIES = 10 };

bool entropy_exists(void)
{
	unsigned a, b, c = 0, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_RDRND);
}

static bool next(uint64_t *value)
{
	unsigned char good = 0;

	for (unsigned i = 0; i < TRIES && !good; i++) {
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=qm"(good) : : "cc");
	}
	return good;
}

bool entropy_fill(void *buf, size_t len)
{
	uint8_t *to = buf;
	uint64_t value;

	for (size_t n; len; to += n, len -= n) {
		if (!next(&value)) {
			return false;
		}
		n = len < sizeof(value) ? len : sizeof(value);
		memcpy(to, &value, n);
	}
	return true;
}
