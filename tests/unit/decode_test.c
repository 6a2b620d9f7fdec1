/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder by hand-encoded instructions of all three modes, and docs/instructions.md against the table of forms.
 *
 * sources: vmm/decode.c vmm/decode_table.c
 */
#include "tests/unit/check.h"
#include "vmm/decode.h"

#include <stdio.h>
#include <stdlib.h>

#define DOC "docs/instructions.md"

/* ------------------------------------------------------------------ the page */

static const char *sizes_of(const struct form *f)
{
	switch (f->refused ? WIDTH_FULL + 100 : f->width) {
	case WIDTH_BIT0:
		return f->op == OP_INS || f->op == OP_OUTS ? "8, 16, 32" : "8, full";
	case WIDTH_FULL:
		return "full";
	case WIDTH_BYTE:
		return "8";
	case WIDTH_WORD:
		return "16";
	case WIDTH_DWORD:
		return "32";
	case WIDTH_STACK:
		return "16, and 32 or 64";
	default:
		return "";
	}
}

static const char *access_of(const struct form *f)
{
	static const char *const name[] = { "none", "read", "write", "read, write" };

	return f->refused ? "" : name[f->flags / FORM_READ & 3];
}

static const char *notes_of(const struct form *f)
{
	if (f->refused) {
		return f->refused;
	}
	return f->flags & FORM_LOCK ? "LOCK" : f->flags & FORM_ONLY64 ? "64-bit mode only" :
	       f->flags & FORM_NOT64 ? "not in 64-bit mode" : "";
}

/* Both LOCK and NOT64 stand on the rows of opcode 82h only. */
static void print_row(char *line, size_t size, const struct form *f)
{
	bool both = (f->flags & (FORM_LOCK | FORM_NOT64)) == (FORM_LOCK | FORM_NOT64);

	snprintf(line, size, "| %s | %s | %s | %s | %s | %s |\n", f->encoding, f->assembly, f->refused ? "no" : "yes",
		 sizes_of(f), access_of(f), both ? "LOCK; not in 64-bit mode" : notes_of(f));
}

static void write_page(void)
{
	static char text[32768];
	FILE *file = fopen(DOC, "r+");
	size_t n;
	char *table, line[512];

	CHECK(file != NULL);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = 0;
	table = strstr(text, "| Encoding |");
	n = table ? (size_t)(table - text) : n;
	rewind(file);
	fwrite(text, 1, n, file);
	fprintf(file, "| Encoding | Instruction | Done | Sizes | Memory | Notes |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < form_count; i++) {
		print_row(line, sizeof(line), &form_table[i]);
		fputs(line, file);
	}
	CHECK_EQ(fflush(file), 0);
	fclose(file);
}

TEST(page_of_instructions_equals_the_table)
{
	char want[512], got[512];
	FILE *file;

	if (getenv("UPDATE")) {
		write_page();
	}
	file = fopen(DOC, "r");
	CHECK(file != NULL);
	do {
		CHECK(fgets(got, sizeof(got), file) != NULL);
	} while (strncmp(got, "|---", 4) != 0);
	for (size_t i = 0; i < form_count; i++) {
		print_row(want, sizeof(want), &form_table[i]);
		CHECK(fgets(got, sizeof(got), file) != NULL);
		CHECK_STR(got, want);
	}
	CHECK(fgets(got, sizeof(got), file) == NULL);
	fclose(file);
}

/* ------------------------------------------------------------------ the table itself */

static bool covers(const struct form *earlier, const struct form *f)
{
	return earlier->map == f->map && earlier->first <= f->first && earlier->last >= f->last &&
	       (earlier->group == GROUP_ANY || earlier->group == f->group) && earlier->prefix == PREFIX_ANY;
}

TEST(every_row_can_be_reached)
{
	for (size_t i = 0; i < form_count; i++) {
		for (size_t j = 0; j < i; j++) {
			CHECK(!covers(&form_table[j], &form_table[i]));
		}
	}
}

