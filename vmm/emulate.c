/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One guest instruction on a device: fetch, decode (from the memo where it can), carry out.
 *
 * The way of a plain MOV is short on purpose: memo, address taken from the exit, one bus access.
 */
#include "vmm/alu.h"
#include "vmm/emu_access.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VECTOR_UD = 6, VECTOR_GP = 13, RFLAGS_IOPL_SHIFT = 12 };

void emulate_init(struct emulator *e, struct vcpu_page *page, const struct gmem *mem, struct bus *mmio,
		  struct bus *pio, const struct emu_host *host, void *arg)
{
	memset(e, 0, sizeof(*e));
	e->page = page;
	e->mem = mem;
	e->mmio = mmio;
	e->pio = pio;
	e->host = host;
	e->arg = arg;
}

/* ------------------------------------------------------------------ fetch and decode */

static enum emu_result decode_failed(struct emulator *e, int error)
{
	switch (error) {
	case E_RANGE:
		return emu_raise(e, VECTOR_GP, true, 0);
	case E_INVAL:
		return emu_raise(e, VECTOR_UD, false, 0);
	case E_PROTO:
		return emu_refuse(e, "an instruction without a memory operand");
	case E_NOSYS:
		return emu_refuse(e, e->scratch.form->refused);
	default:
		return emu_refuse(e, "an instruction that is not in the decoder's table");
	}
}

/* Reads up to INSN_LENGTH_MAX bytes at rip; fewer when the second page cannot be fetched. */
static enum emu_result fetch(struct emulator *e, uint8_t *bytes, unsigned *count)
{
	uint64_t linear = e->page->rip + (e->mode == DECODE_64 ? 0 : e->page->exit.cs_base);
	struct walk_context c;

	emu_walk_context(e, &c);
	for (*count = 0; *count < INSN_LENGTH_MAX;) {
		uint64_t at = linear + *count;
		unsigned room = PAGE_SIZE - (unsigned)(at & (PAGE_SIZE - 1)), left = INSN_LENGTH_MAX - *count;
		uint32_t error;
		gpa_t where;
		int r = walk(e->mem, &c, at, WALK_FETCH, &where, &error);

		if (r == E_FAULT) {
			(void)emu_raise(e, 14, true, error);
			e->fault.cr2 = at;
			return EMU_EXCEPTION;
		}
		room = room < left ? room : left;
		if (r < 0 || gmem_read(e->mem, where, bytes + *count, room) < 0) {
			return emu_refuse(e, "code outside of RAM");
		}
		*count += room;
	}
	return EMU_DONE;
}

/* The kernel's copy ends where the instruction goes on, or is missing: read the bytes ourselves. */
static enum emu_result decode_slowly(struct emulator *e)
{
	uint8_t bytes[INSN_LENGTH_MAX];
	unsigned count;
	enum emu_result r = fetch(e, bytes, &count);
	int error = decode(&e->scratch, bytes, count, e->mode);

	/* What follows a whole instruction need not be there. */
	if (error == E_RANGE && r != EMU_DONE) {
		return r;
	}
	if (error < 0) {
		return decode_failed(e, error);
	}
	e->insn = &e->scratch;
	return EMU_DONE;
}

/* MOV and MOVZX between memory and a whole register (rAX for an absolute address), MOV of an immediate: nearly all. */
static enum emu_fast fast_kind(const struct insn *in)
{
	if ((in->op != OP_MOV && in->op != OP_MOVZX) || in->high_byte) {
		return FAST_NONE;
	}
	switch (in->form->operands) {
	case OPS_REG_MEM:
	case OPS_ACC_MOFFS:
		return FAST_LOAD;
	case OPS_MEM_REG:
	case OPS_MOFFS_ACC:
		return FAST_STORE_REG;
	case OPS_MEM_IMM:
		return FAST_STORE_IMM;
	default:
		return FAST_NONE;
	}
}

/* EIP counts 32 bits in 16-bit code too: it meets the limit of CS, it does not wrap. */
static uint64_t rip_mask(enum decode_mode mode)
{
	return mode == DECODE_64 ? UINT64_MAX : UINT32_MAX;
}

