/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths of the fixed instructions that exit. SDM 2A 2, APM 3 1. Pure functions over bytes already copied out of the guest;
 * everything else belongs to the vmm's decoder.
 */
#pragma once

#include "lib/base.h"

enum { INSN_MAX = 15 };

/* Instructions with a fixed opcode, as the exit code implies them. */
enum insn_op {
	INSN_CPUID, INSN_RDMSR, INSN_WRMSR, INSN_HLT, INSN_HYPERCALL, INSN_XSETBV, INSN_WBINVD, INSN_INVD,
	INSN_OP_COUNT
};

/* Their bytes without prefixes, little-endian under a mask. */
struct insn_opcode {
	uint32_t bytes, mask;
	uint8_t length;
};

extern const struct insn_opcode insn_opcodes[INSN_OP_COUNT];

/* Width of code: CS.D and CS.L. */
enum insn_mode { INSN_16, INSN_32, INSN_64 };

/*
 * Length in bytes of instruction op at b[0, n), prefixes included; 0 when the bytes are another instruction (the guest
 * changed them), are too few, or make more than 15.
 */
unsigned insn_length(const uint8_t *b, unsigned n, enum insn_op op, enum insn_mode mode);

/* MOV to CR cr (0F 22; LOCK MOV to CR0 is one to CR8): length, and the source register in *gpr. 0: another one. */
unsigned insn_decode_mov_cr(const uint8_t *b, unsigned n, enum insn_mode mode, uint8_t cr, uint8_t *gpr);
