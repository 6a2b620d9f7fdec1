/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions, alone and repeated: MOVS CMPS STOS LODS SCAS INS OUTS. SDM 2 (each, and REP).
 *
 * A call does a bounded number of elements. After each one rSI, rDI and rCX are those of the architecture, so that a
 * fault or an interrupt between two calls finds what it would find on a processor.
 */
#include "vmm/alu.h"
#include "vmm/emu_access.h"

/* One side of the instruction; remembers the page of the element before, so that a page is walked once per call. */
struct cursor {
	enum segment segment;
	uint8_t reg;
	bool write, valid;
	uint64_t page, gpa_page;
};

struct string {
	struct cursor from, to;
	uint64_t step;               /* plus or minus the element's size                             */
};

static enum emu_result locate(struct emulator *e, struct cursor *c, struct place *p)
{
	const struct insn *in = e->insn;
	uint64_t linear, low;
	enum emu_result r;

	r = emu_linear(e, c->segment, emu_reg(e, c->reg, in->address_size), in->mem_size, c->write, &linear);
	if (r != EMU_DONE) {
		return r;
	}
	low = linear & (PAGE_SIZE - 1);
	if (c->valid && c->page == linear - low && low + in->mem_size <= PAGE_SIZE) {
		*p = (struct place){ .gpa[0] = c->gpa_page + low, .size = in->mem_size, .first = in->mem_size };
		return EMU_DONE;
	}
	r = emu_translate(e, linear, in->mem_size, c->write, p);
	if (r == EMU_DONE) {
		c->valid = true;
		c->page = linear - low;
		c->gpa_page = p->gpa[0] - low;
	}
	return r;
}

static void advance(struct emulator *e, const struct string *s, const struct cursor *c)
{
	unsigned size = e->insn->address_size;

	emu_set_reg(e, c->reg, size, e->page->gpr[c->reg] + s->step);
}

static void compare(struct emulator *e, uint64_t a, uint64_t b)
{
	uint64_t rflags = e->page->rflags;

	(void)alu(OP_CMP, e->insn->mem_size, a, b, &rflags);
	emu_set_rflags(e, rflags);
}

static uint64_t port_read(struct emulator *e)
{
	struct io_access io = { .addr = e->page->gpr[GPR_RDX] & 0xffff, .size = e->insn->mem_size };

	bus_access(e->pio, &io);
	return io.value;
}

static void port_write(struct emulator *e, uint64_t v)
{
	struct io_access io = { .addr = e->page->gpr[GPR_RDX] & 0xffff, .size = e->insn->mem_size,
				.value = v, .write = true };

	bus_access(e->pio, &io);
}

/* rSI to somewhere. */
static enum emu_result from_memory(struct emulator *e, struct string *s)
{
	struct place from, to;
	enum emu_result r = locate(e, &s->from, &from);

	if (r != EMU_DONE) {
		return r;
	}
	switch (e->insn->op) {
	case OP_LODS:
		emu_set_reg(e, GPR_RAX, e->insn->mem_size, emu_read(e, &from));
		break;
	case OP_OUTS:
		port_write(e, emu_read(e, &from));
		break;
	default:
		r = locate(e, &s->to, &to);
		if (r != EMU_DONE) {
			return r;
		}
		if (e->insn->op == OP_MOVS) {
			emu_write(e, &to, emu_read(e, &from));
		} else {
			uint64_t a = emu_read(e, &from);

			compare(e, a, emu_read(e, &to));
		}
		advance(e, s, &s->to);
	}
	advance(e, s, &s->from);
	return EMU_DONE;
}

/* Somewhere to or against rDI. The place is known to be good before a port is read. */
static enum emu_result to_memory(struct emulator *e, struct string *s)
{
	uint64_t rax = emu_reg(e, GPR_RAX, e->insn->mem_size);
	struct place to;
	enum emu_result r = locate(e, &s->to, &to);

	if (r != EMU_DONE) {
		return r;
	}
	if (e->insn->op == OP_SCAS) {
		compare(e, rax, emu_read(e, &to));
	} else {
		emu_write(e, &to, e->insn->op == OP_INS ? port_read(e) : rax);
	}
	advance(e, s, &s->to);
	return EMU_DONE;
}

static enum emu_result element(struct emulator *e, struct string *s)
{
	switch (e->insn->op) {
	case OP_STOS:
	case OP_SCAS:
	case OP_INS:
		return to_memory(e, s);
	default:
		return from_memory(e, s);
	}
}

/* REPE and REPNE end CMPS and SCAS on the flag; all else ends on the count alone. */
static bool flag_ends(const struct emulator *e)
{
	bool equal = e->page->rflags & FLAG_ZF;

	if (e->insn->op != OP_CMPS && e->insn->op != OP_SCAS) {
		return false;
	}
	return e->insn->rep ? !equal : equal;
}

static enum emu_result repeat(struct emulator *e, struct string *s)
{
	unsigned size = e->insn->address_size;

	for (unsigned n = 0; n < EMU_REP_BUDGET; n++) {
		enum emu_result r;

		if (emu_reg(e, GPR_RCX, size) == 0) {
			return emu_finish(e);
		}
		r = element(e, s);
		if (r != EMU_DONE) {
			return r;
		}
		emu_set_reg(e, GPR_RCX, size, e->page->gpr[GPR_RCX] - 1);
		if (emu_reg(e, GPR_RCX, size) == 0 || flag_ends(e)) {
			return emu_finish(e);
		}
		if (e->page->rflags & RFLAGS_TF) {
			return emu_single_step(e);
		}
	}
	/* rip has not moved; saying so ends the shadow of an STI before the REP, which covers one element at most. */
	e->page->dirty |= DIRTY_RIP;
	return EMU_AGAIN;
}

enum emu_result emu_string(struct emulator *e)
{
	const struct insn *in = e->insn;
	bool down = e->page->rflags & RFLAGS_DF;
	struct string s = {
		.from = { .segment = in->segment, .reg = GPR_RSI },
		.to = { .segment = SEG_ES, .reg = GPR_RDI, .write = in->form->flags & FORM_WRITE },
		.step = down ? -(uint64_t)in->mem_size : in->mem_size,
	};

	if (in->rep || in->repne) {
		return repeat(e, &s);
	}
	enum emu_result r = element(e, &s);

	return r == EMU_DONE ? emu_finish(e) : r;
}
