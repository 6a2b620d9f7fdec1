/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shadows of STI and MOV SS, and windows of NMIs: what is taken, and at which instruction. SDM 3A 6.7.1, 6.8.1, 6.8.3.
 * Instructions behind STI are of all kinds: of the processor, of the kernel (CPUID, MSR), of the vmm (ports, memory).
 */
#include "tests/attack/at.h"

enum { VECTOR = 0x55, SCRATCH = 0x3ff, IOAPIC = 0xfec00000, TF = 0x100 };

static volatile uint64_t taken_at, taken;

static void on_irq(struct trap *t)
{
	taken++;
	taken_at = t->rip;
	apic_write(APIC_EOI, 0);
}

/* With an interrupt pending, STI and an instruction: it is taken right behind that instruction. */
#define BEHIND_STI(text)                                                                                                  \
	do {                                                                                                              \
		uint64_t end_;                                                                                            \
		taken = 0;                                                                                                \
		apic_self_ipi(VECTOR);                                                                                    \
		__asm__ volatile("sti; " text "; 1: nop; nop; cli; leaq 1b(%%rip), %%rax; movq %%rax, %0"                 \
				 : "=m"(end_) : "a"(0), "c"(0x1b), "d"(SCRATCH), "D"((uint64_t)IOAPIC)                    \
				 : "rbx", "rsi", "memory", "cc");                                                         \
		ok("sti, " text, taken == 1 && taken_at == end_);                                                         \
	} while (0)

static void sti(void)
{
	uint64_t flags;

	BEHIND_STI("nop");
	BEHIND_STI("cpuid");
	BEHIND_STI("rdmsr");
	BEHIND_STI("inb %%dx, %%al");
	BEHIND_STI("outb %%al, $0x80");
	BEHIND_STI("movl (%%rdi), %%eax");
	BEHIND_STI("movb %%al, (%%rdi)");
	BEHIND_STI("hlt");
	BEHIND_STI("movl %%esp, %%eax");
	BEHIND_STI("wbinvd");
	BEHIND_STI("movq %%cr8, %%rax");
	taken = 0;
	apic_self_ipi(VECTOR);
	__asm__ volatile("sti; cli; nop; nop");
	equal("sti, cli: no window", taken, 0);
	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	ok("and it is still off", !(flags & 0x200));
	for (unsigned i = 0; i < 50; i++) {
		__asm__ volatile("sti; cli");
		__asm__ volatile("sti; movl %%ss, %%eax; cli" : : : "rax");
	}
	ok("pending until a window", taken == 1);
	/* A second STI makes no shadow: IF was on. */
	taken = 0;
	apic_self_ipi(VECTOR);
	__asm__ volatile("sti; sti; 1: nop; cli; leaq 1b(%%rip), %0" : "=r"(flags) : : "memory");
	ok("sti, sti", taken == 1 && taken_at == flags);
	taken = 0;
	apic_self_ipi(VECTOR);
	__asm__ volatile("pushfq; orl $0x200, (%%rsp); popfq; 1: nop; cli; leaq 1b(%%rip), %0" : "=r"(flags) : : "memory");
	ok("popf makes no shadow", taken == 1 && taken_at == flags);
}

/* MOV SS holds the single-step trap of its own end back: the next trap is behind the next instruction. */
#define BEHIND_SS(text)                                                                                                   \
	do {                                                                                                              \
		uint64_t n_ = FAULT("pushfq; orl $0x100, (%%rsp); movl %%ss, %%ebx; leaq 1f(%%rip), %%rsi; movq %%rsi, taken_here(%%rip);" \
				    "movl $0xfec00000, %%edi; popfq; movl %%ebx, %%ss; " text "; 1: nop; nop", 0, 0x1b, SCRATCH);          \
		ok("single step over mov ss, " text, n_ == DB && this_cpu()->rip == taken_here);                          \
	} while (0)

extern uint64_t taken_here;
uint64_t taken_here;

static void mov_ss(void)
{
	BEHIND_SS("nop");
	BEHIND_SS("cpuid");
	BEHIND_SS("rdmsr");
	BEHIND_SS("inb %%dx, %%al");
	BEHIND_SS("outb %%al, $0x80");
	BEHIND_SS("movl (%%rdi), %%eax");
	__asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ull));
}

/* ---- NMI ---- */

static volatile uint64_t nmis, depth, deepest, plan;
enum { PLAN_NOTHING, PLAN_THREE_MORE, PLAN_IRET_INSIDE, PLAN_EXITS };

static void send_nmi(void)
{
	icr((uint32_t)this_cpu()->apic_id, 0x4400);
}

static void on_nmi(struct trap *t)
{
	uint64_t first = nmis++ == 0;

	taken_at = t->rip;
	deepest = ++depth > deepest ? depth : deepest;
	if (first && plan == PLAN_THREE_MORE) {
		send_nmi();
		send_nmi();
		send_nmi();
	} else if (first && plan == PLAN_IRET_INSIDE) {
		send_nmi();
		__asm__ volatile("movl %%ss, %%eax; pushq %%rax; leaq 8(%%rsp), %%rax; pushq %%rax; pushfq; pushq $8; leaq 1f(%%rip), %%rax;"
				 "pushq %%rax; iretq; 1: cpuid; nop"
				 : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");
	} else if (first && plan == PLAN_EXITS) {
		send_nmi();
		for (unsigned i = 0; i < 20; i++) {
			(void)cpuid(0, 0);
			(void)inb(SCRATCH);
			(void)mmio_read32(IOAPIC);
		}
	}
	depth--;
}

static void nmi_case(const char *name, uint64_t how, uint64_t count, uint64_t nesting)
{
	nmis = deepest = depth = 0;
	plan = how;
	send_nmi();
	for (unsigned i = 0; i < 100; i++) {
		(void)inb(SCRATCH);
	}
	ok(name, nmis == count && deepest == nesting);
	if (nmis != count || deepest != nesting) {
		note("nmis", nmis);
		note("nested", deepest);
	}
}

static void nmi_windows(void)
{
	void (*old)(struct trap *) = trap_get(NMI);

	trap_set(NMI, on_nmi);
	nmi_case("nmi with interrupts off", PLAN_NOTHING, 1, 1);
	nmi_case("nmis within an nmi are one", PLAN_THREE_MORE, 2, 1);
	nmi_case("an iret within opens nmis", PLAN_IRET_INSIDE, 2, 2);
	nmi_case("exits within an nmi", PLAN_EXITS, 2, 1);
	nmis = 0;
	plan = PLAN_NOTHING;
	send_nmi();
	__asm__ volatile("cli; 1: testq $-1, %0; jz 1b" : : "m"(nmis));
	ok("nmi into a loop without exits", nmis == 1);
	trap_set(NMI, old);
}

void group_shadows(void)
{
	trap_set(VECTOR, on_irq);
	sti();
	mov_ss();
	nmi_windows();
}
