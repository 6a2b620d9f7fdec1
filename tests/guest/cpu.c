/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processor as a guest sees it: policy of CPUID and MSRs, exceptions of instructions that exit, shadows, NMIs,
 * priorities, debug registers, vector state, the local APIC's timer in its modes. Prints "ok NAME" or "not ok NAME".
 */
#include "tests/guest/rt.h"

enum {
	DB = 1, NMI = 2, UD = 6, GP = 13, NONE = 0xff, VECTOR_A = 0x51, VECTOR_B = 0x61, VECTOR_TIMER = 0x71,
	TF = 1 << 8, PORT_VMM = 0x3ff, PORT_KERNEL = 0x80,
};
#define MSR_EFER 0xc0000080u

static volatile uint64_t resume_at, fault_vector, count[256], depth, deepest, stepped;
static volatile uint8_t order[8];
static volatile unsigned ordered;

static void on_fault(struct trap *t)
{
	fault_vector = t->vector;
	t->rip = resume_at;
}

/* Vector that the instructions raise, or NONE; they start with rax, rcx, rdx loaded. */
#define FAULT(text, a, c, d) \
	({ \
		uint64_t a_ = (a), c_ = (c), d_ = (d); \
		fault_vector = NONE; \
		__asm__ volatile("leaq 1f(%%rip), %%r8; movq %%r8, %0; " text "; 1:" \
				 : "=m"(resume_at), "+a"(a_), "+c"(c_), "+d"(d_) : : "memory", "r8", "cc"); \
		fault_vector; \
	})

static void on_interrupt(struct trap *t)
{
	count[t->vector]++;
	if (ordered < sizeof(order)) {
		order[ordered++] = (uint8_t)t->vector;
	}
	apic_write(APIC_EOI, 0);
}

static bool is(struct cpuid r, const char *text)
{
	uint32_t w[3] = { r.b, r.c, r.d };
	const char *p = (const char *)w;

	for (unsigned i = 0; i < 12; i++) {
		if (p[i] != text[i]) {
			return false;
		}
	}
	return true;
}

/* ---- policy ---- */

static void cpuid_policy(void)
{
	check("hypervisor bit", cpuid(1, 0).c >> 31);
	check("kvm signature", is(cpuid(0x40000000, 0), "KVMKVMKVM\0\0\0"));
	check("svm hidden", !(cpuid(0x80000001, 0).c & 4));
	check("monitor hidden", !(cpuid(1, 0).c & 8));
	check("x2apic offered", cpuid(1, 0).c >> 21 & 1);
	check("unknown leaf is zero", cpuid(0x7fffffff, 0).a == 0);
}

static void msr_policy(void)
{
	uint64_t efer = rdmsr(MSR_EFER);

	check("unknown msr read", FAULT("rdmsr", 0, 0x12345, 0) == GP);
	check("unknown msr write", FAULT("wrmsr", 0, 0x12345, 0) == GP);
	check("efer hides svme", !(efer & 0x1000));
	check("efer svme refused", FAULT("wrmsr", efer | 0x1000, MSR_EFER, 0) == GP);
	check("efer lme fixed while paging", FAULT("wrmsr", efer & ~0x100ull, MSR_EFER, 0) == GP);
	wrmsr(MSR_EFER, efer | 1);
	check("efer sce", rdmsr(MSR_EFER) == (efer | 1));
	check("pat bad type", FAULT("wrmsr", 2, 0x277, 0) == GP);
	wrmsr(0xc0000102, 0x1234567890);
	check("kernel gs base", rdmsr(0xc0000102) == 0x1234567890);
	wrmsr(0x10, 1ull << 40);
	check("tsc written", rdtsc() - (1ull << 40) < 1ull << 36);
}

static void instructions(void)
{
	uint64_t r;

	check("vmrun undefined", FAULT("vmrun", 0, 0, 0) != NONE);
	check("monitor undefined", FAULT("monitor", 0, 0, 0) == UD);
	check("mwait undefined", FAULT("mwait", 0, 0, 0) == UD);
	check("rdpmc refused", FAULT("rdpmc", 0, 0, 0) == GP);
	check("wbinvd passes", FAULT("wbinvd", 0, 0, 0) == NONE);
	check("unknown hypercall", hypercall(77, 0, 0, 0, 0) == -1000);
	__asm__ volatile(".byte 0x66, 0x66, 0x48, 0x0f, 0xa2" : "=a"(r) : "a"(0x40000000) : "rbx", "rcx", "rdx");
	check("cpuid with prefixes", r == 0x40000001);
	__asm__ volatile(".byte 0xf3, 0x90; outb %%al, $0x80" : : "a"(0));
	check("prefixed pause", true);
}

