/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths of fixed instructions and plain MOVs, as the kernel reads them.
 * sources: arch/x86/vcpu/insn.c
 */
#include "arch/x86/vcpu/insn.h"
#include "kernel/abi.h"
#include "lib/base.h"
#include "tests/unit/check.h"

TEST(fixed_instructions_have_the_length_of_the_manual)
{
	static const struct {
		const char *what;
		uint8_t b[16];
		unsigned n;
		enum insn_op op;
		enum insn_mode mode;
		unsigned want;
	} row[] = {
		{ "cpuid",                         { 0x0f, 0xa2 }, 16, INSN_CPUID, INSN_64, 2 },
		{ "rdmsr",                         { 0x0f, 0x32 }, 16, INSN_RDMSR, INSN_32, 2 },
		{ "vmmcall",                       { 0x0f, 0x01, 0xd9 }, 16, INSN_HYPERCALL, INSN_64, 3 },
		{ "hlt, last byte of a page",      { 0xf4 }, 1, INSN_HLT, INSN_16, 1 },
		{ "rep hlt",                       { 0xf3, 0xf4 }, 16, INSN_HLT, INSN_64, 2 },
		{ "prefixes and REX",              { 0x66, 0x67, 0x48, 0x0f, 0xa2 }, 16, INSN_CPUID, INSN_64, 5 },
		{ "REX is an opcode outside 64 bit", { 0x48, 0x0f, 0xa2 }, 16, INSN_CPUID, INSN_32, 0 },
		{ "another instruction",           { 0x0f, 0xa3 }, 16, INSN_CPUID, INSN_64, 0 },
		{ "cut off",                       { 0x0f }, 1, INSN_CPUID, INSN_64, 0 },
		{ "nothing readable",              { 0x0f, 0xa2 }, 0, INSN_CPUID, INSN_64, 0 },
		{ "15 bytes",  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2 }, 16,
		  INSN_CPUID, INSN_64, 15 },
		{ "16 bytes",  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2 }, 16,
		  INSN_CPUID, INSN_64, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(insn_length(row[i].b, row[i].n, row[i].op, row[i].mode), row[i].want);
	}
}

