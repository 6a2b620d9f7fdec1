/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes, opcode, ModRM, SIB, displacement, immediate: SDM 2 ch. 2 in that order. */
#include "vmm/decode.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };
enum { CS_L = 1 << 13, CS_D = 1 << 14, EFER_LMA = 1 << 10 };

/* The bytes still to come. A read behind the end sets short_of and returns zeroes. */
struct reader {
	const uint8_t *at;
	size_t left;
	bool short_of;
};

struct prefixes {
	bool opsize, adsize, lock, rep, repne;
	uint8_t rex, segment;
};

static uint64_t take(struct reader *r, unsigned bytes)
{
	uint64_t v = 0;

	if (r->left < bytes) {
		r->short_of = true;
		r->left = 0;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++) {
		v |= (uint64_t)r->at[i] << 8 * i;
	}
	r->at += bytes;
	r->left -= bytes;
	return v;
}

static int64_t take_signed(struct reader *r, unsigned bytes)
{
	unsigned unused = 64 - 8 * bytes;

	return (int64_t)(take(r, bytes) << unused) >> unused;
}

enum decode_mode decode_mode(uint16_t cs_attr, uint64_t efer)
{
	if (efer & EFER_LMA && cs_attr & CS_L) {
		return DECODE_64;
	}
	return cs_attr & CS_D ? DECODE_32 : DECODE_16;
}

/* True when b was a legacy prefix. The last of a group counts. */
static bool take_prefix(struct prefixes *p, uint8_t b, enum decode_mode mode)
{
	switch (b) {
	case 0x66:
		p->opsize = true;
		return true;
	case 0x67:
		p->adsize = true;
		return true;
	case 0xf0:
		p->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		p->repne = b == 0xf2;
		p->rep = b == 0xf3;
		return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* 64-bit code has no use for these four: they neither select nor undo an FS or GS before them. */
		if (mode != DECODE_64) {
			p->segment = b >> 3 & 3;
		}
		return true;
	case 0x64:
	case 0x65:
		p->segment = b - 0x64 + SEG_FS;
		return true;
	default:
		return false;
	}
}

/* Takes all prefixes; returns the first byte of the opcode. A REX counts only right before it. */
static uint8_t take_prefixes(struct reader *r, struct prefixes *p, enum decode_mode mode)
{
	*p = (struct prefixes){ .segment = SEG_NONE };
	for (;;) {
		uint8_t b = (uint8_t)take(r, 1);

		if (mode == DECODE_64 && (b & 0xf0) == 0x40) {
			p->rex = b;
			continue;
		}
		if (r->short_of || !take_prefix(p, b, mode)) {
			return b;
		}
		p->rex = 0;
	}
}

static unsigned address_size(enum decode_mode mode, bool other)
{
	static const uint8_t size[3][2] = { { 2, 4 }, { 4, 2 }, { 8, 4 } };

	return size[mode][other];
}

static unsigned operand_size(enum decode_mode mode, const struct prefixes *p)
{
	if (p->rex & REX_W) {
		return 8;
	}
	return (mode == DECODE_16) != p->opsize ? 2 : 4;
}

/* SDM 2 table 2-1. */
static void take_modrm16(struct insn *in, struct reader *r, unsigned mod, unsigned rm)
{
	static const uint8_t base[8] = { GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX };
	static const uint8_t index[8] = { GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI, REG_NONE, REG_NONE, REG_NONE, REG_NONE };

	in->base = base[rm];
	in->index = index[rm];
	if (mod == 0 && rm == 6) {
		in->base = REG_NONE;
		in->disp = take_signed(r, 2);
	} else if (mod) {
		in->disp = take_signed(r, mod);
	}
}

/* SDM 2 tables 2-2 and 2-3, 2.2.1.6 (RIP-relative). */
static void take_modrm32(struct insn *in, struct reader *r, unsigned mod, unsigned rm, uint8_t rex, enum decode_mode mode)
{
	bool no_base = mod == 0 && rm == 5;

	in->base = (uint8_t)(rm | (rex & REX_B ? 8 : 0));
	in->rip_relative = no_base && mode == DECODE_64;
	if (rm == 4) {
		uint8_t sib = (uint8_t)take(r, 1);

		in->scale = sib >> 6;
		in->index = (uint8_t)((sib >> 3 & 7) | (rex & REX_X ? 8 : 0));
		if (in->index == GPR_RSP) {
			in->index = REG_NONE;
		}
		in->base = (uint8_t)((sib & 7) | (rex & REX_B ? 8 : 0));
		no_base = mod == 0 && (sib & 7) == 5;
	}
	if (no_base) {
		in->base = REG_NONE;
	}
	if (mod == 1) {
		in->disp = take_signed(r, 1);
	} else if (mod == 2 || no_base) {
		in->disp = take_signed(r, 4);
	}
}

static void take_operand(struct insn *in, struct reader *r, uint8_t modrm, uint8_t rex, enum decode_mode mode)
{
	in->reg = (uint8_t)((modrm >> 3 & 7) | (rex & REX_R ? 8 : 0));
	if (in->address_size == 2) {
		take_modrm16(in, r, modrm >> 6, modrm & 7);
	} else {
		take_modrm32(in, r, modrm >> 6, modrm & 7, rex, mode);
	}
}

