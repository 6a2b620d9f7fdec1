/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction forms on a device from inside of a guest. Each runs twice, on RAM by the processor and on a device
 * through the hypervisor, and registers, flags and memory must agree.
 *
 * The device is a redirection entry of the IOAPIC: 32 bits, of which WRITABLE keep what is written. Other widths go to
 * an address that nobody claims; what it reads as is asked first. Interrupts stay off: the entry is on no line.
 */
#include "tests/guest/rt.h"

enum { IOAPIC = 0xfec00000, WINDOW = 0xfec00010, ENTRY = 0x3e, ABSENT = 0xd0000000 };
enum { WRITABLE = 0x1afff, START = 0x1a531, STATUS = 0x8d5 };

struct context {
	uint64_t rax, rcx, rdx, rflags;
};

typedef void form_fn(void *at, struct context *c);

/* A form as a function: the operand is at rdi, rax, rcx and rdx are the context's, as are the status flags. */
#define FORM(id, text) \
	static void form_##id(void *at, struct context *c) \
	{ \
		__asm__ volatile("pushq %3\n\tpopfq\n\t" text "\n\tpushfq\n\tpopq %3\n\tcld" \
				 : "+a"(c->rax), "+c"(c->rcx), "+d"(c->rdx), "+r"(c->rflags), "+D"(at) \
				 : : "memory", "cc", "r8", "r9", "rsi", "rbx"); \
	}