/* CPUID whose two bytes lie in two pages. */
static void across_pages(void)
{
	static uint8_t code[8192] __attribute__((aligned(4096)));
	uint32_t a = 0x40000000;

	code[4095] = 0x0f;
	code[4096] = 0xa2;
	code[4097] = 0xc3;
	__asm__ volatile("call *%1" : "+a"(a) : "r"(code + 4095) : "rbx", "rcx", "rdx", "memory");
	check("cpuid across pages", a == 0x40000001);
}

/* ---- vector state ---- */

static void vector_state(void)
{
	uint64_t cr4, x = 0;

	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	check("xsetbv without osxsave", FAULT("xsetbv", 7, 0, 0) == UD);
	__asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | 0x40600));
	check("osxsave seen", cpuid(1, 0).c >> 27 & 1);
	check("xcr0 without x87", FAULT("xsetbv", 6, 0, 0) == GP);
	check("xcr0 avx without sse", FAULT("xsetbv", 5, 0, 0) == GP);
	check("xcr0 unknown bit", FAULT("xsetbv", 0x203, 0, 0) == GP);
	check("xcr1", FAULT("xsetbv", 3, 1, 0) == GP);
	check("xcr0", FAULT("xsetbv", 3, 0, 0) == NONE);
	check("xsave size", cpuid(0xd, 0).b == 576);
	__asm__ volatile("movq %0, %%xmm7" : : "r"(0x1122334455667788));
	for (unsigned i = 0; i < 1000; i++) {
		(void)inb(PORT_VMM);
		(void)cpuid(0, 0);
	}
	__asm__ volatile("movq %%xmm7, %0" : "=r"(x));
	check("xmm kept over exits", x == 0x1122334455667788);
}

/* ---- debugging ---- */

static void on_debug(struct trap *t)
{
	uint64_t dr6;

	__asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
	stepped += dr6 >> 14 & 1;
	__asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ull));
	if (stepped >= 4) {
		t->rflags &= ~(uint64_t)TF;
	}
}

static void debug_registers(void)
{
	uint64_t got[4];

	__asm__ volatile("movq %0, %%dr0; movq %1, %%dr1; movq %2, %%dr2; movq %3, %%dr3"
			 : : "r"(0x1111ull), "r"(0x2222ull), "r"(0x3333ull), "r"(0x4444ull));
	for (unsigned i = 0; i < 100; i++) {
		(void)inb(PORT_VMM);
	}
	__asm__ volatile("movq %%dr0, %0; movq %%dr1, %1; movq %%dr2, %2; movq %%dr3, %3"
			 : "=r"(got[0]), "=r"(got[1]), "=r"(got[2]), "=r"(got[3]));
	check("debug registers kept", got[0] == 0x1111 && got[1] == 0x2222 && got[2] == 0x3333 && got[3] == 0x4444);
}

/* Single steps over an instruction of the CPU, two that the kernel completes, and one of the vmm's. */
static void single_step(void)
{
	trap_set(DB, on_debug);
	stepped = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; outb %%al, $0x80; cpuid; inb %%dx, %%al; nop; nop; nop"
			 : : "a"(0), "d"(PORT_VMM) : "rbx", "rcx", "memory", "cc");
	check("single steps", stepped == 4);
}

/* ---- interrupts ---- */

static void shadows(void)
{
	uint64_t in_shadow, after;

	__asm__ volatile("cli");
	apic_self_ipi(VECTOR_A);
	__asm__ volatile("sti; movq %2, %0; nop; nop; movq %2, %1; cli"
			 : "=&r"(in_shadow), "=&r"(after) : "m"(count[VECTOR_A]));
	check("sti shadow", in_shadow == 0 && after == 1);
	apic_self_ipi(VECTOR_A);
	/* CPUID is completed by the hypervisor: the shadow ends with it. */
	__asm__ volatile("xorl %%eax, %%eax; sti; cpuid; nop; movq %1, %0; cli"
			 : "=r"(after) : "m"(count[VECTOR_A]) : "rax", "rbx", "rcx", "rdx");
	check("shadow ends with a completed instruction", after == 2);
	apic_self_ipi(VECTOR_A);
	__asm__ volatile("sti; hlt; cli" : : : "memory");
	check("halt with interrupt pending", count[VECTOR_A] == 3);
}

