/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of the processor: RDRAND (SDM 1, 7.3.17). There is no other source, and none that is made up. */
#pragma once

#include "lib/base.h"

/* Whether the processor has the instruction. */
bool entropy_exists(void);

/* Fills buf with len random bytes. False: the processor gave none in ten tries, as it may for a moment; buf is undefined. */
bool entropy_fill(void *buf, size_t len) MUST_CHECK;