TEST(every_row_is_whole)
{
	for (size_t i = 0; i < form_count; i++) {
		const struct form *f = &form_table[i];

		CHECK(f->first <= f->last);
		CHECK(f->encoding && f->assembly);
		CHECK_EQ(f->op == OP_REFUSED, f->refused != NULL);
		CHECK(!(f->flags & FORM_LOCK) || (f->flags & (FORM_READ | FORM_WRITE)) == (FORM_READ | FORM_WRITE));
	}
}

/* ------------------------------------------------------------------ instructions by hand */

struct sample {
	const char *what;
	enum decode_mode mode;
	uint8_t bytes[16];
	uint8_t length, op, mem_size, reg_size, reg, base, index, scale, segment;
	int64_t disp;
	uint64_t imm;
};

#define NO REG_NONE

static const struct sample samples[] = {
	{ "mov %eax, (%rdi)", DECODE_64, { 0x89, 0x07 }, 2, OP_MOV, 4, 4, 0, 7, NO, 0, SEG_DS, 0, 0 },
	{ "mov (%rsi), %rax", DECODE_64, { 0x48, 0x8b, 0x06 }, 3, OP_MOV, 8, 8, 0, 6, NO, 0, SEG_DS, 0, 0 },
	{ "mov %r9w, -8(%r12)", DECODE_64, { 0x66, 0x45, 0x89, 0x4c, 0x24, 0xf8 }, 6, OP_MOV, 2, 2, 9, 12, NO, 0, SEG_DS, -8, 0 },
	{ "movzbl 4(%rax,%rbx,8), %ecx", DECODE_64, { 0x0f, 0xb6, 0x4c, 0xd8, 4 }, 5, OP_MOVZX, 1, 4, 1, 0, 3, 3, SEG_DS, 4, 0 },
	{ "movslq (%rdi), %rax", DECODE_64, { 0x48, 0x63, 0x07 }, 3, OP_MOVSX, 4, 8, 0, 7, NO, 0, SEG_DS, 0, 0 },
	{ "movl $-1, 0x10(%rsp)", DECODE_64, { 0xc7, 0x44, 0x24, 0x10, 0xff, 0xff, 0xff, 0xff }, 8, OP_MOV, 4, 4, 0, 4, NO, 0, SEG_SS, 16, ~0ull },
	{ "movq $-2, (%rbx)", DECODE_64, { 0x48, 0xc7, 0x03, 0xfe, 0xff, 0xff, 0xff }, 7, OP_MOV, 8, 8, 0, 3, NO, 0, SEG_DS, 0, ~1ull },
	{ "mov %al, %fs:(%rdx)", DECODE_64, { 0x64, 0x88, 0x02 }, 3, OP_MOV, 1, 1, 0, 2, NO, 0, SEG_FS, 0, 0 },
	{ "es and cs count for nothing in 64-bit code", DECODE_64, { 0x26, 0x2e, 0x88, 0x02 }, 4, OP_MOV, 1, 1, 0, 2, NO, 0, SEG_DS, 0, 0 },
	{ "rex before a prefix is lost", DECODE_64, { 0x48, 0x66, 0x89, 0x07 }, 4, OP_MOV, 2, 2, 0, 7, NO, 0, SEG_DS, 0, 0 },
	{ "rex.w beats 66", DECODE_64, { 0x66, 0x48, 0x89, 0x07 }, 4, OP_MOV, 8, 8, 0, 7, NO, 0, SEG_DS, 0, 0 },
	{ "movabs %eax, moffs64", DECODE_64, { 0xa3, 1, 2, 3, 4, 5, 6, 7, 8 }, 9, OP_MOV, 4, 4, 0, NO, NO, 0, SEG_DS, 0, 0x0807060504030201 },
	{ "moffs32 by 67", DECODE_64, { 0x67, 0xa0, 1, 2, 3, 0xfe }, 6, OP_MOV, 1, 1, 0, NO, NO, 0, SEG_DS, 0, 0xfe030201 },
	{ "no base, no index", DECODE_64, { 0x8b, 0x04, 0x25, 0, 0, 0xe0, 0xfe }, 7, OP_MOV, 4, 4, 0, NO, NO, 0, SEG_DS, -0x1200000, 0 },
	{ "r12 as index", DECODE_64, { 0x42, 0x8b, 0x04, 0x63 }, 4, OP_MOV, 4, 4, 0, 3, 12, 1, SEG_DS, 0, 0 },
	{ "lock or", DECODE_64, { 0xf0, 0x83, 0x08, 0x80 }, 4, OP_OR, 4, 4, 1, 0, NO, 0, SEG_DS, 0, ~0x7full },
	{ "push m", DECODE_64, { 0xff, 0x30 }, 2, OP_PUSH, 8, 8, 6, 0, NO, 0, SEG_DS, 0, 0 },
	{ "bts imm8", DECODE_64, { 0x0f, 0xba, 0x2f, 31 }, 4, OP_BTS, 4, 4, 5, 7, NO, 0, SEG_DS, 0, 31 },
	{ "movbe", DECODE_64, { 0x0f, 0x38, 0xf1, 0x07 }, 4, OP_MOVBE, 4, 4, 0, 7, NO, 0, SEG_DS, 0, 0 },
	{ "insl stays 4 bytes", DECODE_64, { 0xf3, 0x48, 0x6d }, 3, OP_INS, 4, 4, 0, NO, NO, 0, SEG_DS, 0, 0 },
	{ "es outsb", DECODE_16, { 0xf3, 0x26, 0x6e }, 3, OP_OUTS, 1, 1, 0, NO, NO, 0, SEG_ES, 0, 0 },
	{ "32: mov %eax, (%edi)", DECODE_32, { 0x89, 0x07 }, 2, OP_MOV, 4, 4, 0, 7, NO, 0, SEG_DS, 0, 0 },
	{ "32: absolute", DECODE_32, { 0x8b, 0x0d, 0xf0, 0, 0xe0, 0xfe }, 6, OP_MOV, 4, 4, 1, NO, NO, 0, SEG_DS, -0x11fff10, 0 },
	{ "32: moffs", DECODE_32, { 0xa1, 0xf0, 0, 0xe0, 0xfe }, 5, OP_MOV, 4, 4, 0, NO, NO, 0, SEG_DS, 0, 0xfee000f0 },
	{ "32: 16-bit address", DECODE_32, { 0x67, 0x8a, 0x46, 0x10 }, 4, OP_MOV, 1, 1, 0, 5, NO, 0, SEG_SS, 16, 0 },
	{ "32: alias 82h", DECODE_32, { 0x82, 0x08, 0xff }, 3, OP_OR, 1, 1, 1, 0, NO, 0, SEG_DS, 0, ~0ull },
	{ "16: mov %ax, (%bx,%si)", DECODE_16, { 0x89, 0x00 }, 2, OP_MOV, 2, 2, 0, 3, 6, 0, SEG_DS, 0, 0 },
	{ "16: mov 0x1234, %al", DECODE_16, { 0x8a, 0x06, 0x34, 0x12 }, 4, OP_MOV, 1, 1, 0, NO, NO, 0, SEG_DS, 0x1234, 0 },
	{ "16: mov %es:-2(%bp,%di), %eax", DECODE_16, { 0x26, 0x66, 0x8b, 0x43, 0xfe }, 5, OP_MOV, 4, 4, 0, 5, 7, 0, SEG_ES, -2, 0 },
	{ "16: 32-bit address", DECODE_16, { 0x67, 0x66, 0xc7, 0x04, 0x8b, 1, 0, 0, 0 }, 9, OP_MOV, 4, 4, 0, 3, 1, 2, SEG_DS, 0, 1 },
	{ "16: moffs", DECODE_16, { 0xa2, 0, 0x80 }, 3, OP_MOV, 1, 1, 0, NO, NO, 0, SEG_DS, 0, 0x8000 },
	{ "16: movw imm", DECODE_16, { 0xc7, 0x07, 0x34, 0x92 }, 4, OP_MOV, 2, 2, 0, 3, NO, 0, SEG_DS, 0, 0xffffffffffff9234 },
};

