/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator against the processor: each row of the table of forms is encoded many times over, run natively on
 * host memory and by the emulator on a device and on guest RAM, and registers, flags and memory must be equal.
 *
 * Linear, guest-physical and host addresses are the same low numbers, so one set of registers serves both.
 *
 * sources: vmm/emulate.c vmm/emu_access.c vmm/emu_string.c vmm/alu.c vmm/decode.c vmm/decode_table.c
 * sources: vmm/walk.c vmm/gmem.c vmm/bus.c
 */
#include "tests/unit/check.h"
#include "vmm/alu.h"
#include "vmm/emulate.h"

#include <cpuid.h>
#include <stdio.h>
#include <sys/mman.h>

#define RAM_BASE  0x10000000ull
#define DEV_BASE  0x20000000ull
#define CODE_BASE 0x30000000ull

enum { WINDOW = 0x10000, ROUNDS = 96, CS_64 = 0x2000, CS_32 = 0x4000, RFLAGS_DF = 0x400 };

/* ------------------------------------------------------------------ running an instruction natively */

struct native {
	uint64_t gpr[GPR_COUNT], rflags, host_rsp;
};

extern struct native native_state;
extern uint64_t native_code;
void native_run(void);
void native_back(void);
struct native native_state;
uint64_t native_code;

/*
 * Loads all registers, jumps to the code, which jumps to native_back, which stores them. The stack pointer is the
 * instruction's own in between.
 */
__asm__(".text\n"
	"native_run:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, native_state+136(%rip)\n"
	"	push native_state+128(%rip)\n"
	"	popfq\n"
	"	mov native_state+0(%rip), %rax; mov native_state+8(%rip), %rcx; mov native_state+16(%rip), %rdx\n"
	"	mov native_state+24(%rip), %rbx; mov native_state+32(%rip), %rsp; mov native_state+40(%rip), %rbp\n"
	"	mov native_state+48(%rip), %rsi; mov native_state+56(%rip), %rdi; mov native_state+64(%rip), %r8\n"
	"	mov native_state+72(%rip), %r9; mov native_state+80(%rip), %r10; mov native_state+88(%rip), %r11\n"
	"	mov native_state+96(%rip), %r12; mov native_state+104(%rip), %r13; mov native_state+112(%rip), %r14\n"
	"	mov native_state+120(%rip), %r15\n"
	"	jmp *native_code(%rip)\n"
	"native_back:\n"
	"	mov %rax, native_state+0(%rip); mov %rcx, native_state+8(%rip); mov %rdx, native_state+16(%rip)\n"
	"	mov %rbx, native_state+24(%rip); mov %rsp, native_state+32(%rip); mov %rbp, native_state+40(%rip)\n"
	"	mov %rsi, native_state+48(%rip); mov %rdi, native_state+56(%rip); mov %r8, native_state+64(%rip)\n"
	"	mov %r9, native_state+72(%rip); mov %r10, native_state+80(%rip); mov %r11, native_state+88(%rip)\n"
	"	mov %r12, native_state+96(%rip); mov %r13, native_state+104(%rip); mov %r14, native_state+112(%rip)\n"
	"	mov %r15, native_state+120(%rip)\n"
	"	mov native_state+136(%rip), %rsp\n"
	"	pushfq\n"
	"	pop native_state+128(%rip)\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

_Static_assert(offsetof(struct native, rflags) == 128 && offsetof(struct native, host_rsp) == 136, "asm above");

/* ------------------------------------------------------------------ the two worlds */

static uint8_t *native_ram, *native_dev, *native_bytes;
static uint8_t guest_ram[WINDOW], guest_dev[WINDOW], tables[0x4000];
static struct gmem mem;
static struct bus mmio, pio;
static struct vcpu_page page;
static struct emulator emulator;
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static unsigned below(unsigned n)
{
	return (unsigned)(rnd() >> 20) % n;
}

static void dev_access(void *dev, struct io_access *io)
{
	uint8_t *at = guest_dev + io->addr;

	(void)dev;
	CHECK(io->addr + io->size <= WINDOW);
	if (io->write) {
		memcpy(at, &io->value, io->size);
	} else {
		io->value = 0;
		memcpy(&io->value, at, io->size);
	}
}

static int no_state(void *arg, struct vcpu_state *out)
{
	(void)arg;
	memset(out, 0, sizeof(*out));
	return OK;
}

static const struct emu_host host = { .get_state = no_state };

static uint8_t *map_at(uint64_t at, int extra)
{
	void *p = mmap((void *)at, WINDOW, PROT_R | PROT_W | extra, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != (void *)at) {
		printf("# no memory at %#llx\n", (unsigned long long)at);
	}
	return p;
}

/* 64-bit mode, the first GiB mapped one to one by one large page. */
static void set_up(void)
{
	uint64_t entry[2] = { 0x2000 | 7, 7 | 0x80 };

	if (!native_ram) {
		native_ram = map_at(RAM_BASE, 0);
		native_dev = map_at(DEV_BASE, 0);
		native_bytes = map_at(CODE_BASE, PROT_X);
	}
	memcpy(tables + 0x1000, &entry[0], 8);
	memcpy(tables + 0x2000, &entry[1], 8);
	mem = (struct gmem){ .slot = { { 0, sizeof(tables), tables }, { RAM_BASE, WINDOW, guest_ram } }, .count = 2 };
	memset(&mmio, 0, sizeof(mmio));
	CHECK_EQ(bus_add(&mmio, DEV_BASE, WINDOW, dev_access, NULL, "test"), OK);
	memset(&page, 0, sizeof(page));
	page.exit = (struct vcpu_exit){ .kind = EXIT_MMIO, .cs_attr = CS_64, .cr0 = 0x80000001, .cr3 = 0x1000,
					.cr4 = 0x20, .efer = 0x500 };
	emulate_init(&emulator, &page, &mem, &mmio, &pio, &host, NULL);
}

/* ------------------------------------------------------------------ encoding a row */

struct trial {
	const struct form *form;
	uint8_t code[16];
	unsigned length;
	unsigned size;               /* of the memory operand                                        */
	uint64_t target;             /* its address                                                  */
	uint64_t gpr[GPR_COUNT], rflags;
	uint8_t rex, base, index, reg;
	bool opsize, adsize;
};

static void put(struct trial *t, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		t->code[t->length++] = (uint8_t)(v >> 8 * i);
	}
}

