/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction lengths and plain MOV forms, for CPUs that do not report them. SDM 2A 2.1, 2.2; APM 3 1.2. */
#include "arch/x86/vcpu/insn.h"

/* Cursor over the instruction's bytes with the prefixes seen; reads beyond the end give 0 and mark it bad. */
struct cursor {
	const uint8_t *b;
	unsigned n, at;
	enum insn_mode mode;
	bool bad, opsize, addrsize, lock;
	uint8_t rex;
};

const struct insn_opcode insn_opcodes[INSN_OP_COUNT] = {
	[INSN_CPUID] = { 0xa20f, 0xffff, 2 },
	[INSN_RDMSR] = { 0x320f, 0xffff, 2 },
	[INSN_WRMSR] = { 0x300f, 0xffff, 2 },
	[INSN_HLT] = { 0xf4, 0xff, 1 },
	[INSN_HYPERCALL] = { 0xd9010f, 0xffffff, 3 },
	[INSN_XSETBV] = { 0xd1010f, 0xffffff, 3 },
	[INSN_WBINVD] = { 0x090f, 0xffff, 2 },
	[INSN_INVD] = { 0x080f, 0xffff, 2 },
};

/* The next count bytes, little-endian. */
static uint64_t take(struct cursor *s, unsigned count)
{
	uint64_t val = 0;

	if (s->at + count > s->n || s->at + count > INSN_MAX) {
		s->bad = true;
		return 0;
	}
	__builtin_memcpy(&val, s->b + s->at, count);
	s->at += count;
	return val;
}

/* Consumes prefixes and returns the first opcode byte. A REX counts only as the last prefix. */
static uint8_t skip_prefixes(struct cursor *s)
{
	for (;;) {
		uint8_t b = (uint8_t)take(s, 1);

		switch (b) {
		case 0x66: s->opsize = true; break;
		case 0x67: s->addrsize = true; break;
		case 0xf0: s->lock = true; break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0xf2: case 0xf3: break;
		default:
			if (s->mode != INSN_64 || (b & 0xf0) != 0x40) {
				return b;
			}
			s->rex = b;
			continue;
		}
		s->rex = 0;
	}
}

unsigned insn_length(const uint8_t *b, unsigned n, enum insn_op op, enum insn_mode mode)
{
	const struct insn_opcode *o = &insn_opcodes[op];
	struct cursor s = { .b = b, .n = n, .mode = mode };

	(void)skip_prefixes(&s);
	s.at -= s.bad ? 0 : 1;
	return take(&s, o->length) == o->bytes && !s.bad ? s.at : 0;
}

/* ModRM's register operand. */
static uint8_t register_of(const struct cursor *s, uint8_t modrm)
{
	return (uint8_t)((modrm >> 3 & 7) | (s->rex & 4) << 1);
}

unsigned insn_decode_mov_cr(const uint8_t *b, unsigned n, enum insn_mode mode, uint8_t cr, uint8_t *gpr)
{
	struct cursor s = { .b = b, .n = n, .mode = mode };
	uint8_t op = skip_prefixes(&s), op2 = (uint8_t)take(&s, 1), modrm = (uint8_t)take(&s, 1);

	if (s.bad || op != 0x0f || op2 != 0x22 || (register_of(&s, modrm) | (s.lock ? 8 : 0)) != cr) {
		return 0;
	}
	*gpr = (uint8_t)((modrm & 7) | (s.rex & 1) << 3);
	return s.at;
}

/* Effective address size in bytes. */
static unsigned address_size(const struct cursor *s)
{
	if (s->mode == INSN_64) {
		return s->addrsize ? 4 : 8;
	}
	return (s->mode == INSN_32) != s->addrsize ? 4 : 2;
}

static uint8_t operand_size(const struct cursor *s)
{
	if (s->rex & 8) {
		return 8;
	}
	return (s->mode == INSN_16) != s->opsize ? 2 : 4;
}

/* Skips ModRM's memory operand after its first byte; a register operand is bad. */
static void skip_memory_operand(struct cursor *s, uint8_t modrm)
{
	unsigned mod = modrm >> 6, rm = modrm & 7, disp = mod == 1 ? 1 : 0;

	if (address_size(s) == 2) {
		disp = mod == 2 || (mod == 0 && rm == 6) ? 2 : disp;
	} else {
		unsigned base = rm == 4 ? take(s, 1) & 7 : rm;

		disp = mod == 2 || (mod == 0 && base == 5) ? 4 : disp;
	}
	(void)take(s, disp);
	s->bad |= mod == 3;
}

/* The forms of MOV by opcode, 0F in the upper byte. Bit 0 of all: not a byte. */
enum { NONE = 0, MODRM = 1, MOFFS = 2, IMM = 4, WRITE = 8, EXTEND = 16, SIGN = 32 };

static unsigned form_of(unsigned op)
{
	switch (op & ~1u) {
	case 0x88:  return MODRM | WRITE;
	case 0x8a:  return MODRM;
	case 0xa0:  return MOFFS;
	case 0xa2:  return MOFFS | WRITE;
	case 0xc6:  return MODRM | IMM | WRITE;
	case 0xfb6: return MODRM | EXTEND;
	case 0xfbe: return MODRM | EXTEND | SIGN;
	default:    return NONE;
	}
}

/* Byte registers 4 to 7 are AH, CH, DH, BH unless a REX prefix is there. */
static void set_register(struct insn_mov *m, uint8_t reg, uint8_t rex)
{
	m->high = m->reg_size == 1 && !rex && reg >= 4;
	m->reg = m->high ? reg - 4 : reg;
}

/* What follows the opcode. */
static void decode_operands(struct cursor *s, unsigned form, struct insn_mov *m)
{
	uint8_t modrm;

	if (form & MOFFS) {
		(void)take(s, address_size(s));
		return;
	}
	modrm = (uint8_t)take(s, 1);
	skip_memory_operand(s, modrm);
	if (!(form & IMM)) {
		set_register(m, register_of(s, modrm), s->rex);
		return;
	}
	s->bad |= (modrm & 0x38) != 0;
	m->immediate = true;
	m->value = m->size == 8 ? (uint64_t)(int32_t)take(s, 4) : take(s, m->size);
}

bool insn_decode_mov(const uint8_t *b, unsigned n, enum insn_mode mode, struct insn_mov *m)
{
	struct cursor s = { .b = b, .n = n, .mode = mode };
	unsigned op = skip_prefixes(&s), form;
	uint8_t full = operand_size(&s);

	if (op == 0x0f) {
		op = 0xf00 | (unsigned)take(&s, 1);
	}
	form = form_of(op);
	*m = (struct insn_mov){ .write = (form & WRITE) != 0, .sign = (form & SIGN) != 0 };
	m->reg_size = op & 1 || form & EXTEND ? full : 1;
	m->size = form & EXTEND ? (uint8_t)(1 + (op & 1)) : m->reg_size;
	decode_operands(&s, form, m);
	m->length = (uint8_t)s.at;
	return form != NONE && !s.bad && !s.lock;
}
