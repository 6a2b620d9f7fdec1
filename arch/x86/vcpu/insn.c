/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction lengths and plain MOV forms, for CPUs that do not report them. SDM 2A 2.1, 2.2; APM 3 1.2. */
#include "arch/x86/vcpu/insn.h"

#include "kernel/abi.h"

/* Cursor over the instruction's bytes; reads beyond the end give 0 and mark it bad. */
struct bytes {
	const uint8_t *b;
	unsigned n, at;
	bool bad;
};

struct prefixes {
	bool opsize, addrsize, lock;
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

static uint8_t next(struct bytes *s)
{
	if (s->at >= s->n || s->at >= INSN_MAX) {
		s->bad = true;
		return 0;
	}
	return s->b[s->at++];
}

static uint64_t next_value(struct bytes *s, unsigned count)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < count; i++) {
		v |= (uint64_t)next(s) << 8 * i;
	}
	return v;
}

/* Consumes prefixes and returns the first opcode byte. A REX counts only as the last prefix. */
static uint8_t skip_prefixes(struct bytes *s, enum insn_mode mode, struct prefixes *p)
{
	*p = (struct prefixes){ 0 };
	for (;;) {
		uint8_t b = next(s);

		if (s->bad) {
			return 0;
		}
		switch (b) {
		case 0x66:
			p->opsize = true;
			break;
		case 0x67:
			p->addrsize = true;
			break;
		case 0xf0:
			p->lock = true;
			break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0xf2: case 0xf3:
			break;
		default:
			if (mode != INSN_64 || (b & 0xf0) != 0x40) {
				return b;
			}
			p->rex = b;
			continue;
		}
		p->rex = 0;
	}
}

static bool starts_with(const uint8_t *b, unsigned n, enum insn_op op)
{
	const struct insn_opcode *o = &insn_opcodes[op];
	uint32_t bytes = 0;

	__builtin_memcpy(&bytes, b, n < sizeof(bytes) ? n : sizeof(bytes));
	return n >= o->length && (bytes & o->mask) == o->bytes;
}

unsigned insn_length(const uint8_t *b, unsigned n, enum insn_op op, enum insn_mode mode)
{
	struct bytes s = { .b = b, .n = n };
	struct prefixes p;
	unsigned start;

	(void)skip_prefixes(&s, mode, &p);
	if (s.bad) {
		return 0;
	}
	start = s.at - 1;
	if (!starts_with(b + start, n - start, op) || start + insn_opcodes[op].length > INSN_MAX) {
		return 0;
	}
	return start + insn_opcodes[op].length;
}

unsigned insn_decode_mov_cr8(const uint8_t *b, unsigned n, enum insn_mode mode, uint8_t *gpr)
{
	struct bytes s = { .b = b, .n = n };
	struct prefixes p;
	uint8_t op = skip_prefixes(&s, mode, &p), op2 = next(&s), modrm = next(&s);
	unsigned cr = (modrm >> 3 & 7u) | (p.rex & 4u) << 1;

	if (p.lock && cr == 0) {
		cr = 8;
	}
	if (s.bad || op != 0x0f || op2 != 0x22 || cr != 8) {
		return 0;
	}
	*gpr = (uint8_t)((modrm & 7) | (p.rex & 1) << 3);
	return s.at;
}

/* Skips ModRM's memory operand after its first byte; false for a register operand. */
static bool skip_memory_operand(struct bytes *s, uint8_t modrm, unsigned address_bytes)
{
	unsigned mod = modrm >> 6, rm = modrm & 7, disp = mod == 1 ? 1 : 0;

	if (mod == 3) {
		return false;
	}
	if (address_bytes == 2) {
		disp = mod == 2 || (mod == 0 && rm == 6) ? 2 : disp;
	} else {
		unsigned base = rm == 4 ? next(s) & 7u : rm;

		disp = mod == 2 || (mod == 0 && base == 5) ? 4 : disp;
	}
	(void)next_value(s, disp);
	return !s->bad;
}

