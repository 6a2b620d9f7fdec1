/* SPDX-License-Identifier: Apache-2.0 */
/* Integer arithmetic of the processor with its status flags. SDM 1 3.4.3.1, SDM 1 appendix A. */
#pragma once

#include "vmm/decode_table.h"

enum {
	FLAG_CF = 1 << 0, FLAG_PF = 1 << 2, FLAG_AF = 1 << 4, FLAG_ZF = 1 << 6, FLAG_SF = 1 << 7, FLAG_OF = 1 << 11,
	FLAGS_STATUS = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF,
};

/* All ones of size bytes (1, 2, 4, 8). */
static inline uint64_t size_mask(unsigned size)
{
	return ~0ull >> (64 - 8 * size);
}

/* v, of which size bytes count, as a signed number. */
static inline int64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned unused = 64 - 8 * size;

	return (int64_t)(v << unused) >> unused;
}

/*
 * OP_ADD to OP_CMP, OP_TEST, OP_INC, OP_DEC, OP_NOT, OP_NEG, OP_BT to OP_BTC, OP_XADD (as ADD) on the low size
 * bytes of a (destination) and b (source; a bit number for OP_BT and its kin). Returns the destination's new
 * value, cut to size; for OP_CMP, OP_TEST and OP_BT that is a. Flags that the manual calls undefined: AF is
 * cleared by logical instructions, the others keep their value.
 */
uint64_t alu(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *rflags);

/* Condition cc (low four bits of Jcc, SETcc, CMOVcc opcodes). */
bool alu_condition(unsigned cc, uint64_t rflags);