static bool is_string(const struct form *f)
{
	return f->operands == OPS_STRING;
}

static bool is_bit_string(const struct form *f)
{
	return f->operands == OPS_MEM_REG && f->op >= OP_BT && f->op <= OP_BTC;
}

static bool is_stack(const struct form *f)
{
	return f->op == OP_PUSH || f->op == OP_POP;
}

static unsigned operand_bytes(const struct trial *t, uint8_t opcode)
{
	unsigned full = t->rex & 8 ? 8 : t->opsize ? 2 : 4;

	switch (t->form->width) {
	case WIDTH_BIT0:
		return opcode & 1 ? full : 1;
	case WIDTH_BYTE:
		return 1;
	case WIDTH_WORD:
		return 2;
	case WIDTH_DWORD:
		return 4;
	case WIDTH_STACK:
		return t->rex & 8 || !t->opsize ? 8 : 2;
	default:
		return full;
	}
}

static void choose_prefixes(struct trial *t)
{
	bool plain = t->form->op == OP_NOTHING || (t->form->map == MAP_0F && t->form->first == 0xc3) ||
		     t->form->width == WIDTH_DWORD;

	t->opsize = !plain && below(3) == 0;
	t->adsize = below(5) == 0;
	t->rex = below(2) ? (uint8_t)(0x40 | below(16)) : 0;
	if (t->opsize) {
		put(t, 0x66, 1);
	}
	if (t->adsize) {
		put(t, 0x67, 1);
	}
	if (is_string(t->form) && below(2)) {
		put(t, below(3) ? 0xf3 : 0xf2, 1);
	}
	if (t->form->flags & FORM_LOCK && below(3) == 0) {
		put(t, 0xf0, 1);
	}
}

