/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of instruction forms. docs/instructions.md is this table in print, and tests/unit/decode_test.c
 * holds the two together. SDM 2 appendix A (opcode maps).
 */
#pragma once

#include "lib/base.h"

/* What an instruction does. The first eight are in the order of ModRM.reg of opcodes 80h to 83h. */
enum insn_op {
	OP_ADD, OP_OR, OP_ADC, OP_SBB, OP_AND, OP_SUB, OP_XOR, OP_CMP,
	OP_TEST, OP_MOV, OP_MOVZX, OP_MOVSX, OP_MOVBE, OP_XCHG, OP_XADD, OP_CMPXCHG,
	OP_INC, OP_DEC, OP_NOT, OP_NEG, OP_BT, OP_BTS, OP_BTR, OP_BTC, OP_SETCC, OP_CMOVCC,
	OP_PUSH, OP_POP, OP_NOTHING,
	OP_MOVS, OP_CMPS, OP_STOS, OP_LODS, OP_SCAS, OP_INS, OP_OUTS,
	OP_REFUSED,
};

/* Where the operands are. First the destination, as in the manuals. */
enum insn_operands {
	OPS_MEM_REG,         /* r/m, r                                                           */
	OPS_REG_MEM,         /* r, r/m                                                           */
	OPS_MEM_IMM,         /* r/m, immediate of the operand's size, at most 32 bits            */
	OPS_MEM_IMM8,        /* r/m, imm8 sign-extended                                          */
	OPS_MEM,             /* r/m                                                              */
	OPS_ACC_MOFFS,       /* rAX, absolute address                                            */
	OPS_MOFFS_ACC,       /* absolute address, rAX                                            */
	OPS_STRING,          /* implied: rSI, rDI, rCX, rAX, DX                                  */
};

/* Size of the memory operand. */
enum insn_width {
	WIDTH_BIT0,          /* opcode bit 0: 0 a byte, 1 the operand size                       */
	WIDTH_FULL,          /* the operand size                                                 */
	WIDTH_BYTE,
	WIDTH_WORD,
	WIDTH_DWORD,
	WIDTH_STACK,         /* operand size, 64 bits by default in 64-bit mode                  */
};

enum insn_map { MAP_1, MAP_0F, MAP_0F38 };

/* Mandatory prefix. */
enum insn_prefix { PREFIX_ANY, PREFIX_NO_F2 };

enum {
	FORM_LOCK = 1 << 0,  /* LOCK may stand before the memory form                            */
	FORM_ONLY64 = 1 << 1,/* 64-bit mode only                                                 */
	FORM_NOT64 = 1 << 2, /* not in 64-bit mode                                               */
	FORM_READ = 1 << 3,  /* reads the memory operand                                         */
	FORM_WRITE = 1 << 4, /* writes it                                                        */
};

enum { GROUP_ANY = -1 };

/* One row: opcodes first to last of a map, with ModRM.reg equal to group unless that is GROUP_ANY. */
struct form {
	uint8_t map, first, last;
	int8_t group;
	uint8_t prefix, op, operands, width, flags;
	const char *encoding;        /* as the manuals write it                                      */
	const char *assembly;
	const char *refused;         /* NULL: carried out; else why not, for the operator's log      */
};

extern const struct form form_table[];
extern const size_t form_count;

/* The first row that matches, or NULL. reg is ModRM.reg (0 to 7). */
const struct form *form_find(enum insn_map map, uint8_t opcode, unsigned reg, bool f2);