TEST(instructions_of_all_modes)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		const struct sample *s = &samples[i];
		struct insn in;

		printf("# %s\n", s->what);
		CHECK_EQ(decode(&in, s->bytes, sizeof(s->bytes), s->mode), OK);
		CHECK_EQ(in.length, s->length);
		CHECK_EQ(in.op, s->op);
		CHECK_EQ(in.mem_size, s->mem_size);
		CHECK_EQ(in.reg_size, s->reg_size);
		CHECK_EQ(in.reg, s->reg);
		CHECK_EQ(in.base, s->base);
		CHECK_EQ(in.index, s->index);
		CHECK_EQ(in.scale, s->scale);
		CHECK_EQ(in.segment, s->segment);
		CHECK_EQ(in.disp, s->disp);
		CHECK_EQ(in.imm, s->imm);
	}
}

/* One byte less is too few, wherever it is missing. */
TEST(truncated_instructions_ask_for_more)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		for (unsigned n = 0; n < samples[i].length; n++) {
			struct insn in;
			int r = decode(&in, samples[i].bytes, n, samples[i].mode);

			CHECK_EQ(r, E_RANGE);
		}
	}
}

TEST(high_byte_registers_end_with_rex)
{
	static const uint8_t plain[] = { 0x88, 0x27 }, rex[] = { 0x40, 0x88, 0x27 };
	struct insn in;

	CHECK_EQ(decode(&in, plain, sizeof(plain), DECODE_64), OK);
	CHECK(in.high_byte);
	CHECK_EQ(decode(&in, rex, sizeof(rex), DECODE_64), OK);
	CHECK(!in.high_byte);
}