TEST(moves_are_decoded_with_size_register_and_direction)
{
	static const struct {
		const char *what;
		uint8_t b[16];
		enum insn_mode mode;
		bool ok;
		struct insn_mov want;
	} row[] = {
		{ "mov [rdi+rsi*1+0x80], eax", { 0x89, 0x84, 0x37, 0x80, 0, 0, 0 }, INSN_64, true,
		  { .length = 7, .size = 4, .reg_size = 4, .reg = GPR_RAX, .write = true } },
		{ "mov eax, [abs32]", { 0x8b, 0x04, 0x25, 0x20, 0x00, 0xe0, 0xfe }, INSN_64, true,
		  { .length = 7, .size = 4, .reg_size = 4, .reg = GPR_RAX } },
		{ "mov r9d, [rip+disp32]", { 0x44, 0x8b, 0x0d, 1, 2, 3, 4 }, INSN_64, true,
		  { .length = 7, .size = 4, .reg_size = 4, .reg = GPR_R9 } },
		{ "mov dword [rax+0xb0], 0", { 0xc7, 0x80, 0xb0, 0, 0, 0, 0, 0, 0, 0 }, INSN_64, true,
		  { .length = 10, .size = 4, .write = true, .immediate = true } },
		{ "mov qword [rax], -1", { 0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff }, INSN_64, true,
		  { .length = 7, .size = 8, .write = true, .immediate = true, .value = ~0ull } },
		{ "mov [moffs64], eax", { 0xa3, 1, 2, 3, 4, 5, 6, 7, 8 }, INSN_64, true,
		  { .length = 9, .size = 4, .reg_size = 4, .reg = GPR_RAX, .write = true } },
		{ "mov al, [moffs32]", { 0xa0, 1, 2, 3, 4 }, INSN_32, true,
		  { .length = 5, .size = 1, .reg_size = 1, .reg = GPR_RAX } },
		{ "mov [bx+si], ah", { 0x88, 0x20 }, INSN_16, true,
		  { .length = 2, .size = 1, .reg_size = 1, .reg = GPR_RAX, .high = true, .write = true } },
		{ "mov [disp16], ax", { 0x89, 0x06, 0x34, 0x12 }, INSN_16, true,
		  { .length = 4, .size = 2, .reg_size = 2, .reg = GPR_RAX, .write = true } },
		{ "mov [rsp], sil needs REX", { 0x40, 0x88, 0x34, 0x24 }, INSN_64, true,
		  { .length = 4, .size = 1, .reg_size = 1, .reg = GPR_RSI, .write = true } },
		{ "movzx ecx, byte [rdx+1]", { 0x0f, 0xb6, 0x4a, 0x01 }, INSN_64, true,
		  { .length = 4, .size = 1, .reg_size = 4, .reg = GPR_RCX } },
		{ "movsx rcx, word [rdx]", { 0x48, 0x0f, 0xbf, 0x0a }, INSN_64, true,
		  { .length = 4, .size = 2, .reg_size = 8, .reg = GPR_RCX, .sign = true } },
		{ "register operand", { 0x89, 0xc0 }, INSN_64, false, { 0 } },
		{ "lock mov", { 0xf0, 0x89, 0x00 }, INSN_64, false, { 0 } },
		{ "c7 /1", { 0xc7, 0x08, 0, 0, 0, 0 }, INSN_64, false, { 0 } },
		{ "xchg", { 0x87, 0x00 }, INSN_64, false, { 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct insn_mov m;

		CHECK_EQ(insn_decode_mov(row[i].b, 16, row[i].mode, &m), row[i].ok);
		if (!row[i].ok) {
			continue;
		}
		CHECK_EQ(m.length, row[i].want.length);
		CHECK_EQ(m.size, row[i].want.size);
		CHECK_EQ(m.immediate ? 0 : m.reg_size, row[i].want.reg_size);
		CHECK_EQ(m.reg, row[i].want.reg);
		CHECK_EQ(m.high, row[i].want.high);
		CHECK_EQ(m.write, row[i].want.write);
		CHECK_EQ(m.immediate, row[i].want.immediate);
		CHECK_EQ(m.sign, row[i].want.sign);
		CHECK_EQ(m.value, row[i].want.value);
	}
}

TEST(a_move_cut_off_anywhere_is_refused)
{
	static const uint8_t b[] = { 0x89, 0x84, 0x37, 0x80, 0, 0, 0 };
	struct insn_mov m;

	for (unsigned n = 0; n < sizeof(b); n++) {
		CHECK(!insn_decode_mov(b, n, INSN_64, &m));
	}
	CHECK(insn_decode_mov(b, sizeof(b), INSN_64, &m));
}

TEST(writes_of_control_registers_name_their_register)
{
	uint8_t gpr = 0xff;

	CHECK_EQ(insn_decode_mov_cr((const uint8_t[]){ 0x44, 0x0f, 0x22, 0xc0 }, 4, INSN_64, 8, &gpr), 4);
	CHECK_EQ(gpr, GPR_RAX);
	CHECK_EQ(insn_decode_mov_cr((const uint8_t[]){ 0x45, 0x0f, 0x22, 0xc7 }, 4, INSN_64, 8, &gpr), 4);
	CHECK_EQ(gpr, GPR_R15);
	CHECK_EQ(insn_decode_mov_cr((const uint8_t[]){ 0xf0, 0x0f, 0x22, 0xc3 }, 4, INSN_32, 8, &gpr), 4);
	CHECK_EQ(gpr, GPR_RBX);
	CHECK_EQ(insn_decode_mov_cr((const uint8_t[]){ 0x0f, 0x22, 0xd8 }, 3, INSN_64, 8, &gpr), 0);
	CHECK_EQ(insn_decode_mov_cr((const uint8_t[]){ 0x0f, 0x22, 0xe1 }, 3, INSN_16, 4, &gpr), 3);
	CHECK_EQ(gpr, GPR_RCX);
}
