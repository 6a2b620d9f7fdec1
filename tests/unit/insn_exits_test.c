/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that exit as such, in all their forms.
 * sources: vmm/insn_exits.c
 */
#include "tests/unit/check.h"
#include "vmm/insn_exits.h"

/* The length of b if it is that instruction, else 0. */
static unsigned length(const uint8_t *b, unsigned n, enum insn_kind kind, enum decode_mode mode)
{
	struct insn_info i;

	return insn_exits(&i, b, n, mode) && i.kind == kind ? i.length : 0;
}

/* The same of a MOV to that control register; its source goes to *gpr. */
static unsigned mov_cr_length(const uint8_t *b, unsigned n, enum decode_mode mode, uint64_t cr, uint8_t *gpr)
{
	struct insn_info i;

	if (!insn_exits(&i, b, n, mode) || i.kind != INSN_MOV_CR || i.value != cr) {
		return 0;
	}
	*gpr = i.reg;
	return i.length;
}

TEST(fixed_instructions_have_the_length_of_the_manual)
{
	static const struct {
		const char *what;
		uint8_t b[16];
		unsigned n;
		enum insn_kind kind;
		enum decode_mode mode;
		unsigned want;
	} row[] = {
		{ "cpuid",                         { 0x0f, 0xa2 }, 16, INSN_CPUID, DECODE_64, 2 },
		{ "rdmsr",                         { 0x0f, 0x32 }, 16, INSN_RDMSR, DECODE_32, 2 },
		{ "vmmcall",                       { 0x0f, 0x01, 0xd9 }, 16, INSN_HYPERCALL, DECODE_64, 3 },
		{ "hlt, last byte of a page",      { 0xf4 }, 1, INSN_HLT, DECODE_16, 1 },
		{ "rep hlt",                       { 0xf3, 0xf4 }, 16, INSN_HLT, DECODE_64, 2 },
		{ "prefixes and REX",              { 0x66, 0x67, 0x48, 0x0f, 0xa2 }, 16, INSN_CPUID, DECODE_64, 5 },
		{ "REX is an opcode outside 64 bit", { 0x48, 0x0f, 0xa2 }, 16, INSN_CPUID, DECODE_32, 0 },
		{ "another instruction",           { 0x0f, 0xa3 }, 16, INSN_CPUID, DECODE_64, 0 },
		{ "cut off",                       { 0x0f }, 1, INSN_CPUID, DECODE_64, 0 },
		{ "nothing readable",              { 0x0f, 0xa2 }, 0, INSN_CPUID, DECODE_64, 0 },
		{ "15 bytes",  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2 }, 16,
		  INSN_CPUID, DECODE_64, 15 },
		{ "16 bytes",  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2 }, 16,
		  INSN_CPUID, DECODE_64, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(length(row[i].b, row[i].n, row[i].kind, row[i].mode), row[i].want);
	}
}

/* What exits is found again in any dress, or the guest would exit there for ever. */
TEST(every_form_that_exits_is_known)
{
	static const struct { enum insn_kind kind; uint8_t b[3], length; } fixed[] = {
		{ INSN_CPUID, { 0x0f, 0xa2 }, 2 }, { INSN_RDMSR, { 0x0f, 0x32 }, 2 }, { INSN_WRMSR, { 0x0f, 0x30 }, 2 },
		{ INSN_HLT, { 0xf4 }, 1 }, { INSN_HYPERCALL, { 0x0f, 0x01, 0xd9 }, 3 }, { INSN_XSETBV, { 0x0f, 0x01, 0xd1 }, 3 },
		{ INSN_WBINVD, { 0x0f, 0x09 }, 2 }, { INSN_INVD, { 0x0f, 0x08 }, 2 },
	};
	static const uint8_t prefix[] = { 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x40, 0x47, 0x48, 0x4f };

	for (unsigned i = 0; i < ARRAY_SIZE(prefix) * ARRAY_SIZE(prefix); i++) {
		uint8_t b[16] = { prefix[i / ARRAY_SIZE(prefix)], prefix[i % ARRAY_SIZE(prefix)] }, gpr;

		for (unsigned k = 0; k < ARRAY_SIZE(fixed); k++) {
			memcpy(b + 2, fixed[k].b, fixed[k].length);
			CHECK_EQ(length(b, 16, fixed[k].kind, DECODE_64), 2u + fixed[k].length);
		}
		for (unsigned modrm = 0; modrm < 256; modrm++) {
			unsigned reg = (modrm >> 3 & 7) | ((b[1] & 0xf4) == 0x44 ? 8 : 0);

			memcpy(b + 2, (const uint8_t[]){ 0x0f, 0x22, (uint8_t)modrm }, 3);
			CHECK_EQ(mov_cr_length(b, 16, DECODE_64, (uint8_t)reg, &gpr), 5);
			CHECK_EQ(gpr, (modrm & 7) | ((b[1] & 0xf1) == 0x41 ? 8 : 0));
		}
	}
}

TEST(writes_of_control_registers_name_their_register)
{
	uint8_t gpr = 0xff;

	CHECK_EQ(mov_cr_length((const uint8_t[]){ 0x44, 0x0f, 0x22, 0xc0 }, 4, DECODE_64, 8, &gpr), 4);
	CHECK_EQ(gpr, GPR_RAX);
	CHECK_EQ(mov_cr_length((const uint8_t[]){ 0x45, 0x0f, 0x22, 0xc7 }, 4, DECODE_64, 8, &gpr), 4);
	CHECK_EQ(gpr, GPR_R15);
	CHECK_EQ(mov_cr_length((const uint8_t[]){ 0xf0, 0x0f, 0x22, 0xc3 }, 4, DECODE_32, 8, &gpr), 4);
	CHECK_EQ(gpr, GPR_RBX);
	CHECK_EQ(mov_cr_length((const uint8_t[]){ 0x0f, 0x22, 0xd8 }, 3, DECODE_64, 8, &gpr), 0);
	CHECK_EQ(mov_cr_length((const uint8_t[]){ 0x0f, 0x22, 0xe1 }, 3, DECODE_16, 4, &gpr), 3);
	CHECK_EQ(gpr, GPR_RCX);
}
