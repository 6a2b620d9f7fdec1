/* SPDX-License-Identifier: Apache-2.0 */
/* The processor's random numbers: see entropy.h. */
#include "mgmt/entropy.h"

#include "lib/user/rdrand.h"

enum {
	CPUID_7_EBX_RDSEED = 1 << 18,
	TRIES = 1000,                /* RDSEED may be empty for a while                              */
	RDRAND_PER_SEED = 512 * 2,   /* a reseed lies between numbers that far apart (128-bit steps)  */
};

enum source { SOURCE_NONE, SOURCE_RDSEED, SOURCE_RDRAND };

static enum source best_source(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & CPUID_7_EBX_RDSEED)) {
		return SOURCE_RDSEED;
	}
	return rdrand_exists() ? SOURCE_RDRAND : SOURCE_NONE;
}

bool entropy_of_cpu(void)
{
	return best_source() != SOURCE_NONE;
}

static bool rdseed(uint64_t *out)
{
	bool ok;

	__asm__ volatile("rdseed %0" : "=r"(*out), "=@ccc"(ok));
	return ok;
}

static bool take_rdseed(uint64_t *out)
{
	for (int i = 0; i < TRIES; i++) {
		if (rdseed(out)) {
			return true;
		}
		__builtin_ia32_pause();
	}
	return false;
}

/* RDRAND is a generator: numbers count in full only across one of its reseeds. */
static bool take_rdrand(uint64_t *out)
{
	uint64_t sum = 0, word;

	for (int i = 0; i < RDRAND_PER_SEED; i++) {
		if (!rdrand_next(&word)) {
			return false;
		}
		sum = (sum << 7 | sum >> 57) ^ word;
	}
	*out = sum;
	return true;
}

int entropy_fill(uint8_t *out, size_t len)
{
	enum source source = best_source();

	if (source == SOURCE_NONE) {
		return E_NOSYS;
	}
	while (len) {
		uint64_t word;
		size_t n = len < sizeof(word) ? len : sizeof(word);

		if (!(source == SOURCE_RDSEED ? take_rdseed(&word) : take_rdrand(&word))) {
			return E_IO;
		}
		__builtin_memcpy(out, &word, n);
		out += n;
		len -= n;
	}
	return OK;
}