/* Effective address size in bytes. */
static unsigned address_size(enum insn_mode mode, const struct prefixes *p)
{
	if (mode == INSN_64) {
		return p->addrsize ? 4 : 8;
	}
	return (mode == INSN_32) != p->addrsize ? 4 : 2;
}

static uint8_t operand_size(enum insn_mode mode, const struct prefixes *p)
{
	if (p->rex & 8) {
		return 8;
	}
	return (mode == INSN_16) != p->opsize ? 2 : 4;
}

/* Byte registers 4 to 7 are AH, CH, DH, BH unless a REX prefix is there. */
static void set_register(struct insn_mov *m, unsigned reg, const struct prefixes *p)
{
	m->reg = (uint8_t)reg;
	if (m->reg_size == 1 && !p->rex && reg >= 4) {
		m->high = true;
		m->reg = (uint8_t)(reg - 4);
	}
}

/* A0 to A3: accumulator and absolute address. */
static void decode_moffs(struct bytes *s, enum insn_mode mode, const struct prefixes *p, uint8_t op, struct insn_mov *m)
{
	m->write = op >= 0xa2;
	m->size = op & 1 ? operand_size(mode, p) : 1;
	m->reg_size = m->size;
	m->reg = GPR_RAX;
	(void)next_value(s, address_size(mode, p));
}

/* C6, C7: immediate to memory. */
static bool decode_imm(struct bytes *s, enum insn_mode mode, const struct prefixes *p, uint8_t op, struct insn_mov *m)
{
	uint8_t modrm = next(s);

	m->write = m->immediate = true;
	m->size = op & 1 ? operand_size(mode, p) : 1;
	if ((modrm & 0x38) || !skip_memory_operand(s, modrm, address_size(mode, p))) {
		return false;
	}
	if (m->size == 8) {
		m->value = (uint64_t)(int64_t)(int32_t)next_value(s, 4);
	} else {
		m->value = next_value(s, m->size);
	}
	return true;
}

/* 88 to 8B, and MOVZX and MOVSX from memory. */
static bool decode_modrm(struct bytes *s, enum insn_mode mode, const struct prefixes *p, uint8_t op, bool extend,
			 struct insn_mov *m)
{
	uint8_t modrm = next(s), full = operand_size(mode, p);

	if (extend) {
		m->size = op & 1 ? 2 : 1;
		m->reg_size = full;
		m->sign = op >= 0xbe;
	} else {
		m->size = op & 1 ? full : 1;
		m->reg_size = m->size;
		m->write = op < 0x8a;
	}
	set_register(m, (modrm >> 3 & 7) | (p->rex & 4u) << 1, p);
	return skip_memory_operand(s, modrm, address_size(mode, p));
}

bool insn_decode_mov(const uint8_t *b, unsigned n, enum insn_mode mode, struct insn_mov *m)
{
	struct bytes s = { .b = b, .n = n };
	struct prefixes p;
	uint8_t op = skip_prefixes(&s, mode, &p);
	bool ok = true;

	*m = (struct insn_mov){ 0 };
	if (s.bad || p.lock) {
		return false;
	}
	switch (op) {
	case 0x88: case 0x89: case 0x8a: case 0x8b:
		ok = decode_modrm(&s, mode, &p, op, false, m);
		break;
	case 0xa0: case 0xa1: case 0xa2: case 0xa3:
		decode_moffs(&s, mode, &p, op, m);
		break;
	case 0xc6: case 0xc7:
		ok = decode_imm(&s, mode, &p, op, m);
		break;
	case 0x0f:
		op = next(&s);
		ok = (op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf) && decode_modrm(&s, mode, &p, op, true, m);
		break;
	default:
		ok = false;
	}
	m->length = (uint8_t)s.at;
	return ok && !s.bad;
}
