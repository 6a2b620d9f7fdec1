/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that exit, in every dress: prefixes alone, in pairs and up to 15 bytes, REX at its place and out of it, the
 * bits of ModRM that do not count. Who must find their length for himself goes on at the right place, or the processor has
 * refused them. SDM 2A 2.1, 2.2; APM 3 1.2.
 */
#include "tests/attack/at.h"

enum { INSN_MAX = 15, MARK = 0x5a, CR8_LEGACY = 4 };

uint8_t attack_code[64] __attribute__((aligned(64)));

struct op {
	const char *name;
	uint8_t bytes[3], length;
	bool modrm;                  /* the last byte is ModRM, of which mod does not count          */
	uint64_t a, c;
};

static struct op ops[] = {
	{ "cpuid", { 0x0f, 0xa2 }, 2, false, 0x40000000, 0 }, { "rdmsr", { 0x0f, 0x32 }, 2, false, 0, 0x1b },
	{ "wrmsr", { 0x0f, 0x30 }, 2, false, 0, 0x8b }, { "wbinvd", { 0x0f, 0x09 }, 2, false, 0, 0 },
	{ "in", { 0xe4, 0x80 }, 2, false, 0, 0 }, { "out", { 0xe7, 0x80 }, 2, false, 0, 0 },
	{ "mov to cr4", { 0x0f, 0x22, 0xe0 }, 3, true, 0, 0 }, { "mov to cr3", { 0x0f, 0x22, 0xd8 }, 3, true, 0, 0 },
	{ "mov from cr0", { 0x0f, 0x20, 0xc2 }, 3, true, 0, 0 }, { "mov from dr7", { 0x0f, 0x21, 0xfa }, 3, true, 0, 0 },
};

/* The exception, NONE if the instruction was done and the next one was met, 0x100 if not that one. */
static uint64_t run(const struct op *o, const uint8_t *prefix, unsigned count, unsigned mod)
{
	uint8_t *end = attack_code + count + o->length;
	uint64_t n;

	memcpy(attack_code, prefix, count);
	memcpy(attack_code + count, o->bytes, o->length);
	if (o->modrm) {
		end[-1] = (uint8_t)((end[-1] & 0x3f) | mod << 6);
	}
	memcpy(end, "\xb7\x5a\xc3", 3);              /* mov $MARK, %bh; ret */
	n = FAULT("xorl %%ebx, %%ebx; call attack_code; movl %%ebx, %%edx", o->a, o->c, 0);
	return n == NONE && (out.d >> 8 & 0xff) != MARK ? 0x100 : n;
}

/* 66, F2 and F3 may make another instruction of it, which then is not there. */
static bool fine(uint64_t n)
{
	return n == NONE || n == UD;
}

static void prefixes(const struct op *o)
{
	static const uint8_t legacy[] = { 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	uint8_t p[16];
	uint64_t one = 0, two = 0, rex = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(legacy); i++) {
		p[0] = legacy[i];
		one += !fine(run(o, p, 1, 3));
		for (unsigned j = 0; j < ARRAY_SIZE(legacy); j++) {
			p[1] = legacy[j];
			two += !fine(run(o, p, 2, 3));
		}
		/* REX counts as the last one only. */
		p[1] = 0x48;
		rex += !fine(run(o, p, 2, 3));
		p[0] = 0x48;
		p[1] = legacy[i];
		rex += !fine(run(o, p, 2, 3));
	}
	equal(o->name, run(o, p, 0, 3), NONE);
	equal_of(o->name, "one prefix", one, 0);
	equal_of(o->name, "two prefixes", two, 0);
	equal_of(o->name, "with rex", rex, 0);
	memset(p, 0x2e, sizeof(p));
	equal_of(o->name, "fifteen bytes", run(o, p, INSN_MAX - o->length, 3), NONE);
	equal_of(o->name, "sixteen bytes", run(o, p, INSN_MAX + 1 - o->length, 3), GP);
	p[0] = 0xf0;
	equal_of(o->name, "lock", run(o, p, 1, 3), o->bytes[1] == 0x20 && has(0x80000001, 0, 'c', CR8_LEGACY) ? NONE : UD);
}

static void mods(const struct op *o)
{
	uint8_t p[1] = { 0x42 };
	uint64_t wrong = 0;

	for (unsigned mod = 0; mod < 4; mod++) {
		wrong += run(o, p, 0, mod) != NONE;
		wrong += run(o, p, 1, mod) != NONE;
	}
	equal_of(o->name, "any mod", wrong, 0);
}

/* LOCK and CR0 are CR8 where the processor has that, in 32-bit code too. */
static void lock_cr0(void)
{
	static const struct op o = { "lock mov to cr0", { 0x0f, 0x22, 0xc0 }, 3, true, 5, 0 };
	static const uint8_t lock = 0xf0;
	uint64_t cr8, want = has(0x80000001, 0, 'c', CR8_LEGACY) ? NONE : UD;

	equal(o.name, run(&o, &lock, 1, 3), want);
	__asm__ volatile("movq %%cr8, %0; movq %1, %%cr8" : "=r"(cr8) : "r"(0ull));
	equal("lock mov to cr0, cr8", cr8, want == NONE ? 5 : 0);
}

void group_encodings(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		struct op *o = &ops[i];

		if (o->modrm && o->bytes[1] == 0x22) {
			o->a = (o->bytes[2] & 0x38) == 0x20 ? READ_CR(4) : READ_CR(3);
		}
		prefixes(o);
		if (o->modrm) {
			mods(o);
		}
	}
	lock_cr0();
}
