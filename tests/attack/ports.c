/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: every form of IN, OUT, INS, OUTS, with their rights, faults and traps. SDM 1 19, SDM 2 IN to OUTS. */
#include "tests/attack/at.h"

enum { SCRATCH = 0x3ff, ABSENT = 0x5670, PIC_MASK = 0x21, CMOS = 0x70, PCI_ADDRESS = 0xcf8, EFLAGS_IOPL3 = 0x3002, EFLAGS_NONE = 2 };

extern uint8_t ports_buffer[8192];
uint8_t ports_buffer[8192] __attribute__((aligned(4096)));
#define buffer ports_buffer

/* What a register holds after a narrow IN (SDM 1 3.4.1.1: 8 and 16 bits are merged, 32 bits clear the upper half). */
static void widths(void)
{
	uint64_t a = 0x1122334455667788;

	outb(SCRATCH, 0x5a);
	__asm__ volatile("inb %%dx, %%al" : "+a"(a) : "d"(SCRATCH));
	equal("in al keeps the rest", a, 0x112233445566775a);
	a = 0x1122334455667788;
	__asm__ volatile("inw %%dx, %%ax" : "+a"(a) : "d"(ABSENT));
	equal("in ax keeps the rest, absent port reads ones", a, 0x112233445566ffff);
	__asm__ volatile("inl %%dx, %%eax" : "+a"(a) : "d"(ABSENT));
	equal("in eax clears the upper half", a, 0xffffffff);
	outl(PCI_ADDRESS, 0x80123454);
	equal("32 bits out and in", inl(PCI_ADDRESS), 0x80123454);
	a = 0x80000010;
	__asm__ volatile(".byte 0x48, 0xef" : : "a"(a), "d"(PCI_ADDRESS));
	equal("rex.w does not widen out", inl(PCI_ADDRESS), 0x80000010);
	__asm__ volatile(".byte 0x67, 0xec" : "+a"(a) : "d"(SCRATCH));
	equal("address size prefix on in", a & 0xff, 0x5a);
	__asm__ volatile(".byte 0x2e, 0x66, 0x66, 0xed" : "+a"(a) : "d"(ABSENT));
	equal("in ax with many prefixes", a & 0xffff, 0xffff);
}

static void immediate(void)
{
	uint64_t a = 0xa5;

	__asm__ volatile("outb %%al, $0x21; movb $0, %%al; inb $0x21, %%al" : "+a"(a));
	equal("immediate port", a, 0xa5);
	outb(PIC_MASK, 0xff);
	/* Byte devices at both ports of a 16-bit access: index, then data. */
	outw(CMOS, 0xc350);
	outb(CMOS, 0x50);
	equal("one word to two byte registers", inb(CMOS + 1), 0xc3);
	(void)inl(0xffff);
	(void)inw(0xffff);
	outl(0xfffe, 0);
	ok("accesses beyond the last port", true);
}

struct string { void *di; const void *si; uint64_t count; };

static void string_forms(void)
{
	struct string s = { buffer + 4, NULL, 5 };

	memset(buffer, 0, 16);
	outb(SCRATCH, 0x77);
	__asm__ volatile("std; rep insb; cld" : "+D"(s.di), "+c"(s.count) : "d"(SCRATCH) : "memory");
	ok("rep insb downwards", s.count == 0 && (uint64_t)(uintptr_t)s.di == (uint64_t)(uintptr_t)buffer - 1 && buffer[0] == 0x77 && buffer[4] == 0x77 && buffer[5] == 0);
	s = (struct string){ buffer, NULL, 0 };
	__asm__ volatile("rep insl" : "+D"(s.di), "+c"(s.count) : "d"(ABSENT) : "memory");
	ok("rep with count zero", s.count == 0 && s.di == buffer && buffer[0] == 0x77);
	s = (struct string){ buffer + 16, NULL, 0x700000003 };
	__asm__ volatile("addr32 rep insb" : "+D"(s.di), "+c"(s.count) : "d"(SCRATCH) : "memory");
	ok("rep with a 32-bit count", (uint32_t)s.count == 0 && s.di == buffer + 19 && buffer[18] == 0x77 && buffer[19] == 0);
	s = (struct string){ NULL, buffer + 32, 3 };
	memcpy(buffer + 32, "\x11\x22\x33", 3);
	__asm__ volatile("rep outsb" : "+S"(s.si), "+c"(s.count) : "d"(SCRATCH) : "memory");
	ok("rep outsb", inb(SCRATCH) == 0x33 && s.si == buffer + 35 && s.count == 0);
	wrmsr(0xc0000100, (uint64_t)(uintptr_t)buffer);
	s = (struct string){ NULL, (const void *)33, 1 };
	__asm__ volatile(".byte 0x64, 0x6e" : "+S"(s.si) : "d"(SCRATCH) : "memory");
	equal("outsb through fs", inb(SCRATCH), 0x22);
	wrmsr(0xc0000100, 0);
	outl(PCI_ADDRESS, 0x80000000);
	s = (struct string){ buffer + 64, NULL, 2 };
	__asm__ volatile("rep insl" : "+D"(s.di), "+c"(s.count) : "d"(PCI_ADDRESS) : "memory");
	ok("rep insl", *(uint32_t *)(buffer + 64) == 0x80000000 && *(uint32_t *)(buffer + 68) == 0x80000000);
}