static enum emu_result decode_into(struct emulator *e, struct emu_memo *m)
{
	const struct vcpu_exit *x = &e->page->exit;
	int error = decode(&e->scratch, x->inst, x->inst_bytes, e->mode);

	e->misses++;
	if (error == E_RANGE && x->inst_bytes < INSN_LENGTH_MAX) {
		return decode_slowly(e);
	}
	if (error < 0) {
		return decode_failed(e, error);
	}
	memcpy(m->bytes, x->inst, sizeof(m->bytes));
	m->cs_attr = x->cs_attr;
	m->efer = x->efer;
	m->mode = (uint8_t)e->mode;
	m->insn = e->scratch;
	m->fast = (uint8_t)fast_kind(&m->insn);
	m->store = m->fast != FAST_LOAD;
	m->reg = m->insn.reg;
	m->size = m->insn.mem_size;
	m->length = m->insn.length;
	m->rip_mask = rip_mask(e->mode);
	m->value_mask = size_mask(m->insn.mem_size);
	m->keep_mask = m->insn.reg_size < 4 ? ~size_mask(m->insn.reg_size) : 0;
	e->insn = &m->insn;
	return EMU_DONE;
}

static inline struct emu_memo *memo_of(struct emulator *e)
{
	return &e->memo[e->page->rip % EMU_MEMO];
}

/* All 16 bytes, valid or not, and what the mode comes from must be equal. */
static inline bool memo_hits(const struct emu_memo *m, const struct vcpu_exit *x)
{
	uint64_t key[2];

	memcpy(key, x->inst, sizeof(key));
	return ((m->bytes[0] ^ key[0]) | (m->bytes[1] ^ key[1]) | (m->efer ^ x->efer)) == 0 &&
	       m->cs_attr == x->cs_attr && m->length <= x->inst_bytes;
}

/* Leaves the instruction at rip in e->insn. */
static enum emu_result take_insn(struct emulator *e)
{
	const struct vcpu_exit *x = &e->page->exit;
	struct emu_memo *m = memo_of(e);

	e->state_valid = false;
	e->why = NULL;
	if (m->length && memo_hits(m, x)) {
		e->mode = m->mode;
		e->insn = &m->insn;
		return EMU_DONE;
	}
	e->mode = decode_mode(x->cs_attr, x->efer);
	return decode_into(e, m);
}

/* ------------------------------------------------------------------ operands */

static uint64_t effective_address(const struct emulator *e, const struct insn *in)
{
	const uint64_t *gpr = e->page->gpr;
	uint64_t at = (uint64_t)in->disp;

	if (in->form->operands >= OPS_ACC_MOFFS) {
		return in->imm;
	}
	if (in->base != REG_NONE) {
		at += gpr[in->base];
		/* POP counts its own increment: SDM 2, POP. */
		if (in->op == OP_POP && in->base == GPR_RSP) {
			at += in->mem_size;
		}
	}
	if (in->index != REG_NONE) {
		at += gpr[in->index] << in->scale;
	}
	if (in->rip_relative) {
		at += e->page->rip + in->length;
	}
	return at & (~0ull >> (64 - 8 * in->address_size));
}

/* BT and its kin with a register reach beyond the operand: bit number / operand bits, rounded down. */
static bool bit_string(const struct insn *in)
{
	return in->form->operands == OPS_MEM_REG && in->op >= OP_BT && in->op <= OP_BTC;
}

static enum emu_result locate_slowly(struct emulator *e, bool write, struct place *p)
{
	const struct insn *in = e->insn;
	const struct vcpu_exit *x = &e->page->exit;
	uint64_t at = effective_address(e, in), linear;
	unsigned low = (unsigned)(at & (PAGE_SIZE - 1));
	enum emu_result r;