/* A place in the middle of the device, now and then across its pages; locked cycles stay aligned. */
static uint64_t choose_target(const struct trial *t)
{
	uint64_t at = DEV_BASE + 0x4000 + below(0x8000);

	if (t->form->flags & FORM_LOCK) {
		return at & ~7ull;
	}
	return below(8) ? at : (at & ~0xfffull) + 0x1000 - below(8);
}

static int64_t choose_disp(unsigned mod)
{
	return mod == 0 ? 0 : mod == 1 ? (int8_t)rnd() : (int32_t)rnd();
}

/* ModRM, SIB and displacement for the target, through every way of addressing; solves for the base register. */
static void put_operand(struct trial *t, unsigned reg, unsigned imm_bytes)
{
	unsigned mod = below(3), way = below(8);
	uint64_t disp = (uint64_t)choose_disp(mod);
	uint8_t base_bit = t->rex & 1 ? 8 : 0, index_bit = t->rex & 2 ? 8 : 0;

	if (way == 0) {
		put(t, reg << 3 | 5, 1);
		put(t, t->target - (CODE_BASE + t->length + 4 + imm_bytes), 4);
	} else if (way == 1) {
		put(t, reg << 3 | 4, 1);
		put(t, 4 << 3 | 5, 1);
		t->rex = (uint8_t)(t->rex & ~2);
		put(t, t->target, 4);
	} else if (way < 5) {
		unsigned index = below(8), base = below(8), scale = below(4);

		if ((base == 5 && mod == 0) || (is_stack(t->form) && (base | base_bit) == GPR_RSP) || (index == base && index_bit == base_bit)) {
			base = GPR_RDI;
			index = GPR_RSI;
		}
		t->base = (uint8_t)(base | base_bit);
		t->index = (uint8_t)(index | index_bit);
		if (is_stack(t->form) && t->index == GPR_RSP) {
			t->index = REG_NONE;
		}
		put(t, mod << 6 | reg << 3 | 4, 1);
		put(t, scale << 6 | index << 3 | base, 1);
		t->gpr[t->base] = t->target - disp;
		if ((index | index_bit) != GPR_RSP) {
			t->gpr[t->base] -= t->gpr[index | index_bit] << scale;
		}
		put(t, disp, mod == 2 ? 4 : mod);
	} else {
		unsigned base = below(8);

		if (base == 4 || (base == 5 && mod == 0)) {
			base = GPR_RBX;
		}
		t->base = (uint8_t)(base | base_bit);
		put(t, mod << 6 | reg << 3 | base, 1);
		t->gpr[t->base] = t->target - disp;
		put(t, disp, mod == 2 ? 4 : mod);
	}
}

static unsigned immediate_bytes(const struct trial *t)
{
	if (t->form->operands == OPS_MEM_IMM8) {
		return 1;
	}
	return t->form->operands != OPS_MEM_IMM ? 0 : t->size == 8 ? 4 : t->size;
}

/* Source and destination anywhere, overlapping too; counts around the emulator's budget. */
static void choose_string(struct trial *t)
{
	bool low = t->rflags & RFLAGS_DF;
	uint64_t from = below(2) ? DEV_BASE : RAM_BASE, to = below(2) ? DEV_BASE : RAM_BASE;

	t->gpr[GPR_RSI] = from + 0x4000 + below(0x1000) + (low ? 0x4000 : 0);
	t->gpr[GPR_RDI] = to + 0x4000 + below(0x1000) + (low ? 0x4000 : 0);
	t->gpr[GPR_RCX] = below(4) == 0 ? below(200) : below(8);
	t->gpr[GPR_RAX] &= 0x0101010101010101ull;
	if (t->adsize) {
		/* The upper halves do not count, and how they end depends on the processor when nothing is done. */
		t->gpr[GPR_RCX] |= 1;
	}
}

/* The bit number reaches up to 4 KiB away from the operand; bits above its size are noise. */
static void choose_bit(struct trial *t)
{
	int64_t bit = (int64_t)below(65536) - 32768;
	uint64_t noise = t->size == 8 ? 0 : rnd() << 8 * t->size;
	int64_t unit = sign_extend((uint64_t)bit, t->size) >> (t->size == 8 ? 6 : t->size == 4 ? 5 : 4);

	t->gpr[t->reg] = ((uint64_t)bit & size_mask(t->size)) | noise;
	t->target += (uint64_t)(unit * (int64_t)t->size);
}

