/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an instruction on a device does beside moving data: page faults in the middle of it, single step, interrupts
 * between the elements of a REP, segments, and the forms of 32- and 16-bit code.
 */
#include "tests/guest/rt.h"

enum { IOAPIC = 0xfec00000, WINDOW = 0xfec00010, ENTRY = 0x3e, MASKED = 0x10000, WRITABLE = 0x1afff };
enum { ABSENT = 0xd0000000, HOLE = 0xd0200000, PTE_P = 1, PTE_W = 2, CR0_WP = 1 << 16 };
enum { CODE_64 = 0x08, CODE_32 = 0x18, CODE_16 = 0x20, DATA_BASED = 0x28 };

extern volatile uint64_t pd[2048];

static volatile struct { uint64_t count, vector, error, cr2, rip, rcx, dr6; } seen;
static volatile uint64_t resume_at;

static void note(struct trap *t)
{
	uint64_t cr2, dr6;

	__asm__ volatile("movq %%cr2, %0; movq %%dr6, %1" : "=r"(cr2), "=r"(dr6));
	seen.count++;
	seen.vector = t->vector;
	seen.error = t->error;
	seen.cr2 = cr2;
	seen.rip = t->rip;
	seen.rcx = t->rcx;
	seen.dr6 = dr6;
}

static void flush_tlb(void)
{
	uint64_t cr3;

	__asm__ volatile("movq %%cr3, %0; movq %0, %%cr3" : "=r"(cr3) : : "memory");
}

static void set_entry(uint64_t at, uint64_t clear, uint64_t set)
{
	pd[at >> 21] = (pd[at >> 21] & ~clear) | set;
	flush_tlb();
}

static uint32_t cell(void)
{
	return mmio_read32(WINDOW) & WRITABLE;
}

/* ---- page faults ---- */

static void on_fault_go_on(struct trap *t)
{
	note(t);
	t->rip = resume_at;
}

/* A read-modify-write reads first: the exit is one for reading, and the right to write must be asked for. */
static void read_only_device(void)
{
	uint64_t cr0;

	__asm__ volatile("movq %%cr0, %0; orq %1, %0; movq %0, %%cr0" : "=&r"(cr0) : "r"((uint64_t)CR0_WP));
	trap_set(14, on_fault_go_on);
	mmio_write32(WINDOW, MASKED | 0x31);
	set_entry(IOAPIC, PTE_W, 0);
	seen.count = 0;
	__asm__ volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0; orl $8, (%1); 1:"
			 : "=m"(resume_at) : "r"((uint64_t)WINDOW) : "rax", "memory", "cc");
	set_entry(IOAPIC, 0, PTE_W);
	check("fault on a read-only device page", seen.count == 1 && seen.vector == 14 && seen.error == 3 && seen.cr2 == WINDOW);
	check("nothing was written", cell() == (MASKED | 0x31));
}

static void on_hole(struct trap *t)
{
	note(t);
	set_entry(HOLE, 0, PTE_P);
}

/* The fault comes where the copy has got to; mended, the copy goes on from there. */
static void copy_into_a_hole(void)
{
	static uint8_t from[4096];
	uint64_t count = 256;
	const void *src = from;
	void *dst = (void *)(uintptr_t)(HOLE - 100);

	trap_set(14, on_hole);
	set_entry(HOLE, PTE_P, 0);
	seen.count = 0;
	__asm__ volatile("rep movsb" : "+S"(src), "+D"(dst), "+c"(count) : : "memory");
	check("fault in the middle of a copy", seen.count == 1 && seen.error == 2 && seen.cr2 == HOLE && seen.rcx == 156);
	check("the copy goes on", count == 0 && (uint64_t)(uintptr_t)dst == HOLE + 156 && src == from + 256);
}

static void access_across_a_hole(void)
{
	uint64_t v = 0;

	set_entry(HOLE, PTE_P, 0);
	seen.count = 0;
	__asm__ volatile("movq (%1), %0" : "+r"(v) : "r"((uint64_t)HOLE - 3) : "memory");
	check("fault on the second page of an access", seen.count == 1 && seen.error == 0 && seen.cr2 == HOLE);
}

/* ---- traps and interrupts ---- */

static void on_debug(struct trap *t)
{
	note(t);
	t->rflags &= ~0x100ull;
	__asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ull));
}

static void single_step(void)
{
	uint64_t after;

	trap_set(1, on_debug);
	seen.count = 0;
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; movl (%1), %%eax; 1: nop; leaq 1b(%%rip), %0"
			 : "=&r"(after) : "r"((uint64_t)WINDOW) : "rax", "memory", "cc");
	check("single step over a device access", seen.count == 1 && seen.vector == 1 && seen.rip == after && (seen.dr6 & 0x4000));
	/* The flags that the instruction made must survive the trap: equal is equal. */
	mmio_write32(WINDOW, MASKED | 0xff);
	__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; cmpl %%eax, (%1); nop; lahf; movzbl %%ah, %%eax"
			 : "=a"(after) : "r"((uint64_t)WINDOW), "a"(mmio_read32(WINDOW)) : "memory", "cc");
	check("flags survive a single step", seen.count == 2 && (after & 0x41) == 0x40);
}

