/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where unpredictable bits come from: the processor's RDSEED or RDRAND (SDM 1, 7.3.17), and a boot module. Time is no
 * source: under a counting emulator it is the same in every run.
 */
#pragma once

#include "lib/base.h"

/* True when the processor has RDSEED or RDRAND. */
bool entropy_of_cpu(void);

/* Fills len bytes with full entropy from the processor. E_NOSYS: it has neither; E_IO: it does not deliver. */
int entropy_fill(uint8_t *out, size_t len) MUST_CHECK;