TEST(rip_relative_is_absolute_in_32_bit_code)
{
	static const uint8_t bytes[] = { 0x8b, 0x05, 0, 0, 0, 1 };
	struct insn in;

	CHECK_EQ(decode(&in, bytes, sizeof(bytes), DECODE_64), OK);
	CHECK(in.rip_relative);
	CHECK_EQ(decode(&in, bytes, sizeof(bytes), DECODE_32), OK);
	CHECK(!in.rip_relative);
}

TEST(what_is_not_carried_out)
{
	static const struct {
		const char *what;
		enum decode_mode mode;
		uint8_t bytes[16];
		int want;
	} row[] = {
		{ "lock mov", DECODE_64, { 0xf0, 0x89, 0x07 }, E_INVAL },
		{ "lock cmp", DECODE_64, { 0xf0, 0x39, 0x07 }, E_INVAL },
		{ "lock add to a register", DECODE_64, { 0xf0, 0x01, 0xc0 }, E_INVAL },
		{ "lock movs", DECODE_64, { 0xf0, 0xa4 }, E_INVAL },
		{ "82h in 64-bit code", DECODE_64, { 0x82, 0x08, 1 }, E_INVAL },
		{ "movsxd in 32-bit code", DECODE_32, { 0x63, 0x07 }, E_INVAL },
		{ "register form", DECODE_64, { 0x89, 0xc0 }, E_PROTO },
		{ "cmpxchg8b", DECODE_64, { 0x0f, 0xc7, 0x0f }, E_NOSYS },
		{ "call m", DECODE_64, { 0xff, 0x17 }, E_NOSYS },
		{ "movdqu", DECODE_64, { 0xf3, 0x0f, 0x6f, 0x07 }, E_NOSYS },
		{ "vmovdqu", DECODE_64, { 0xc5, 0xfa, 0x6f, 0x07 }, E_NOSYS },
		{ "crc32", DECODE_64, { 0xf2, 0x0f, 0x38, 0xf1, 0x07 }, E_NOSYS },
		{ "fld", DECODE_64, { 0xd9, 0x07 }, E_NOSYS },
		{ "shl", DECODE_64, { 0xd1, 0x27 }, E_NOSYS },
		{ "hlt", DECODE_64, { 0xf4 }, E_NOENT },
		{ "nop", DECODE_64, { 0x90 }, E_NOENT },
		{ "15 prefixes", DECODE_64, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90 }, E_RANGE },
		{ "16 bytes with the opcode", DECODE_64, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x89, 0x07 }, E_RANGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct insn in;

		printf("# %s\n", row[i].what);
		CHECK_EQ(decode(&in, row[i].bytes, sizeof(row[i].bytes), row[i].mode), row[i].want);
	}
}

