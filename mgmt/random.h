/* SPDX-License-Identifier: Apache-2.0 */
/* The program's random generator: CTR_DRBG (NIST SP 800-90A) seeded from entropy.h, from a seed module, or from both. */
#pragma once

#include "lib/base.h"

enum { RANDOM_SEED_MIN = 32 };       /* bytes of a seed module that count as a source                */

/*
 * seed: a boot module's bytes, may be empty. unique: a number that differs from start to start of this program, as the time of day
 * does: the same module at two starts must not make the same numbers. E_NOENT: there is no source, and no key can be made;
 * E_IO: the processor's failed.
 */
int random_init(const uint8_t *seed, size_t len, uint64_t unique) MUST_CHECK;

/* False: random_init() was not called or failed. */
bool random_ready(void);

/* E_IO: not seeded, or the source failed. */
int random_fill(void *out, size_t len) MUST_CHECK;

/* For port numbers and the like: works unseeded, too. */
uint32_t random_word(void);