static bool clash(const struct trial *t)
{
	return is_bit_string(t->form) && (t->reg == t->base || t->reg == t->index);
}

static void put_opcode(struct trial *t, uint8_t opcode, unsigned *rex_at)
{
	*rex_at = t->length;
	if (t->rex) {
		put(t, t->rex, 1);
	}
	if (t->form->map != MAP_1) {
		put(t, 0x0f, 1);
	}
	if (t->form->map == MAP_0F38) {
		put(t, 0x38, 1);
	}
	put(t, opcode, 1);
}

/* Fills t; false when the draw cannot be used. */
static bool make_trial(struct trial *t, const struct form *f, uint8_t opcode)
{
	unsigned rex_at, reg = f->group == GROUP_ANY ? below(8) : (unsigned)f->group;

	*t = (struct trial){ .form = f, .base = REG_NONE, .index = REG_NONE };
	for (unsigned i = 0; i < GPR_COUNT; i++) {
		t->gpr[i] = rnd();
	}
	t->rflags = (rnd() & FLAGS_STATUS) | 2;
	choose_prefixes(t);
	put_opcode(t, opcode, &rex_at);
	t->size = operand_bytes(t, opcode);
	t->target = choose_target(t);
	t->reg = (uint8_t)(reg | (t->rex & 4 ? 8 : 0));
	if (is_stack(f)) {
		t->gpr[GPR_RSP] = RAM_BASE + 0x8000 + below(0x2000);
	}
	if (is_string(f)) {
		t->rflags |= below(3) ? 0 : RFLAGS_DF;
		choose_string(t);
	} else if (f->operands == OPS_ACC_MOFFS || f->operands == OPS_MOFFS_ACC) {
		put(t, t->target, t->adsize ? 4 : 8);
	} else {
		unsigned imm = immediate_bytes(t);

		put_operand(t, reg, imm);
		if (t->rex) {
			t->code[rex_at] = t->rex;
		}
		put(t, rnd(), imm);
	}
	if (clash(t)) {
		return false;
	}
	if (is_bit_string(f)) {
		choose_bit(t);
	}
	if (f->op == OP_CMPXCHG && below(2) && t->base != GPR_RAX && t->index != GPR_RAX) {
		memcpy(&t->gpr[GPR_RAX], native_dev + (t->target - DEV_BASE), t->size);
	}
	return true;
}

/* ------------------------------------------------------------------ running and comparing */

static void fill_memory(bool two_values)
{
	for (unsigned i = 0; i < WINDOW; i += 8) {
		uint64_t a = rnd(), b = rnd();

		if (two_values) {
			a &= below(4) ? 0 : 0x0101010101010101ull;
			b &= below(4) ? 0 : 0x0101010101010101ull;
		}
		memcpy(native_ram + i, &a, 8);
		memcpy(native_dev + i, &b, 8);
	}
	memcpy(guest_ram, native_ram, WINDOW);
	memcpy(guest_dev, native_dev, WINDOW);
}

static void run_natively(const struct trial *t)
{
	uint64_t back = (uint64_t)&native_back;
	static const uint8_t jump[6] = { 0xff, 0x25 };

	memcpy(native_bytes, t->code, t->length);
	memcpy(native_bytes + t->length, jump, 6);
	memcpy(native_bytes + t->length + 6, &back, 8);
	memcpy(native_state.gpr, t->gpr, sizeof(t->gpr));
	native_state.rflags = t->rflags | 0x202;
	native_code = CODE_BASE;
	native_run();
}

