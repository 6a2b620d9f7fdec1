/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that exit as such: see insn_exits.h. SDM 2A 2.1, 2.2; APM 3 1.2. */
#include "vmm/insn_exits.h"

/* Cursor over the instruction's bytes with the prefixes seen; reads beyond the end give 0 and mark it bad. */
struct cursor {
	const uint8_t *b;
	unsigned n, at;
	enum decode_mode mode;
	bool bad, lock;
	uint8_t rex;
};

/* Without prefixes, little-endian. */
static const struct { uint32_t bytes; uint8_t length; } opcode[] = {
	[INSN_CPUID] = { 0xa20f, 2 },
	[INSN_RDMSR] = { 0x320f, 2 },
	[INSN_WRMSR] = { 0x300f, 2 },
	[INSN_HLT] = { 0xf4, 1 },
	[INSN_HYPERCALL] = { 0xd9010f, 3 },
	[INSN_XSETBV] = { 0xd1010f, 3 },
	[INSN_WBINVD] = { 0x090f, 2 },
	[INSN_INVD] = { 0x080f, 2 },
};

/* The next count bytes, little-endian. */
static uint64_t take(struct cursor *s, unsigned count)
{
	uint64_t val = 0;

	if (s->at + count > s->n || s->at + count > INSN_LENGTH_MAX) {
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
			if (s->mode != DECODE_64 || (b & 0xf0) != 0x40) {
				return b;
			}
			s->rex = b;
			continue;
		}
		s->rex = 0;
	}
}

static unsigned fixed_length(const uint8_t *b, unsigned n, enum decode_mode mode, enum insn_kind kind)
{
	struct cursor s = { .b = b, .n = n, .mode = mode };

	(void)skip_prefixes(&s);
	s.at -= s.bad ? 0 : 1;
	return take(&s, opcode[kind].length) == opcode[kind].bytes && !s.bad ? s.at : 0;
}

/* MOV to CRn is 0F 22; with LOCK the register is eight more (APM 3 MOV CRn). */
static bool mov_cr(struct insn_info *out, const uint8_t *b, unsigned n, enum decode_mode mode)
{
	struct cursor s = { .b = b, .n = n, .mode = mode };
	uint8_t op = skip_prefixes(&s), op2 = (uint8_t)take(&s, 1), modrm = (uint8_t)take(&s, 1);

	*out = (struct insn_info){
		.length = (uint8_t)s.at, .kind = INSN_MOV_CR, .reg = (uint8_t)((modrm & 7) | (s.rex & 1) << 3),
		.value = (modrm >> 3 & 7) | (s.rex & 4u) << 1 | (s.lock ? 8 : 0),
	};
	return !s.bad && op == 0x0f && op2 == 0x22;
}

bool insn_exits(struct insn_info *out, const uint8_t *b, unsigned n, enum decode_mode mode)
{
	for (unsigned kind = INSN_CPUID; kind < INSN_MOV_CR; kind++) {
		unsigned length = fixed_length(b, n, mode, kind);

		if (length) {
			*out = (struct insn_info){ .length = (uint8_t)length, .kind = (uint8_t)kind };
			return true;
		}
	}
	return mov_cr(out, b, n, mode);
}