/* A fault leaves the registers at the element that faulted (SDM 2 REP). */
static void string_faults(void)
{
	uint64_t page = window_map(0, (uint64_t)(uintptr_t)buffer, 3), n;

	(void)window_map(1, (uint64_t)(uintptr_t)buffer + 4096, 0);
	equal("ins into a hole faults", FAULT("movq %%rax, %%rdi; rep insb; movq %%rdi, %%rax", page + 4090, 16, SCRATCH), PF);
	equal("and names the byte", this_cpu()->cr2, page + 4096);
	equal("and says write", this_cpu()->error, 2);
	equal("with the count left", out.c, 10);
	equal("outs from a hole faults", FAULT("movq %%rax, %%rsi; rep outsb", page + 4092, 16, SCRATCH), PF);
	equal("with its count left", out.c, 12);
	(void)window_map(1, (uint64_t)(uintptr_t)buffer, 1);
	WRITE_CR(0, READ_CR(0) | 0x10000);
	buffer[0] = 9;
	n = FAULT("movq %%rax, %%rdi; insb", page + 4096, 0, SCRATCH);
	ok("ins into a read-only page", n == PF && this_cpu()->error == 3 && buffer[0] == 9);
	equal("outs from a non-canonical address", FAULT("movq %%rax, %%rsi; outsb", 1ull << 62, 0, SCRATCH), GP);
	equal("ins to a non-canonical address", FAULT("movq %%rax, %%rdi; rep insw", 1ull << 62, 4, SCRATCH), GP);
}

static void allow(uint16_t port, bool yes)
{
	uint8_t *b = &this_cpu()->tss.bitmap[port / 8], bit = (uint8_t)(1u << port % 8);

	*b = yes ? *b & (uint8_t)~bit : *b | bit;
}

/* Rights of user code: IOPL, then the bitmap of the TSS (SDM 1 19.5). */
static void rights(void)
{
	uint64_t page = window_map(2, (uint64_t)(uintptr_t)buffer, 3);

	equal("in at cpl 3", FAULT_USER("inb %%dx, %%al", 0, 0, SCRATCH, EFLAGS_NONE), GP);
	equal("out at cpl 3", FAULT_USER("outb %%al, %%dx", 0, 0, SCRATCH, EFLAGS_NONE), GP);
	equal("outs at cpl 3", FAULT_USER("movq %%rax, %%rsi; outsb", buffer, 0, SCRATCH, EFLAGS_NONE), GP);
	equal("in at cpl 3 with iopl 3", FAULT_USER("inb %%dx, %%al", 0, 0, SCRATCH, EFLAGS_IOPL3), NONE);
	outb(SCRATCH, 0x42);
	allow(SCRATCH, true);
	equal("in by the bitmap", FAULT_USER("inb %%dx, %%al", 0, 0, SCRATCH, EFLAGS_NONE), NONE);
	equal("and its value", out.a & 0xff, 0x42);
	equal("half of a word by the bitmap", FAULT_USER("inw %%dx, %%ax", 0, 0, SCRATCH, EFLAGS_NONE), GP);
	equal("ins at cpl 3 into a supervisor page", FAULT_USER("movq %%rax, %%rdi; insb", page, 0, SCRATCH, EFLAGS_NONE), PF);
	equal("and its error", this_cpu()->error, 7);
	allow(SCRATCH, false);
	this_cpu()->tss.map = 0xffff;
	equal("bitmap beyond the segment", FAULT_USER("inb %%dx, %%al", 0, 0, SCRATCH, EFLAGS_NONE), GP);
	this_cpu()->tss.map = (uint16_t)offsetof(struct tss64, bitmap);
	equal("cli at cpl 3", FAULT_USER("cli", 0, 0, 0, EFLAGS_NONE), GP);
}

/* One step of a REP is one element, and its trap has RIP at the instruction (SDM 3B 18.3.2). */
static void steps(void)
{
	uint64_t n = FAULT("pushfq; orl $0x100, (%%rsp); leaq ports_buffer(%%rip), %%rsi; leaq 1f(%%rip), %%rbx; popfq;"
			   "1: rep outsb; subq %%rbx, %%rcx; movq %%rcx, %%rax", 0, 4, SCRATCH);

	equal("single step in a rep outsb", n, DB);
	equal("after one element", out.c, 3);
	outb(SCRATCH, 0x66);
	n = FAULT("pushfq; orl $0x100, (%%rsp); popfq; inb %%dx, %%al; nop; nop", 0, 0, SCRATCH);
	ok("single step over in", n == DB && (out.a & 0xff) == 0x66 && (this_cpu()->dr6 & 0x4000));
	__asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ull));
}

void group_ports(void)
{
	widths();
	immediate();
	string_forms();
	string_faults();
	rights();
	steps();
}
