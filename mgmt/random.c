/* SPDX-License-Identifier: Apache-2.0 */
/* The random generator: see random.h. mbedTLS draws from it by its external generator, so there is one only. */
#include "mgmt/random.h"

#include <string.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

#include "mgmt/entropy.h"
#include "mgmt/platform.h"

enum { DIGEST = 32 };

static struct {
	mbedtls_ctr_drbg_context drbg;
	uint8_t seed[DIGEST];        /* of the module, hashed                                        */
	uint64_t draws;              /* of the seed: no two are equal                                */
	bool has_seed, ready;
	uint32_t weak;
} generator;

/* The module's hash with a count behind it, hashed again. */
static void draw_seed(uint8_t out[DIGEST])
{
	uint8_t text[DIGEST + sizeof(generator.draws)];

	generator.draws++;
	memcpy(text, generator.seed, DIGEST);
	memcpy(text + DIGEST, &generator.draws, sizeof(generator.draws));
	mbedtls_sha256(text, sizeof(text), out, 0);
}

/* The generator's entropy callback: 0, or an error of mbedTLS. */
static int draw(void *context, unsigned char *out, size_t len)
{
	int r = entropy_of_cpu() ? entropy_fill(out, len) : E_NOENT;
	uint8_t more[DIGEST];

	(void)context;
	if (r < 0 && !generator.has_seed) {
		return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
	}
	if (r < 0) {
		memset(out, 0, len);
	}
	for (size_t i = 0; generator.has_seed && i < len; i++) {
		if (i % DIGEST == 0) {
			draw_seed(more);
		}
		out[i] ^= more[i % DIGEST];
	}
	return 0;
}

/* Both hashed, so that each start has a seed of its own. */
static void take_module(const uint8_t *seed, size_t len, uint64_t unique)
{
	mbedtls_sha256_context hash;

	mbedtls_sha256_init(&hash);
	mbedtls_sha256_starts(&hash, 0);
	mbedtls_sha256_update(&hash, (const uint8_t *)&unique, sizeof(unique));
	mbedtls_sha256_update(&hash, seed, len);
	mbedtls_sha256_finish(&hash, generator.seed);
	mbedtls_sha256_free(&hash);
}

int random_init(const uint8_t *seed, size_t len, uint64_t unique)
{
	generator.has_seed = len >= RANDOM_SEED_MIN;
	if (generator.has_seed) {
		take_module(seed, len, unique);
	}
	if (!generator.has_seed && !entropy_of_cpu()) {
		return E_NOENT;
	}
	mbedtls_ctr_drbg_init(&generator.drbg);
	if (mbedtls_ctr_drbg_seed(&generator.drbg, draw, NULL, (const uint8_t *)&unique, sizeof(unique)) != 0) {
		return E_IO;
	}
	generator.ready = true;
	return OK;
}

bool random_ready(void)
{
	return generator.ready;
}

int random_fill(void *out, size_t len)
{
	uint8_t *to = out;

	while (generator.ready && len) {
		size_t n = len < MBEDTLS_CTR_DRBG_MAX_REQUEST ? len : MBEDTLS_CTR_DRBG_MAX_REQUEST;

		if (mbedtls_ctr_drbg_random(&generator.drbg, to, n) != 0) {
			return E_IO;
		}
		to += n;
		len -= n;
	}
	return generator.ready ? OK : E_IO;
}

uint32_t random_word(void)
{
	uint32_t word;

	if (random_fill(&word, sizeof(word)) < 0) {
		generator.weak = generator.weak * 1664525u + 1013904223u + (uint32_t)platform_now_ns();
		word = generator.weak;
	}
	return word;
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output,
					     size_t output_size, size_t *output_length)
{
	(void)context;
	if (random_fill(output, output_size) < 0) {
		return PSA_ERROR_INSUFFICIENT_ENTROPY;
	}
	*output_length = output_size;
	return PSA_SUCCESS;
}