TEST(mode_follows_cs_and_efer)
{
	enum { L = 1 << 13, D = 1 << 14, LMA = 1 << 10 };

	CHECK_EQ(decode_mode(L, LMA), DECODE_64);
	CHECK_EQ(decode_mode(D, LMA), DECODE_32);
	CHECK_EQ(decode_mode(0, LMA), DECODE_16);
	CHECK_EQ(decode_mode(L, 0), DECODE_16);
	CHECK_EQ(decode_mode(L | D, 0), DECODE_32);
}

/* What the kernel carries out by itself on the APIC page and to doorbells. */
TEST(moves_have_size_register_and_direction)
{
	static const struct {
		const char *what;
		uint8_t b[16];
		enum decode_mode mode;
		bool ok;
		struct insn_info want;
	} row[] = {
		{ "mov [rdi+rsi*1+0x80], eax", { 0x89, 0x84, 0x37, 0x80, 0, 0, 0 }, DECODE_64, true,
		  { .length = 7, .size = 4, .reg_size = 4, .reg = GPR_RAX, .write = true } },
		{ "mov eax, [abs32]", { 0x8b, 0x04, 0x25, 0x20, 0x00, 0xe0, 0xfe }, DECODE_64, true,
		  { .length = 7, .size = 4, .reg_size = 4, .reg = GPR_RAX } },
		{ "mov r9d, [rip+disp32]", { 0x44, 0x8b, 0x0d, 1, 2, 3, 4 }, DECODE_64, true,
		  { .length = 7, .size = 4, .reg_size = 4, .reg = GPR_R9 } },
		{ "mov dword [rax+0xb0], 0", { 0xc7, 0x80, 0xb0, 0, 0, 0, 0, 0, 0, 0 }, DECODE_64, true,
		  { .length = 10, .size = 4, .write = true, .immediate = true } },
		{ "mov qword [rax], -1", { 0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff }, DECODE_64, true,
		  { .length = 7, .size = 8, .write = true, .immediate = true, .value = ~0ull } },
		{ "mov [moffs64], eax", { 0xa3, 1, 2, 3, 4, 5, 6, 7, 8 }, DECODE_64, true,
		  { .length = 9, .size = 4, .reg_size = 4, .reg = GPR_RAX, .write = true } },
		{ "mov al, [moffs32]", { 0xa0, 1, 2, 3, 4 }, DECODE_32, true,
		  { .length = 5, .size = 1, .reg_size = 1, .reg = GPR_RAX } },
		{ "mov [bx+si], ah", { 0x88, 0x20 }, DECODE_16, true,
		  { .length = 2, .size = 1, .reg_size = 1, .reg = GPR_RAX, .high = true, .write = true } },
		{ "mov [disp16], ax", { 0x89, 0x06, 0x34, 0x12 }, DECODE_16, true,
		  { .length = 4, .size = 2, .reg_size = 2, .reg = GPR_RAX, .write = true } },
		{ "mov [rsp], sil needs REX", { 0x40, 0x88, 0x34, 0x24 }, DECODE_64, true,
		  { .length = 4, .size = 1, .reg_size = 1, .reg = GPR_RSI, .write = true } },
		{ "movzx ecx, byte [rdx+1]", { 0x0f, 0xb6, 0x4a, 0x01 }, DECODE_64, true,
		  { .length = 4, .size = 1, .reg_size = 4, .reg = GPR_RCX } },
		{ "movsx rcx, word [rdx]", { 0x48, 0x0f, 0xbf, 0x0a }, DECODE_64, true,
		  { .length = 4, .size = 2, .reg_size = 8, .reg = GPR_RCX, .sign = true } },
		{ "register operand", { 0x89, 0xc0 }, DECODE_64, false, { 0 } },
		{ "lock mov", { 0xf0, 0x89, 0x00 }, DECODE_64, false, { 0 } },
		{ "c7 /1", { 0xc7, 0x08, 0, 0, 0, 0 }, DECODE_64, false, { 0 } },
		{ "xchg", { 0x87, 0x00 }, DECODE_64, false, { 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct insn_info m = { 0 };
		struct insn in;

		CHECK_EQ(decode(&in, row[i].b, 15, row[i].mode) == OK && decode_as_mov(&in, &m), row[i].ok);
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