static void priorities(void)
{
	ordered = 0;
	__asm__ volatile("cli");
	apic_self_ipi(VECTOR_A);
	apic_self_ipi(VECTOR_B);
	__asm__ volatile("sti; nop; nop; cli");
	check("higher vector first", ordered == 2 && order[0] == VECTOR_B && order[1] == VECTOR_A);
	ordered = 0;
	__asm__ volatile("movq %0, %%cr8" : : "r"(5ull));
	__asm__ volatile("sti");
	apic_self_ipi(VECTOR_A);
	(void)cpuid(0, 0);
	check("cr8 holds its class", ordered == 0 && apic_read(APIC_TPR) == 0x50);
	apic_self_ipi(VECTOR_B);
	(void)cpuid(0, 0);
	check("cr8 lets higher ones in", ordered == 1 && order[0] == VECTOR_B);
	__asm__ volatile("movq %0, %%cr8" : : "r"(0ull));
	__asm__ volatile("nop");
	check("cr8 lowered", ordered == 2);
	check("cr8 too large", FAULT("movq %%rax, %%cr8", 16, 0, 0) == GP);
	apic_write(APIC_TPR, 0x30);
	__asm__ volatile("movq %%cr8, %0" : "=r"(resume_at));
	check("cr8 reads the task priority", resume_at == 3);
	apic_write(APIC_TPR, 0);
}

static void send_nmi(bool x2)
{
	if (x2) {
		wrmsr(0x830, 0x4400);
	} else {
		apic_write(APIC_ICR_HIGH, 0);
		apic_write(APIC_ICR, 0x4400);
	}
}

static bool x2apic;

static void on_nmi(struct trap *t)
{
	(void)t;
	depth++;
	deepest = depth > deepest ? depth : deepest;
	if (count[NMI]++ == 0) {
		send_nmi(x2apic);
		(void)cpuid(0, 0);
		(void)inb(PORT_VMM);
	}
	depth--;
}

static void nmis(void)
{
	trap_set(NMI, on_nmi);
	count[NMI] = deepest = 0;
	__asm__ volatile("cli");
	send_nmi(x2apic);
	for (unsigned i = 0; i < 100 && count[NMI] < 2; i++) {
		(void)inb(PORT_VMM);
	}
	check("nmi with interrupts off, the second after the first's return", count[NMI] == 2 && deepest == 1);
	__asm__ volatile("sti");
}

static void wait_count(uint64_t n)
{
	__asm__ volatile("cli");
	while (count[VECTOR_TIMER] < n) {
		__asm__ volatile("sti; hlt; cli");
	}
	__asm__ volatile("sti");
}

static void timers(void)
{
	uint64_t start;

	apic_write(APIC_TIMER_DIV, 0xb);
	count[VECTOR_TIMER] = 0;
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
	apic_write(APIC_TIMER_INIT, 50000000);
	check("timer counts", apic_read(APIC_TIMER_NOW) != 0);
	wait_count(1);
	check("one shot", apic_read(APIC_TIMER_NOW) == 0);
	apic_write(APIC_LVT_TIMER, 0x20000 | VECTOR_TIMER);
	apic_write(APIC_TIMER_INIT, 500000);
	wait_count(4);
	apic_write(APIC_TIMER_INIT, 0);
	check("periodic", true);
	apic_write(APIC_LVT_TIMER, 0x40000 | VECTOR_TIMER);
	count[VECTOR_TIMER] = 0;
	start = rdtsc();
	wrmsr(0x6e0, start + (1ull << 36));
	check("deadline armed", rdmsr(0x6e0) == start + (1ull << 36));
	wrmsr(0x6e0, start + 1000000);
	wait_count(1);
	check("deadline", rdtsc() - start >= 1000000 && rdmsr(0x6e0) == 0);
	/* No interrupt may be lost while a loop without exits runs. */
	start = rdtsc();
	wrmsr(0x6e0, start + 1000000);
	while (count[VECTOR_TIMER] < 2 && rdtsc() - start < 1ull << 34) {
	}
	check("deadline breaks into a loop", count[VECTOR_TIMER] == 2);
	apic_write(APIC_LVT_TIMER, 0x10000);
}

