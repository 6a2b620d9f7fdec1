/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths of the fixed instructions that exit, and the plain MOV forms used on the APIC page. SDM 2A 2, APM 3 1.
 * Pure functions over bytes already copied out of the guest; every other form belongs to the vmm's decoder.
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

/* A MOV between memory and a register or immediate. */
struct insn_mov {
	uint8_t length;              /* bytes                                                        */
	uint8_t size;                /* of the memory access: 1, 2, 4, 8                             */
	uint8_t reg_size;            /* MOVZX, MOVSX: of the destination register, else size         */
	uint8_t reg;                 /* enum vcpu_gpr; high: AH CH DH BH are reg 0-3 with high set   */
	bool high, write, immediate, sign;
	uint64_t value;              /* immediate, sign-extended                                     */
};

/*
 * 88 89 8A 8B, A0-A3, C6 C7, 0F B6 B7 BE BF with a memory operand. false: another instruction. The address is not
 * computed: the nested page fault named it.
 */
bool insn_decode_mov(const uint8_t *b, unsigned n, enum insn_mode mode, struct insn_mov *m);
