/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86 instruction decoder for the forms of vmm/decode_table.c: those that reach memory or a string port.
 * SDM 2 ch. 2 (formats), APM 3 ch. 1.
 */
#pragma once

#include "kernel/abi.h"
#include "vmm/decode_table.h"

enum { INSN_LENGTH_MAX = 15 };

/* Default sizes of code: 16-bit covers real and virtual-8086 mode. */
enum decode_mode { DECODE_16, DECODE_32, DECODE_64 };

/* Numbers of the instruction set: also the index of the selector registers. SEG_NONE: no override. */
enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_NONE };

enum { REG_NONE = 0xff };

/* One decoded instruction. Numbers of registers are those of enum vcpu_gpr. */
struct insn {
	const struct form *form;     /* its row; never NULL after OK                                 */
	uint64_t imm;                /* immediate, sign-extended to 64 bits; or the moffs address     */
	int64_t disp;                /* displacement, sign-extended                                  */
	uint8_t length;              /* bytes                                                        */
	uint8_t op;                  /* enum insn_op, resolved for groups                            */
	uint8_t opcode;              /* last opcode byte                                             */
	uint8_t mem_size;            /* bytes of the memory operand: 1, 2, 4, 8                      */
	uint8_t reg_size;            /* bytes of the register operand                                */
	uint8_t address_size;        /* bytes: 2, 4, 8                                               */
	uint8_t reg;                 /* ModRM.reg with REX.R                                         */
	uint8_t base, index, scale;  /* REG_NONE where absent; scale is a shift                      */
	uint8_t segment;             /* enum segment of the memory operand, override applied         */
	bool high_byte;              /* reg names AH, CH, DH or BH (reg - 4)                         */
	bool rip_relative;
	bool lock, rep, repne;
};

/*
 * The mode that CS and EFER stand for; cs_attr as in struct vcpu_exit.
 */
enum decode_mode decode_mode(uint16_t cs_attr, uint64_t efer);

/*
 * Decodes the instruction at bytes[0], of which count bytes are there.
 *   E_RANGE   it goes on behind count; with count >= 15 it is too long (#GP)
 *   E_NOENT   no row of the table
 *   E_INVAL   the processor would raise #UD: LOCK where it may not stand, or a form that this mode lacks
 *   E_PROTO   a register form: it cannot have touched memory
 *   E_NOSYS   a row that is refused: out->form->refused says why
 * Pure; out is unspecified after the other errors.
 */
int decode(struct insn *out, const uint8_t *bytes, size_t count, enum decode_mode mode) MUST_CHECK;

/* For the kernel (enum mmio_asks). false: in is no MOV, MOVZX or MOVSX between memory and a general register or immediate. */
bool decode_as_mov(const struct insn *in, struct insn_info *out);