	if (bit_string(in)) {
		unsigned shift = in->mem_size == 8 ? 6 : in->mem_size == 4 ? 5 : 4;

		at += (uint64_t)((sign_extend(e->page->gpr[in->reg], in->mem_size) >> shift) * in->mem_size);
		at &= ~0ull >> (64 - 8 * in->address_size);
	} else if (low == (x->mmio.gpa & (PAGE_SIZE - 1)) && low + in->mem_size <= PAGE_SIZE && write == (x->mmio.write != 0)) {
		*p = (struct place){ .gpa[0] = x->mmio.gpa, .size = in->mem_size, .first = in->mem_size, .device = true };
		return EMU_DONE;
	}
	r = emu_linear(e, in->segment, at, in->mem_size, write, &linear);
	return r == EMU_DONE ? emu_translate(e, linear, in->mem_size, write, p) : r;
}

/*
 * Where the memory operand is. The processor walked to the exit's address with the rights of exit.mmio.write, so it
 * stands for an operand that lies in one page. Only an address at the start of a page can be that of an
 * operand's second half.
 */
static inline enum emu_result locate(struct emulator *e, bool write, struct place *p)
{
	const struct insn *in = e->insn;
	const struct vcpu_exit *x = &e->page->exit;
	unsigned low = (unsigned)(x->mmio.gpa & (PAGE_SIZE - 1));

	if (low != 0 && low + in->mem_size <= PAGE_SIZE && write == (x->mmio.write != 0) && !bit_string(in)) {
		*p = (struct place){ .gpa[0] = x->mmio.gpa, .size = in->mem_size, .first = in->mem_size, .device = true };
		return EMU_DONE;
	}
	return locate_slowly(e, write, p);
}

static uint64_t read_reg(const struct emulator *e)
{
	const struct insn *in = e->insn;

	if (in->high_byte) {
		return e->page->gpr[in->reg - 4] >> 8 & 0xff;
	}
	return emu_reg(e, in->reg, in->reg_size);
}

static void write_reg(struct emulator *e, uint64_t v)
{
	const struct insn *in = e->insn;

	if (in->high_byte) {
		uint64_t *r = &e->page->gpr[in->reg - 4];

		*r = (*r & ~0xff00ull) | (v & 0xff) << 8;
		return;
	}
	emu_set_reg(e, in->reg, in->reg_size, v);
}

static uint64_t source(const struct emulator *e)
{
	const struct insn *in = e->insn;

	if (in->form->operands == OPS_MEM_IMM || in->form->operands == OPS_MEM_IMM8) {
		return in->imm;
	}
	return read_reg(e);
}