#define ALU(op) \
	FORM(op##_mr, #op "l %%ecx, (%%rdi)") \
	FORM(op##_rm, #op "l (%%rdi), %%ecx") \
	FORM(op##_mi8, #op "l $-3, (%%rdi)") \
	FORM(op##_mi32, #op "l $0x8421, (%%rdi)")

ALU(add) ALU(or) ALU(adc) ALU(sbb) ALU(and) ALU(sub) ALU(xor) ALU(cmp)
FORM(lock_or, "lock orl %%ecx, (%%rdi)")
FORM(mov_store, "movl %%ecx, (%%rdi)")
FORM(mov_load, "movl (%%rdi), %%ecx")
FORM(mov_imm, "movl $0x12345, (%%rdi)")
FORM(mov_r9, "movq %%rcx, %%r9; movl %%r9d, (%%rdi); movl (%%rdi), %%r8d; movq %%r8, %%rdx")
FORM(mov_sib, "movq $0x100, %%rbx; leaq -0x408(%%rdi), %%rsi; movl 8(%%rsi,%%rbx,4), %%ecx")
FORM(mov_segment, "movl %%es:(%%rdi), %%ecx")
FORM(mov_address32, "movl (%%edi), %%ecx")
FORM(movslq, "movslq (%%rdi), %%rcx")
FORM(movnti, "movnti %%ecx, (%%rdi)")
FORM(movbe_load, "movbel (%%rdi), %%ecx")
FORM(cmov_taken, "cmovcl (%%rdi), %%ecx")
FORM(cmov_not_taken, "cmovncl (%%rdi), %%ecx")
FORM(test_r, "testl %%ecx, (%%rdi)")
FORM(test_i, "testl $0x8001, (%%rdi)")
FORM(not, "notl (%%rdi)")
FORM(neg, "negl (%%rdi)")
FORM(inc, "incl (%%rdi)")
FORM(dec, "decl (%%rdi)")
FORM(xchg, "xchgl %%ecx, (%%rdi)")
FORM(xadd, "lock xaddl %%ecx, (%%rdi)")
FORM(cmpxchg_equal, "movl (%%rdi), %%eax; lock cmpxchgl %%ecx, (%%rdi)")
FORM(cmpxchg_other, "cmpxchgl %%ecx, (%%rdi)")
FORM(bt, "btl $5, (%%rdi)")
FORM(bts, "btsl $7, (%%rdi)")
FORM(btr, "btrl $8, (%%rdi)")
FORM(btc, "lock btcl $0, (%%rdi)")
FORM(bt_reg, "movl $11, %%ecx; btsl %%ecx, (%%rdi)")
FORM(stos, "stosl")
FORM(lods, "movq %%rdi, %%rsi; lodsl")
FORM(scas, "scasl")
FORM(movs_in, "subq $16, %%rsp; movq %%rdi, %%rsi; movq %%rsp, %%rdi; movsl; movl (%%rsp), %%ecx; addq $16, %%rsp")
FORM(movs_out, "pushq %%rcx; movq %%rsp, %%rsi; movsl; popq %%rcx")
FORM(cmps, "pushq %%rcx; movq %%rsp, %%rsi; cmpsl; popq %%rcx")
FORM(rep_stos, "movl $1, %%ecx; rep stosl")

/* Other widths: only the registers and flags tell. */
FORM(load8, "movb (%%rdi), %%cl")
FORM(load_high8, "movb (%%rdi), %%ch")
FORM(load16, "movw (%%rdi), %%cx")
FORM(load64, "movq (%%rdi), %%rcx")
FORM(store8, "movb %%ch, (%%rdi)")
FORM(store64, "movq $-5, (%%rdi)")
FORM(movzx8, "movzbl (%%rdi), %%ecx")
FORM(movzx16, "movzwq (%%rdi), %%rcx")
FORM(movsx8, "movsbw (%%rdi), %%cx")
FORM(movsx16, "movswl (%%rdi), %%ecx")
FORM(setcc, "setbe (%%rdi)")
FORM(push, "pushq (%%rdi); popq %%rcx")
FORM(pop, "pushq %%rcx; popq (%%rdi)")
FORM(or8, "orb $1, (%%rdi)")
FORM(add64, "addq (%%rdi), %%rcx")
FORM(cross, "movq 0xffd(%%rdi), %%rcx")
FORM(rep_movs, "subq $1024, %%rsp; movq %%rdi, %%rsi; movq %%rsp, %%rdi; movl $1024, %%ecx; rep movsb;"
	       "movq 1016(%%rsp), %%rdx; addq $1024, %%rsp")
FORM(repe_cmps, "movl $300, %%ecx; leaq 512(%%rdi), %%rsi; repe cmpsb")
FORM(repne_scas, "movl $300, %%ecx; notl %%eax; repne scasb")
FORM(std_lods, "movl $3, %%ecx; leaq 64(%%rdi), %%rsi; std; rep lodsq")
FORM(clflush, "clflush (%%rdi)")

struct row {
	const char *name;
	form_fn *fn;
};

#define ROW(id) { #id, form_##id }
#define ALU_ROWS(op) ROW(op##_mr), ROW(op##_rm), ROW(op##_mi8), ROW(op##_mi32)

static const struct row on_entry[] = {
	ALU_ROWS(add), ALU_ROWS(or), ALU_ROWS(adc), ALU_ROWS(sbb), ALU_ROWS(and), ALU_ROWS(sub), ALU_ROWS(xor),
	ALU_ROWS(cmp), ROW(lock_or), ROW(mov_store), ROW(mov_load), ROW(mov_imm), ROW(mov_r9), ROW(mov_sib),
	ROW(mov_segment), ROW(mov_address32), ROW(movslq), ROW(movnti), ROW(movbe_load), ROW(cmov_taken),
	ROW(cmov_not_taken), ROW(test_r), ROW(test_i), ROW(not), ROW(neg), ROW(inc), ROW(dec), ROW(xchg), ROW(xadd),
	ROW(cmpxchg_equal), ROW(cmpxchg_other), ROW(bt), ROW(bts), ROW(btr), ROW(btc), ROW(bt_reg), ROW(stos), ROW(lods),
	ROW(scas), ROW(movs_in), ROW(movs_out), ROW(cmps), ROW(rep_stos),
};

static const struct row on_nothing[] = {
	ROW(load8), ROW(load_high8), ROW(load16), ROW(load64), ROW(store8), ROW(store64), ROW(movzx8), ROW(movzx16),
	ROW(movsx8), ROW(movsx16), ROW(setcc), ROW(push), ROW(pop), ROW(or8), ROW(add64), ROW(cross), ROW(rep_movs),
	ROW(repe_cmps), ROW(repne_scas), ROW(std_lods), ROW(clflush),
};

static uint8_t ram[8192] __attribute__((aligned(4096)));

static bool same(const struct context *a, const struct context *b, uint64_t undefined)
{
	uint64_t flags = STATUS & ~undefined;

	return a->rax == b->rax && a->rcx == b->rcx && a->rdx == b->rdx && (a->rflags & flags) == (b->rflags & flags);
}

static void report(const char *group, const struct row *row, bool ok)
{
	puts_raw(ok ? "ok " : "not ok ");
	puts_raw(group);
	puts_raw(row->name);
	puts_raw("\n");
}

/* AF after logic and all but CF after bit tests are undefined: they are left out everywhere but in CMP and ADD. */
static void run_on_entry(const struct row *row)
{
	struct context native = { .rax = 0x1a531, .rcx = 0x1a0c4, .rdx = 7, .rflags = 0x8d7 }, device = native;
	volatile uint32_t *window = (volatile uint32_t *)(uintptr_t)WINDOW, *cell = (volatile uint32_t *)ram;
	bool ok;

	*cell = START;
	*window = START;
	row->fn(ram, &native);
	row->fn((void *)(uintptr_t)WINDOW, &device);
	ok = ((*cell ^ *window) & WRITABLE) == 0;
	report("entry ", row, ok && same(&native, &device, row->name[0] == 'b' ? 0x894 : 0x10));
}

static void run_on_nothing(const struct row *row)
{
	struct context native = { .rax = 0x1a531, .rcx = 0x123456789abcdef0, .rdx = 7, .rflags = 0x8d7 }, device = native;

	memset(ram, *(volatile uint8_t *)(uintptr_t)ABSENT, sizeof(ram));
	row->fn(ram, &native);
	row->fn((void *)(uintptr_t)ABSENT, &device);
	report("absent ", row, same(&native, &device, 0x10));
}

/* The absolute forms have their address in the instruction. */
static void absolute(void)
{
	uint32_t v = 0x1a111, got;

	__asm__ volatile("movabsl %%eax, 0xfec00010" : : "a"(v) : "memory");
	__asm__ volatile("movabsl 0xfec00010, %%eax" : "=a"(got) : : "memory");
	check("entry moffs", (got & WRITABLE) == (v & WRITABLE));
}

static void string_ports(void)
{
	static const char text[] = "ok port rep outsb\n";
	uint32_t in[40];
	const void *from = text;
	void *to = in;
	uint64_t count = sizeof(text) - 1;
	uint16_t none;

	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x3f8) : "memory");
	check("port rep outsb counts", count == 0 && from == text + sizeof(text) - 1);
	__asm__ volatile("inw %1, %0" : "=a"(none) : "Nd"((uint16_t)0x5670));
	memset(in, 0x5a, sizeof(in));
	count = 79;
	__asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(0x5670) : "memory");
	check("port rep insw", count == 0 && (uint16_t)in[0] == none && in[39] == (0x5a5a0000u | none));
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	apic_init(false);
	mmio_write32(IOAPIC, ENTRY);
	for (unsigned i = 0; i < ARRAY_SIZE(on_entry); i++) {
		run_on_entry(&on_entry[i]);
	}
	absolute();
	for (unsigned i = 0; i < ARRAY_SIZE(on_nothing); i++) {
		run_on_nothing(&on_nothing[i]);
	}
	string_ports();
	mmio_write32(WINDOW, 0x10000);
	puts_raw("done mmio\n");
	guest_power_off();
}
