/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that leave the guest as such, in all their forms, for CPUs that tell no length. SDM 2A 2, APM 3 1. */
#pragma once

#include "vmm/decode.h"

/*
 * For EXIT_DECODE: what stands at b[0, n). false: no instruction of enum insn_kind but INSN_MOV (the guest changed it
 * meanwhile), too few bytes, or more than 15. Pure.
 */
bool insn_exits(struct insn_info *out, const uint8_t *b, unsigned n, enum decode_mode mode);