static void paravirtual_clock(void)
{
	static struct { uint32_t version, pad; uint64_t tsc, ns; uint32_t mul; int8_t shift; uint8_t flags; } page
		__attribute__((aligned(64)));
	static struct { uint32_t version, sec, nsec; } wall;

	wrmsr(0x4b564d01, (uint64_t)(uintptr_t)&page | 1);
	check("clock page", page.version && !(page.version & 1) && page.mul && (page.flags & 1) && page.tsc <= rdtsc());
	wrmsr(0x4b564d00, (uint64_t)(uintptr_t)&wall);
	check("wall clock", wall.version && !(wall.version & 1) && wall.sec > 1000000000);
	wrmsr(0x4b564d01, 0xfffffffff001);       /* nowhere: nothing happens */
	wrmsr(0x4b564d01, 0);
	check("clock outside of memory", true);
}

/* ---- another processor, in real mode ---- */

enum { AP_PAGE = 0x8000, AP_SIGNATURE = 2, AP_APIC_BASE = 6, AP_PORT = 10, AP_DONE = 12 };

/* Exits of every kind in 16-bit code, results in the page that CS names. */
__asm__(".pushsection .rodata\n.code16\n"
	"ap_code: jmp 1f\n\t.skip 14\n"
	"1: cli; movl $0x40000000, %eax; cpuid; movl %eax, %cs:2\n\t"
	"movl $0x1b, %ecx; .byte 0x2e; rdmsr; movl %eax, %cs:6\n\t"
	"movw $0x3ff, %dx; inb %dx, %al; movb %al, %cs:10\n\t"
	"xorb %al, %al; outb %al, $0x80; wbinvd\n\t"
	"movb $1, %cs:12\n"
	"2: hlt; jmp 2b\n"
	"ap_code_end: .code64\n.popsection");
extern const char ap_code[], ap_code_end[];

static void second_cpu(void)
{
	volatile uint8_t *page = (volatile uint8_t *)AP_PAGE;
	uint32_t signature, base;

	memcpy((void *)AP_PAGE, ap_code, (size_t)(ap_code_end - ap_code));
	wrmsr(0x830, 1ull << 32 | 0x4500);
	wrmsr(0x830, 1ull << 32 | 0x4600 | AP_PAGE >> 12);
	for (uint64_t start = rdtsc(); !page[AP_DONE] && rdtsc() - start < 1ull << 35;) {
		__asm__ volatile("pause");
	}
	memcpy(&signature, (const void *)(AP_PAGE + AP_SIGNATURE), sizeof(signature));
	memcpy(&base, (const void *)(AP_PAGE + AP_APIC_BASE), sizeof(base));
	check("second cpu ran in real mode", page[AP_DONE] == 1);
	check("cpuid in real mode", signature == 0x40000001);
	check("rdmsr in real mode", base == 0xfee00800);
	check("port in real mode", page[AP_PORT] == inb(PORT_VMM));
}

static void with_apic(bool x2)
{
	x2apic = x2;
	apic_init(x2);
	puts_raw(x2 ? "# x2apic\n" : "# xapic\n");
	count[VECTOR_A] = 0;
	shadows();
	__asm__ volatile("sti");
	priorities();
	nmis();
	timers();
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	trap_set(UD, on_fault);
	trap_set(GP, on_fault);
	trap_set(VECTOR_A, on_interrupt);
	trap_set(VECTOR_B, on_interrupt);
	trap_set(VECTOR_TIMER, on_interrupt);
	cpuid_policy();
	msr_policy();
	instructions();
	across_pages();
	vector_state();
	debug_registers();
	single_step();
	with_apic(false);
	with_apic(true);
	check("x2apic register without x2apic form", FAULT("rdmsr", 0, 0x80e, 0) == GP);
	check("x2apic end of interrupt takes zero only", FAULT("wrmsr", 1, 0x80b, 0) == GP);
	check("x2apic to xapic refused", FAULT("wrmsr", 0xfee00900, 0x1b, 0) == GP);
	paravirtual_clock();
	if ((cpuid(1, 0).b >> 16 & 0xff) > 1) {
		second_cpu();
	}
	puts_raw("done cpu\n");
	guest_power_off();
}