static void run_emulated(const struct trial *t)
{
	enum emu_result r;
	bool writes = t->form->flags & FORM_WRITE, reads = t->form->flags & FORM_READ;
	bool crosses = (t->target & 0xfff) + t->size > 0x1000;

	memcpy(page.gpr, t->gpr, sizeof(t->gpr));
	memcpy(page.exit.inst, t->code, sizeof(t->code));
	page.rip = CODE_BASE;
	page.rflags = t->rflags;
	page.dirty = 0;
	page.exit.inst_bytes = 15;
	page.exit.mmio.gpa = crosses && below(2) ? (t->target + 0xfff) & ~0xfffull : t->target;
	page.exit.mmio.write = writes && (!reads || below(2));
	for (unsigned calls = 0; calls < 8; calls++) {
		r = emulate_mmio(&emulator);
		if (r != EMU_AGAIN) {
			break;
		}
		CHECK_EQ(page.rip, CODE_BASE);
		CHECK(is_string(t->form));
	}
	if (r != EMU_DONE) {
		printf("# result %d: %s vector %u\n", r, emulator.why ? emulator.why : "-", emulator.fault.vector);
	}
	CHECK_EQ(r, EMU_DONE);
	CHECK_EQ(page.rip, CODE_BASE + t->length);
	CHECK(page.dirty & DIRTY_RIP);
	CHECK(page.rflags == t->rflags || page.dirty & DIRTY_RFLAGS);
}

/* The status flags that the manual defines after the form. */
static uint64_t defined_flags(const struct form *f)
{
	switch (f->op) {
	case OP_AND:
	case OP_OR:
	case OP_XOR:
	case OP_TEST:
		return FLAGS_STATUS & ~(uint64_t)FLAG_AF;
	case OP_BT:
	case OP_BTS:
	case OP_BTR:
	case OP_BTC:
		return FLAG_CF | FLAG_ZF;
	default:
		return FLAGS_STATUS;
	}
}

static bool agree(const struct trial *t)
{
	uint64_t mask = defined_flags(t->form) | RFLAGS_DF;

	return memcmp(page.gpr, native_state.gpr, sizeof(page.gpr)) == 0 &&
	       (page.rflags & mask) == (native_state.rflags & mask) && memcmp(guest_dev, native_dev, WINDOW) == 0 &&
	       memcmp(guest_ram, native_ram, WINDOW) == 0;
}

static void show(const struct trial *t)
{
	printf("# %s (%s):", t->form->assembly, t->form->encoding);
	for (unsigned i = 0; i < t->length; i++) {
		printf(" %02x", t->code[i]);
	}
	printf("  target %#llx\n", (unsigned long long)t->target);
	for (unsigned i = 0; i < GPR_COUNT; i++) {
		if (page.gpr[i] != native_state.gpr[i]) {
			printf("#   register %u: was %016llx, processor %016llx, emulator %016llx\n", i,
			       (unsigned long long)t->gpr[i], (unsigned long long)native_state.gpr[i],
			       (unsigned long long)page.gpr[i]);
		}
	}
	printf("#   rflags: was %llx, processor %llx, emulator %llx\n", (unsigned long long)t->rflags,
	       (unsigned long long)native_state.rflags, (unsigned long long)page.rflags);
	for (unsigned i = 0; i < WINDOW; i++) {
		if (guest_dev[i] != native_dev[i]) {
			printf("#   device byte %#x: processor %02x, emulator %02x\n", i, native_dev[i], guest_dev[i]);
			break;
		}
	}
}

static bool try_form(const struct form *f, uint8_t opcode)
{
	struct trial t;

	for (unsigned done = 0, draws = 0; done < ROUNDS && draws < 4 * ROUNDS; draws++) {
		fill_memory(is_string(f));
		if (!make_trial(&t, f, opcode)) {
			continue;
		}
		run_natively(&t);
		run_emulated(&t);
		if (!agree(&t)) {
			show(&t);
			return false;
		}
		done++;
	}
	return true;
}

static bool runs_here(const struct form *f)
{
	unsigned a, b, c, d;

	if (f->op == OP_MOVBE && (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_MOVBE))) {
		return false;
	}
	return !f->refused && !(f->flags & FORM_NOT64) && f->op != OP_INS && f->op != OP_OUTS;
}

TEST(every_form_does_what_the_processor_does)
{
	unsigned rows = 0;

	set_up();
	for (size_t i = 0; i < form_count; i++) {
		const struct form *f = &form_table[i];

		if (!runs_here(f)) {
			continue;
		}
		for (unsigned opcode = f->first; opcode <= f->last; opcode++) {
			CHECK(try_form(f, (uint8_t)opcode));
		}
		rows++;
	}
	CHECK(rows > 70);
}
