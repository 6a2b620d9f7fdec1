/* SPDX-License-Identifier: Apache-2.0 */
/* The processor's random numbers: RDRAND (SDM 1, 7.3.17). It is a generator that the processor seeds anew from time to time. */
#pragma once

#include <cpuid.h>

#include "lib/base.h"

enum { RDRAND_TRIES = 10 };          /* enough for a source that works: SDM 1, 7.3.17.1 */

/* Whether the processor has the instruction. */
static inline bool rdrand_exists(void)
{
	unsigned a, b, c = 0, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_RDRND);
}

/* One number. False: it gave none, as it may for a moment. Only where rdrand_exists(). */
static inline bool rdrand_next(uint64_t *out)
{
	bool good = false;

	for (unsigned i = 0; i < RDRAND_TRIES && !good; i++) {
		__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(good));
	}
	return good;
}
