/* SPDX-License-Identifier: Apache-2.0 */
/* Integer arithmetic with flags. Carries are read off the top bits: no wider type is needed for 64-bit operands. */
#include "vmm/alu.h"

static uint64_t sign_bit(unsigned size)
{
	return 1ull << (8 * size - 1);
}

static uint64_t result_flags(unsigned size, uint64_t r)
{
	return (__builtin_parity((unsigned)(r & 0xff)) ? 0 : FLAG_PF) | (r ? 0 : FLAG_ZF) |
	       (r & sign_bit(size) ? FLAG_SF : 0);
}

static uint64_t add(unsigned size, uint64_t a, uint64_t b, unsigned carry, uint64_t *flags)
{
	uint64_t r = (a + b + carry) & size_mask(size), top = sign_bit(size);

	*flags = result_flags(size, r) | (((a & b) | ((a | b) & ~r)) & top ? FLAG_CF : 0) |
		 ((a ^ r) & (b ^ r) & top ? FLAG_OF : 0) | ((a ^ b ^ r) & FLAG_AF);
	return r;
}

static uint64_t subtract(unsigned size, uint64_t a, uint64_t b, unsigned borrow, uint64_t *flags)
{
	uint64_t r = (a - b - borrow) & size_mask(size), top = sign_bit(size);

	*flags = result_flags(size, r) | (((~a & b) | ((~a | b) & r)) & top ? FLAG_CF : 0) |
		 ((a ^ b) & (a ^ r) & top ? FLAG_OF : 0) | ((a ^ b ^ r) & FLAG_AF);
	return r;
}

/* INC and DEC leave CF alone. */
static uint64_t step(enum insn_op op, unsigned size, uint64_t a, uint64_t *flags)
{
	uint64_t carry = *flags & FLAG_CF, r;

	r = op == OP_INC ? add(size, a, 1, 0, flags) : subtract(size, a, 1, 0, flags);
	*flags = (*flags & ~(uint64_t)FLAG_CF) | carry;
	return r;
}

static uint64_t bit_op(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *flags)
{
	uint64_t bit = 1ull << (b & (8 * size - 1));

	*flags = (*flags & ~(uint64_t)FLAG_CF) | (a & bit ? FLAG_CF : 0);
	switch (op) {
	case OP_BTS:
		return a | bit;
	case OP_BTR:
		return a & ~bit;
	case OP_BTC:
		return a ^ bit;
	default:
		return a;
	}
}

static uint64_t logic(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *flags)
{
	uint64_t r = op == OP_OR ? a | b : op == OP_XOR ? a ^ b : a & b;

	*flags = result_flags(size, r);
	return op == OP_TEST ? a : r;
}

static uint64_t compute(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *flags)
{
	unsigned carry = *flags & FLAG_CF;

	switch (op) {
	case OP_ADD:
	case OP_XADD:
		return add(size, a, b, 0, flags);
	case OP_ADC:
		return add(size, a, b, carry, flags);
	case OP_SUB:
		return subtract(size, a, b, 0, flags);
	case OP_SBB:
		return subtract(size, a, b, carry, flags);
	case OP_CMP:
		(void)subtract(size, a, b, 0, flags);
		return a;
	case OP_NEG:
		return subtract(size, 0, a, 0, flags);
	case OP_AND:
	case OP_OR:
	case OP_XOR:
	case OP_TEST:
		return logic(op, size, a, b, flags);
	case OP_INC:
	case OP_DEC:
		return step(op, size, a, flags);
	case OP_NOT:
		return ~a & size_mask(size);
	default:
		return bit_op(op, size, a, b, flags);
	}
}

uint64_t alu(enum insn_op op, unsigned size, uint64_t a, uint64_t b, uint64_t *rflags)
{
	uint64_t flags = *rflags & FLAGS_STATUS, r;

	r = compute(op, size, a & size_mask(size), b & size_mask(size), &flags);
	*rflags = (*rflags & ~(uint64_t)FLAGS_STATUS) | flags;
	return r;
}

bool alu_condition(unsigned cc, uint64_t rflags)
{
	bool cf = rflags & FLAG_CF, zf = rflags & FLAG_ZF, sf = rflags & FLAG_SF, of = rflags & FLAG_OF, yes = false;

	switch (cc >> 1 & 7) {
	case 0:
		yes = of;
		break;
	case 1:
		yes = cf;
		break;
	case 2:
		yes = zf;
		break;
	case 3:
		yes = cf || zf;
		break;
	case 4:
		yes = sf;
		break;
	case 5:
		yes = rflags & FLAG_PF;
		break;
	case 6:
		yes = sf != of;
		break;
	case 7:
		yes = zf || sf != of;
		break;
	}
	return yes != (cc & 1);
}