static uint64_t swap_bytes(uint64_t v, unsigned size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

/* ------------------------------------------------------------------ kinds of instructions */

/* r, r/m: the memory is only read. */
static enum emu_result do_load(struct emulator *e)
{
	const struct insn *in = e->insn;
	struct place p;
	enum emu_result r = locate(e, false, &p);
	uint64_t rflags = e->page->rflags, v;

	if (r != EMU_DONE) {
		return r;
	}
	v = emu_read(e, &p);
	switch (in->op) {
	case OP_MOV:
	case OP_MOVZX:
		write_reg(e, v);
		break;
	case OP_MOVSX:
		write_reg(e, (uint64_t)sign_extend(v, in->mem_size));
		break;
	case OP_MOVBE:
		write_reg(e, swap_bytes(v, in->mem_size));
		break;
	case OP_CMOVCC:
		/* A 32-bit destination loses its upper half even when the condition is false. */
		write_reg(e, alu_condition(in->opcode, rflags) ? v : read_reg(e));
		break;
	default:
		v = alu(in->op, in->mem_size, read_reg(e), v, &rflags);
		emu_set_rflags(e, rflags);
		if (in->op != OP_CMP) {
			write_reg(e, v);
		}
	}
	return emu_finish(e);
}

/* The memory is only written. */
static enum emu_result do_store(struct emulator *e)
{
	const struct insn *in = e->insn;
	struct place p;
	enum emu_result r = locate(e, true, &p);
	uint64_t v;

	if (r != EMU_DONE) {
		return r;
	}
	if (in->op == OP_SETCC) {
		v = alu_condition(in->opcode, e->page->rflags);
	} else {
		v = source(e);
	}
	emu_write(e, &p, in->op == OP_MOVBE ? swap_bytes(v, in->mem_size) : v);
	return emu_finish(e);
}

/* Writes back also when the comparison fails, as a locked cycle does. SDM 2, CMPXCHG. */
static void compare_exchange(struct emulator *e, const struct place *p, uint64_t old, uint64_t *rflags)
{
	unsigned size = e->insn->mem_size;
	uint64_t rax = emu_reg(e, GPR_RAX, size);

	(void)alu(OP_CMP, size, rax, old, rflags);
	emu_write(e, p, rax == old ? read_reg(e) : old);
	if (rax != old) {
		emu_set_reg(e, GPR_RAX, size, old);
	}
}

/* The memory is the destination and is read first: arithmetic, exchanges, tests. */
static enum emu_result do_modify(struct emulator *e)
{
	const struct insn *in = e->insn;
	bool write = in->form->flags & FORM_WRITE;
	struct place p;
	enum emu_result r = locate(e, write, &p);
	uint64_t rflags = e->page->rflags, old, v;

	if (r != EMU_DONE) {
		return r;
	}
	old = emu_read(e, &p);
	switch (in->op) {
	case OP_XCHG:
		emu_write(e, &p, read_reg(e));
		write_reg(e, old);
		break;
	case OP_CMPXCHG:
		compare_exchange(e, &p, old, &rflags);
		break;
	default:
		v = alu(in->op, in->mem_size, old, source(e), &rflags);
		if (write) {
			emu_write(e, &p, v);
		}
		if (in->op == OP_XADD) {
			write_reg(e, old);
		}
	}
	if (rflags != e->page->rflags) {
		emu_set_rflags(e, rflags);
	}
	return emu_finish(e);
}

/* The stack is reached first or last, but nothing is changed before both places are known to be good. */
static enum emu_result do_stack(struct emulator *e)
{
	const struct insn *in = e->insn;
	bool push = in->op == OP_PUSH;
	unsigned stack_size;
	struct place p, stack;
	uint64_t rsp = e->page->gpr[GPR_RSP], linear;
	enum emu_result r = emu_stack_size(e, &stack_size);

	if (r == EMU_DONE) {
		r = locate(e, !push, &p);
	}
	if (r == EMU_DONE) {
		uint64_t at = (push ? rsp - in->mem_size : rsp) & (~0ull >> (64 - 8 * stack_size));

		r = emu_linear(e, SEG_SS, at, in->mem_size, push, &linear);
	}
	if (r == EMU_DONE) {
		r = emu_translate(e, linear, in->mem_size, push, &stack);
	}
	if (r != EMU_DONE) {
		return r;
	}
	if (push) {
		emu_write(e, &stack, emu_read(e, &p));
	} else {
		emu_write(e, &p, emu_read(e, &stack));
	}
	emu_set_reg(e, GPR_RSP, stack_size, push ? rsp - in->mem_size : rsp + in->mem_size);
	return emu_finish(e);
}

static bool is_store(const struct insn *in)
{
	return in->form->flags & FORM_WRITE && !(in->form->flags & FORM_READ);
}

static enum emu_result execute(struct emulator *e)
{
	const struct insn *in = e->insn;

	switch (in->form->operands) {
	case OPS_REG_MEM:
	case OPS_ACC_MOFFS:
		return do_load(e);
	case OPS_STRING:
		return emu_string(e);
	case OPS_MEM:
		if (in->op == OP_PUSH || in->op == OP_POP) {
			return do_stack(e);
		}
		if (in->op == OP_NOTHING) {
			return emu_finish(e);
		}
		break;
	default:
		break;
	}
	return is_store(in) ? do_store(e) : do_modify(e);
}

/* ------------------------------------------------------------------ entry points */

static bool is_port(const struct insn *in)
{
	return in->op == OP_INS || in->op == OP_OUTS;
}

/*
 * Whether the exit's address is that of the whole operand: see locate(). A first byte at the start of a page may also
 * be where an operand goes on that starts a page earlier.
 */
static inline bool operand_at_exit(const struct emulator *e, const struct emu_memo *m)
{
	const struct vcpu_exit *x = &e->page->exit;
	unsigned low = (unsigned)(x->mmio.gpa & (PAGE_SIZE - 1));

	if (x->mmio.fetch | x->mmio.walk | x->mmio.asks | (x->mmio.write ^ m->store)) {
		return false;
	}
	return low ? low + m->size <= PAGE_SIZE : !(effective_address(e, &m->insn) & (PAGE_SIZE - 1));
}

/* The same as execute(), without its detours. */
static inline void do_fast(struct emulator *e, struct vcpu_page *page, const struct emu_memo *m)
{
	uint64_t *reg = &page->gpr[m->reg];
	struct io_access io = { .addr = page->exit.mmio.gpa, .size = m->size, .write = m->store, .value = 0 };

	if (m->store) {
		io.value = (m->fast == FAST_STORE_IMM ? m->insn.imm : *reg) & m->value_mask;
		bus_access(e->mmio, &io);
	} else {
		bus_access(e->mmio, &io);
		*reg = (*reg & m->keep_mask) | (io.value & m->value_mask);
	}
	page->rip = (page->rip + m->length) & m->rip_mask;
	page->dirty |= DIRTY_RIP;
}

/* The kernel wants to know the instruction, and will carry it out. False: it cannot. */
static bool answer(struct emulator *e)
{
	struct insn_info insn;

	if (!decode_as_mov(e->insn, &insn) || insn.write != e->page->exit.mmio.write) {
		return false;
	}
	e->page->insn = insn;
	e->page->dirty |= DIRTY_INSN;
	return true;
}

/* Apart, so that the fast way does not pay for its registers. */
static __attribute__((noinline)) enum emu_result emulate_slowly(struct emulator *e)
{
	const struct vcpu_exit *x = &e->page->exit;
	enum emu_result r = take_insn(e);

	if (x->mmio.walk) {
		return emu_refuse(e, "a guest page table lies outside of RAM");
	}
	if (x->mmio.fetch) {
		return emu_refuse(e, "instruction fetch outside of RAM");
	}
	if (r != EMU_DONE || (x->mmio.asks && answer(e))) {
		return r;
	}
	if (x->mmio.asks == MMIO_MUST_ANSWER) {
		return emu_refuse(e, "only a plain MOV is carried out on the APIC page");
	}
	/*
	 * Port instructions have passed the I/O permission check only when the exit was for them. Another thread of a
	 * user program may have changed the code since an exit for MMIO.
	 */
	if (is_port(e->insn) && x->cr0 & CR0_PE && x->cpl > (e->page->rflags >> RFLAGS_IOPL_SHIFT & 3)) {
		return emu_raise(e, VECTOR_GP, true, 0);
	}
	return execute(e);
}

enum emu_result emulate_mmio(struct emulator *e)
{
	const struct emu_memo *m = memo_of(e);

	/* Only so that the compiler keeps the address instead of computing it at each use. */
	__asm__("" : "+r"(m));
	/* An empty memo has FAST_NONE. */
	if (m->fast && memo_hits(m, &e->page->exit) && operand_at_exit(e, m) &&
	    !(e->page->rflags & (RFLAGS_TF | RFLAGS_RF))) {
		do_fast(e, e->page, m);
		return EMU_DONE;
	}
	return emulate_slowly(e);
}

enum emu_result emulate_string_pio(struct emulator *e)
{
	enum emu_result r = take_insn(e);

	if (r != EMU_DONE) {
		return r;
	}
	if (!is_port(e->insn) || (e->insn->op == OP_INS) != (e->page->exit.pio.in != 0)) {
		return emu_refuse(e, "the instruction is not the one that left the guest");
	}
	return emu_string(e);
}

void emulate_describe(const struct emulator *e, char *line, size_t size)
{
	const struct vcpu_exit *x = &e->page->exit;
	char bytes[3 * sizeof(x->inst) + 1] = "";
	unsigned count = x->inst_bytes < INSN_LENGTH_MAX ? x->inst_bytes : INSN_LENGTH_MAX;

	for (unsigned i = 0; i < count; i++) {
		snprintf(bytes + 3 * i, 4, " %02x", x->inst[i]);
	}
	snprintf(line, size, "%s: rip %#" PRIx64 " address %#" PRIx64 " bytes%s", e->why ? e->why : "no reason kept",
		 e->page->rip, x->kind == EXIT_MMIO ? x->mmio.gpa : x->pio.port, bytes);
}
