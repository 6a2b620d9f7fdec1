/* SPDX-License-Identifier: Apache-2.0 */
/* Instruction lengths, for CPUs that do not report them. SDM 2A 2.1, 2.2; APM 3 1.2. */
#include "arch/x86/vcpu/insn.h"

/* Cursor over the instruction's bytes with the prefixes seen; reads beyond the end give 0 and mark it bad. */
struct cursor {
	const uint8_t *b;
	unsigned n, at;
	enum insn_mode mode;
	bool bad, lock;
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
		case 0xf0: s->lock = true; break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0x66: case 0x67: case 0xf2: case 0xf3: break;
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

unsigned insn_decode_mov_cr(const uint8_t *b, unsigned n, enum insn_mode mode, uint8_t cr, uint8_t *gpr)
{
	struct cursor s = { .b = b, .n = n, .mode = mode };
	uint8_t op = skip_prefixes(&s), op2 = (uint8_t)take(&s, 1), modrm = (uint8_t)take(&s, 1);

	if (s.bad || op != 0x0f || op2 != 0x22 || ((modrm >> 3 & 7) | (s.rex & 4) << 1 | (s.lock ? 8 : 0)) != cr) {
		return 0;
	}
	*gpr = (uint8_t)((modrm & 7) | (s.rex & 1) << 3);
	return s.at;
}