static void on_timer(struct trap *t)
{
	note(t);
	apic_write(APIC_EOI, 0);
}

/* When the timer fires is up to the clocks: longer and longer until it falls into the REP. */
static void interrupted_repeat(void)
{
	enum { COUNT = 100000 };
	bool ok = false;

	trap_set(0x50, on_timer);
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, 0x50);
	for (uint32_t ticks = 2000; !ok && ticks < 200000000; ticks *= 2) {
		uint64_t count = COUNT;
		void *dst = (void *)(uintptr_t)ABSENT;

		seen.count = 0;
		apic_write(APIC_TIMER_INIT, ticks);
		__asm__ volatile("sti; rep stosb; cli" : "+D"(dst), "+c"(count) : "a"(0) : "memory");
		ok = seen.count == 1 && seen.rcx > 0 && seen.rcx < COUNT && count == 0;
		apic_write(APIC_TIMER_INIT, 0);
	}
	check("interrupt between the elements of a REP", ok);
}

/* ---- segments and other modes ---- */

static uint64_t gdt[6];

static void load_gdt(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) ptr = { sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt };

	gdt[CODE_64 / 8] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	gdt[CODE_32 / 8] = 0x00cf9b000000ffff;
	gdt[CODE_16 / 8] = 0x008f9b000000ffff;
	/* Base WINDOW - 0x108. */
	gdt[DATA_BASED / 8] = 0xfe4093bfff08ffff;
	__asm__ volatile("lgdt %0" : : "m"(ptr));
}

static void fs_base(void)
{
	uint32_t v;

	mmio_write32(WINDOW, MASKED | 0x77);
	wrmsr(0xc0000100, WINDOW - 0x1000);
	__asm__ volatile("movl %%fs:0x1000, %0" : "=r"(v));
	check("load through FS", (v & WRITABLE) == (MASKED | 0x77));
	__asm__ volatile("movq %0, %%rsi; movq %1, %%rdi; .byte 0x64; movsl" : : "r"(0x1000ull), "r"(&v) : "rsi", "rdi", "memory");
	check("copy through FS", (v & WRITABLE) == (MASKED | 0x77));
	wrmsr(0xc0000100, 0);
}

extern char code_32[], code_16[];

/*
 * Far-called from 64-bit code. 32-bit: absolute, base + index, a based segment. 16-bit: the based segment by 16- and
 * 32-bit addresses. Each adds to the entry by another form: the sum tells that all were carried out.
 */
__asm__(".code32\n"
	"code_32:\n"
	"	movl $0x10100, %eax\n"
	"	movl %eax, 0xfec00010\n"             /* 10100 */
	"	movl $0xfec00000, %ebx\n"
	"	movl $4, %ecx\n"
	"	orl $1, (%ebx,%ecx,4)\n"             /* 10101 */
	"	movl $0x28, %eax\n"
	"	movl %eax, %fs\n"
	"	movl $0x100, %edi\n"
	"	addl $0x10, %fs:8(%edi)\n"           /* 10111 */
	"	xorl %eax, %eax\n"
	"	movl %fs:0x108, %eax\n"
	"	incl %eax\n"
	"	movl %eax, 0x10(%ebx)\n"             /* 10112 */
	"	lret\n"
	".code16\n"
	"code_16:\n"
	"	movw $0x28, %ax\n"
	"	movw %ax, %fs\n"
	"	movw $0x100, %bx\n"
	"	movw $8, %si\n"
	"	addl $0x20, %fs:(%bx,%si)\n"         /* 10132 */
	"	movl $0x42, %ecx\n"
	"	xorl %ecx, %fs:0x108\n"              /* 10170 */
	"	movl $0x84, %edi\n"
	"	decl %fs:(,%edi,2)\n"                /* 1016f */
	"	lretl\n"
	".code64\n");

static void far_call(uint16_t selector, const char *code)
{
	struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) to = { (uint32_t)(uintptr_t)code, selector };

	/* The callee's data segments must not be null. */
	__asm__ volatile("movl $16, %%eax; movl %%eax, %%ds; movl %%eax, %%es; lcall *%0"
			 : : "m"(to) : "rax", "rbx", "rcx", "rsi", "rdi", "memory", "cc");
}

static void other_modes(void)
{
	far_call(CODE_32, code_32);
	check("32-bit code", cell() == 0x10112);
	mmio_write32(WINDOW, 0x10112);
	far_call(CODE_16, code_16);
	check("16-bit code", cell() == (0x1016f & WRITABLE));
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	apic_init(false);
	load_gdt();
	mmio_write32(IOAPIC, ENTRY);
	read_only_device();
	copy_into_a_hole();
	access_across_a_hole();
	single_step();
	interrupted_repeat();
	fs_base();
	other_modes();
	mmio_write32(WINDOW, MASKED);
	puts_raw("done emulation\n");
	guest_power_off();
}