static unsigned memory_size(const struct insn *in, enum decode_mode mode, const struct prefixes *p)
{
	unsigned full = operand_size(mode, p);

	switch (in->form->width) {
	case WIDTH_BIT0:
		return in->opcode & 1 ? full : 1;
	case WIDTH_BYTE:
		return 1;
	case WIDTH_WORD:
		return 2;
	case WIDTH_DWORD:
		return 4;
	case WIDTH_STACK:
		return mode == DECODE_64 && !p->opsize ? 8 : full;
	default:
		return full;
	}
}

static void set_sizes(struct insn *in, enum decode_mode mode, const struct prefixes *p)
{
	in->mem_size = (uint8_t)memory_size(in, mode, p);
	/* A port is at most 4 bytes wide, whatever REX.W says. */
	if ((in->op == OP_INS || in->op == OP_OUTS) && in->mem_size == 8) {
		in->mem_size = 4;
	}
	in->reg_size = in->mem_size;
	if (in->op == OP_MOVZX || in->op == OP_MOVSX) {
		in->reg_size = (uint8_t)operand_size(mode, p);
	}
	in->high_byte = in->reg_size == 1 && !p->rex && in->reg >= 4;
}

/* DS, but SS where rSP or rBP is the base (SDM 1 table 3-5), but the override. */
static void set_segment(struct insn *in, const struct prefixes *p)
{
	if (p->segment != SEG_NONE) {
		in->segment = p->segment;
	} else {
		in->segment = in->base == GPR_RSP || in->base == GPR_RBP ? SEG_SS : SEG_DS;
	}
}

static void take_immediate(struct insn *in, struct reader *r)
{
	switch (in->form->operands) {
	case OPS_MEM_IMM:
		in->imm = (uint64_t)take_signed(r, in->mem_size > 4 ? 4 : in->mem_size);
		break;
	case OPS_MEM_IMM8:
		in->imm = (uint64_t)take_signed(r, 1);
		break;
	case OPS_ACC_MOFFS:
	case OPS_MOFFS_ACC:
		in->imm = take(r, in->address_size);
		break;
	default:
		break;
	}
}

static bool has_modrm(const struct form *f)
{
	return f->operands < OPS_ACC_MOFFS;
}

/* What the processor would answer with #UD, and register forms. */
static int check_form(const struct insn *in, uint8_t modrm, enum decode_mode mode)
{
	unsigned flags = in->form->flags;

	if (flags & (mode == DECODE_64 ? FORM_NOT64 : FORM_ONLY64)) {
		return E_INVAL;
	}
	if (in->lock && (!(flags & FORM_LOCK) || modrm >> 6 == 3)) {
		return E_INVAL;
	}
	return has_modrm(in->form) && modrm >> 6 == 3 ? E_PROTO : OK;
}

static enum insn_map take_opcode(struct reader *r, uint8_t first, uint8_t *opcode)
{
	*opcode = first;
	if (first != 0x0f) {
		return MAP_1;
	}
	*opcode = (uint8_t)take(r, 1);
	if (*opcode != 0x38) {
		return MAP_0F;
	}
	*opcode = (uint8_t)take(r, 1);
	return MAP_0F38;
}

int decode(struct insn *out, const uint8_t *bytes, size_t count, enum decode_mode mode)
{
	struct reader r = { bytes, count > INSN_LENGTH_MAX ? INSN_LENGTH_MAX : count, false };
	struct prefixes p;
	uint8_t first = take_prefixes(&r, &p, mode), modrm;
	struct insn in = { .base = REG_NONE, .index = REG_NONE, .lock = p.lock, .rep = p.rep, .repne = p.repne };
	enum insn_map map = take_opcode(&r, first, &in.opcode);
	int err;

	if (r.short_of) {
		return E_RANGE;
	}
	/* Peeked: forms without ModRM match whatever follows, and need not be followed by anything. */
	modrm = r.left ? r.at[0] : 0;
	in.form = form_find(map, in.opcode, modrm >> 3 & 7, p.repne);
	if (r.left == 0 && (!in.form || has_modrm(in.form))) {
		return E_RANGE;
	}
	if (!in.form) {
		return E_NOENT;
	}
	in.op = in.form->op;
	if (in.form->refused) {
		*out = in;
		return E_NOSYS;
	}
	err = check_form(&in, modrm, mode);
	if (err < 0) {
		return err;
	}
	in.address_size = (uint8_t)address_size(mode, p.adsize);
	if (has_modrm(in.form)) {
		(void)take(&r, 1);
		take_operand(&in, &r, modrm, p.rex, mode);
	}
	set_sizes(&in, mode, &p);
	set_segment(&in, &p);
	take_immediate(&in, &r);
	if (r.short_of) {
		return E_RANGE;
	}
	in.length = (uint8_t)(r.at - bytes);
	*out = in;
	return OK;
}

bool decode_as_mov(const struct insn *in, struct insn_info *out)
{
	uint8_t kind = in->form->operands;

	*out = (struct insn_info){
		.kind = INSN_MOV, .length = in->length, .size = in->mem_size, .reg_size = in->reg_size, .high = in->high_byte,
		.reg = in->high_byte ? in->reg - 4 : in->reg, .write = (in->form->flags & FORM_WRITE) != 0,
		.immediate = kind == OPS_MEM_IMM, .sign = in->op == OP_MOVSX, .value = kind == OPS_MEM_IMM ? in->imm : 0,
	};
	return in->op == OP_MOV || in->op == OP_MOVZX || in->op == OP_MOVSX;
}
