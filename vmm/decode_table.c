/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instruction forms that may touch a device, one row each. SDM 2 appendix A.
 *
 * Order matters only where rows overlap: the first match counts.
 */
#include "vmm/decode_table.h"

enum { R = FORM_READ, W = FORM_WRITE, RW = FORM_READ | FORM_WRITE, LRW = FORM_LOCK | FORM_READ | FORM_WRITE };

#define ROW(map_, first_, last_, group_, op_, ops_, width_, flags_, encoding_, assembly_) \
	{ .map = MAP_##map_, .first = first_, .last = last_, .group = group_, .op = OP_##op_, .operands = OPS_##ops_, \
	  .width = WIDTH_##width_, .flags = flags_, .encoding = encoding_, .assembly = assembly_ }

/* The eight two-operand arithmetic instructions share their layout: opcodes 8n to 8n+3, and /n of 80h to 83h. */
#define ALU(name, n, mem_reg, reg_mem, flags_) \
	ROW(1, 8 * (n), 8 * (n) + 1, GROUP_ANY, name, MEM_REG, BIT0, flags_, mem_reg " /r", #name " r/m, r"), \
	ROW(1, 8 * (n) + 2, 8 * (n) + 3, GROUP_ANY, name, REG_MEM, BIT0, R, reg_mem " /r", #name " r, r/m"), \
	ROW(1, 0x80, 0x81, n, name, MEM_IMM, BIT0, flags_, "80-81 /" #n, #name " r/m, imm"), \
	ROW(1, 0x82, 0x82, n, name, MEM_IMM, BYTE, (flags_) | FORM_NOT64, "82 /" #n, #name " r/m8, imm8"), \
	ROW(1, 0x83, 0x83, n, name, MEM_IMM8, FULL, flags_, "83 /" #n, #name " r/m, imm8")

#define REFUSE(map_, first_, last_, group_, encoding_, assembly_, why) \
	{ .map = MAP_##map_, .first = first_, .last = last_, .group = group_, .op = OP_REFUSED, .encoding = encoding_, \
	  .assembly = assembly_, .refused = why }

#define VECTOR "vector and floating-point registers are not carried to a device"
#define FAR    "control flow or a descriptor taken from a device"
#define MATH   "multiplication, division and shifts are not done on a device"

const struct form form_table[] = {
	ROW(1, 0x88, 0x89, GROUP_ANY, MOV, MEM_REG, BIT0, W, "88-89 /r", "MOV r/m, r"),
	ROW(1, 0x8a, 0x8b, GROUP_ANY, MOV, REG_MEM, BIT0, R, "8A-8B /r", "MOV r, r/m"),
	ROW(1, 0xc6, 0xc7, 0, MOV, MEM_IMM, BIT0, W, "C6-C7 /0", "MOV r/m, imm"),
	ROW(1, 0xa0, 0xa1, GROUP_ANY, MOV, ACC_MOFFS, BIT0, R, "A0-A1", "MOV rAX, moffs"),
	ROW(1, 0xa2, 0xa3, GROUP_ANY, MOV, MOFFS_ACC, BIT0, W, "A2-A3", "MOV moffs, rAX"),
	ROW(0F, 0xb6, 0xb6, GROUP_ANY, MOVZX, REG_MEM, BYTE, R, "0F B6 /r", "MOVZX r, r/m8"),
	ROW(0F, 0xb7, 0xb7, GROUP_ANY, MOVZX, REG_MEM, WORD, R, "0F B7 /r", "MOVZX r, r/m16"),
	ROW(0F, 0xbe, 0xbe, GROUP_ANY, MOVSX, REG_MEM, BYTE, R, "0F BE /r", "MOVSX r, r/m8"),
	ROW(0F, 0xbf, 0xbf, GROUP_ANY, MOVSX, REG_MEM, WORD, R, "0F BF /r", "MOVSX r, r/m16"),
	ROW(1, 0x63, 0x63, GROUP_ANY, MOVSX, REG_MEM, DWORD, R | FORM_ONLY64, "63 /r", "MOVSXD r, r/m32"),
	ROW(0F, 0xc3, 0xc3, GROUP_ANY, MOV, MEM_REG, FULL, W, "0F C3 /r", "MOVNTI m, r"),
	{ .map = MAP_0F38, .first = 0xf0, .last = 0xf0, .group = GROUP_ANY, .prefix = PREFIX_NO_F2, .op = OP_MOVBE,
	  .operands = OPS_REG_MEM, .width = WIDTH_FULL, .flags = R, .encoding = "0F 38 F0 /r",
	  .assembly = "MOVBE r, m" },
	{ .map = MAP_0F38, .first = 0xf1, .last = 0xf1, .group = GROUP_ANY, .prefix = PREFIX_NO_F2, .op = OP_MOVBE,
	  .operands = OPS_MEM_REG, .width = WIDTH_FULL, .flags = W, .encoding = "0F 38 F1 /r",
	  .assembly = "MOVBE m, r" },
	ROW(0F, 0x40, 0x4f, GROUP_ANY, CMOVCC, REG_MEM, FULL, R, "0F 40-4F /r", "CMOVcc r, r/m"),
	ROW(0F, 0x90, 0x9f, GROUP_ANY, SETCC, MEM, BYTE, W, "0F 90-9F /r", "SETcc r/m8"),

	ROW(1, 0xa4, 0xa5, GROUP_ANY, MOVS, STRING, BIT0, RW, "A4-A5", "MOVS"),
	ROW(1, 0xa6, 0xa7, GROUP_ANY, CMPS, STRING, BIT0, R, "A6-A7", "CMPS"),
	ROW(1, 0xaa, 0xab, GROUP_ANY, STOS, STRING, BIT0, W, "AA-AB", "STOS"),
	ROW(1, 0xac, 0xad, GROUP_ANY, LODS, STRING, BIT0, R, "AC-AD", "LODS"),
	ROW(1, 0xae, 0xaf, GROUP_ANY, SCAS, STRING, BIT0, R, "AE-AF", "SCAS"),
	ROW(1, 0x6c, 0x6d, GROUP_ANY, INS, STRING, BIT0, W, "6C-6D", "INS"),
	ROW(1, 0x6e, 0x6f, GROUP_ANY, OUTS, STRING, BIT0, R, "6E-6F", "OUTS"),

	ALU(ADD, 0, "00-01", "02-03", LRW),
	ALU(OR, 1, "08-09", "0A-0B", LRW),
	ALU(ADC, 2, "10-11", "12-13", LRW),
	ALU(SBB, 3, "18-19", "1A-1B", LRW),
	ALU(AND, 4, "20-21", "22-23", LRW),
	ALU(SUB, 5, "28-29", "2A-2B", LRW),
	ALU(XOR, 6, "30-31", "32-33", LRW),
	ALU(CMP, 7, "38-39", "3A-3B", R),
	ROW(1, 0x84, 0x85, GROUP_ANY, TEST, MEM_REG, BIT0, R, "84-85 /r", "TEST r/m, r"),
	ROW(1, 0xf6, 0xf7, 0, TEST, MEM_IMM, BIT0, R, "F6-F7 /0", "TEST r/m, imm"),
	ROW(1, 0xf6, 0xf7, 1, TEST, MEM_IMM, BIT0, R, "F6-F7 /1", "TEST r/m, imm"),
	ROW(1, 0xf6, 0xf7, 2, NOT, MEM, BIT0, LRW, "F6-F7 /2", "NOT r/m"),
	ROW(1, 0xf6, 0xf7, 3, NEG, MEM, BIT0, LRW, "F6-F7 /3", "NEG r/m"),
	ROW(1, 0xfe, 0xff, 0, INC, MEM, BIT0, LRW, "FE-FF /0", "INC r/m"),
	ROW(1, 0xfe, 0xff, 1, DEC, MEM, BIT0, LRW, "FE-FF /1", "DEC r/m"),
	ROW(1, 0x86, 0x87, GROUP_ANY, XCHG, MEM_REG, BIT0, LRW, "86-87 /r", "XCHG r/m, r"),
	ROW(0F, 0xb0, 0xb1, GROUP_ANY, CMPXCHG, MEM_REG, BIT0, LRW, "0F B0-B1 /r", "CMPXCHG r/m, r"),
	ROW(0F, 0xc0, 0xc1, GROUP_ANY, XADD, MEM_REG, BIT0, LRW, "0F C0-C1 /r", "XADD r/m, r"),
	ROW(0F, 0xa3, 0xa3, GROUP_ANY, BT, MEM_REG, FULL, R, "0F A3 /r", "BT r/m, r"),
	ROW(0F, 0xab, 0xab, GROUP_ANY, BTS, MEM_REG, FULL, LRW, "0F AB /r", "BTS r/m, r"),
	ROW(0F, 0xb3, 0xb3, GROUP_ANY, BTR, MEM_REG, FULL, LRW, "0F B3 /r", "BTR r/m, r"),
	ROW(0F, 0xbb, 0xbb, GROUP_ANY, BTC, MEM_REG, FULL, LRW, "0F BB /r", "BTC r/m, r"),
	ROW(0F, 0xba, 0xba, 4, BT, MEM_IMM8, FULL, R, "0F BA /4", "BT r/m, imm8"),
	ROW(0F, 0xba, 0xba, 5, BTS, MEM_IMM8, FULL, LRW, "0F BA /5", "BTS r/m, imm8"),
	ROW(0F, 0xba, 0xba, 6, BTR, MEM_IMM8, FULL, LRW, "0F BA /6", "BTR r/m, imm8"),
	ROW(0F, 0xba, 0xba, 7, BTC, MEM_IMM8, FULL, LRW, "0F BA /7", "BTC r/m, imm8"),

	ROW(1, 0xff, 0xff, 6, PUSH, MEM, STACK, R, "FF /6", "PUSH r/m"),
	ROW(1, 0x8f, 0x8f, 0, POP, MEM, STACK, W, "8F /0", "POP r/m"),
	ROW(0F, 0xae, 0xae, 7, NOTHING, MEM, BYTE, 0, "0F AE /7", "CLFLUSH m8, CLFLUSHOPT m8"),

	REFUSE(0F, 0xc7, 0xc7, 1, "0F C7 /1", "CMPXCHG8B m64, CMPXCHG16B m128", "no device has a register pair to compare"),
	REFUSE(1, 0xff, 0xff, 2, "FF /2", "CALL r/m", FAR),
	REFUSE(1, 0xff, 0xff, 3, "FF /3", "CALL m16:m", FAR),
	REFUSE(1, 0xff, 0xff, 4, "FF /4", "JMP r/m", FAR),
	REFUSE(1, 0xff, 0xff, 5, "FF /5", "JMP m16:m", FAR),
	REFUSE(1, 0x8c, 0x8c, GROUP_ANY, "8C /r", "MOV r/m, Sreg", FAR),
	REFUSE(1, 0x8e, 0x8e, GROUP_ANY, "8E /r", "MOV Sreg, r/m", FAR),
	REFUSE(0F, 0x00, 0x01, GROUP_ANY, "0F 00-01 /r", "SLDT, LTR, SGDT, LGDT and their group", FAR),
	REFUSE(1, 0xf6, 0xf7, 4, "F6-F7 /4", "MUL r/m", MATH),
	REFUSE(1, 0xf6, 0xf7, 5, "F6-F7 /5", "IMUL r/m", MATH),
	REFUSE(1, 0xf6, 0xf7, 6, "F6-F7 /6", "DIV r/m", MATH),
	REFUSE(1, 0xf6, 0xf7, 7, "F6-F7 /7", "IDIV r/m", MATH),
	REFUSE(1, 0x69, 0x69, GROUP_ANY, "69 /r", "IMUL r, r/m, imm", MATH),
	REFUSE(1, 0x6b, 0x6b, GROUP_ANY, "6B /r", "IMUL r, r/m, imm8", MATH),
	REFUSE(0F, 0xaf, 0xaf, GROUP_ANY, "0F AF /r", "IMUL r, r/m", MATH),
	REFUSE(1, 0xc0, 0xc1, GROUP_ANY, "C0-C1 /r", "shift or rotate r/m, imm8", MATH),
	REFUSE(1, 0xd0, 0xd3, GROUP_ANY, "D0-D3 /r", "shift or rotate r/m, 1 or CL", MATH),
	REFUSE(0F, 0xa4, 0xa5, GROUP_ANY, "0F A4-A5 /r", "SHLD r/m, r", MATH),
	REFUSE(0F, 0xac, 0xad, GROUP_ANY, "0F AC-AD /r", "SHRD r/m, r", MATH),
	REFUSE(0F38, 0xf0, 0xf1, GROUP_ANY, "F2 0F 38 F0-F1 /r", "CRC32 r, r/m", MATH),
	REFUSE(1, 0xd8, 0xdf, GROUP_ANY, "D8-DF /r", "x87", VECTOR),
	REFUSE(0F, 0xae, 0xae, GROUP_ANY, "0F AE /0-6", "FXSAVE, FXRSTOR, XSAVE and their group", VECTOR),
	REFUSE(0F, 0x10, 0x17, GROUP_ANY, "0F 10-17 /r", "MOVUPS, MOVSS and their like", VECTOR),
	REFUSE(0F, 0x28, 0x2f, GROUP_ANY, "0F 28-2F /r", "MOVAPS, MOVNTPS and their like", VECTOR),
	REFUSE(0F, 0x50, 0x7f, GROUP_ANY, "0F 50-7F /r", "MOVD, MOVQ, MOVDQA, MOVDQU and their like", VECTOR),
	REFUSE(0F, 0xd0, 0xff, GROUP_ANY, "0F D0-FF /r", "MOVNTDQ and their like", VECTOR),
	REFUSE(1, 0xc4, 0xc5, GROUP_ANY, "C4-C5", "VEX forms, LES, LDS", VECTOR),
	REFUSE(1, 0x62, 0x62, GROUP_ANY, "62", "EVEX forms, BOUND", VECTOR),
};

const size_t form_count = ARRAY_SIZE(form_table);

const struct form *form_find(enum insn_map map, uint8_t opcode, unsigned reg, bool f2)
{
	for (size_t i = 0; i < form_count; i++) {
		const struct form *f = &form_table[i];

		if (f->map == map && opcode >= f->first && opcode <= f->last &&
		    (f->group == GROUP_ANY || (unsigned)f->group == reg) && !(f2 && f->prefix == PREFIX_NO_F2)) {
			return f;
		}
	}
	return NULL;
}
