/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual-8086 mode, with IOPL 0 and 3, without and with the extensions (VME): what runs, what faults, where INT n goes. SDM 3A 21. */
#include "tests/attack/legacy/legacy.h"

enum {
	VM = 1 << 17, IF = 1 << 9, TF = 1 << 8, NT = 1 << 14, VIF = 1 << 19, VIP = 1 << 20, IOPL_3 = 3 << 12, CR4_VME = 1,
	DATA = SCRATCH, EXTRA = SCRATCH + 0x1000, STACK = 0x50000, SP = 0x1000, WINDOW = 0xa0000, V86_INT = 0x21,
};

static uint32_t v86_ip, v86_flags;

/* Every snippet starts with these registers and ends in HLT, which faults. */
static void go(void)
{
	__asm__ volatile("pushl $0; pushl %0; pushl %1; pushl %2; pushl %3; pushl %4; pushl %5; pushl %6; pushl %7\n\t"
			 "movl $0xa5a51234, %%eax; xorl %%ebx, %%ebx; xorl %%ecx, %%ecx; movl $0x3ff, %%edx; xorl %%esi, %%esi;"
			 "xorl %%edi, %%edi; iret"
			 : : "i"(WINDOW >> 4), "i"(DATA >> 4), "i"(EXTRA >> 4), "i"(STACK >> 4), "i"(SP), "m"(v86_flags),
			   "i"(LEGACY_IMAGE >> 4), "m"(v86_ip) : "memory");
}

static uint32_t v86(const char *code, uint32_t flags)
{
	v86_ip = (uint32_t)(uintptr_t)code - LEGACY_IMAGE;
	v86_flags = flags | VM | 2;
	return attempt(go);
}

static uint32_t stack_word(uint32_t below_top)
{
	return *(volatile uint16_t *)(STACK + SP - below_top);
}

/* SNIPPET(name, text): name to name_end, where its HLT is. */
#define SNIPPET(name, text)                                                                                               \
	__asm__(".code16\n.globl v_" #name ", v_" #name "_end\nv_" #name ":\n\t" text "\nv_" #name "_end:\n\thlt\n.code32\n");     \
	extern const char v_##name[], v_##name##_end[]

SNIPPET(cli, "cli");
SNIPPET(sti, "sti");
SNIPPET(pushf, "pushfw");
SNIPPET(pushfd, "pushfl");
SNIPPET(popf, "pushw $0x0002; popfw");
SNIPPET(popf_all, "pushw $0x7ed7; popfw");
SNIPPET(popf_if, "pushw $0x0202; popfw");
SNIPPET(popf_tf, "pushw $0x0102; popfw");
SNIPPET(int_n, "int $0x21");
SNIPPET(iret, "pushw $2; pushw %cs; call 1f; 1: movw %sp, %bp; addw $v_iret_end - 1b, (%bp); iretw");
SNIPPET(int3, "int3");
SNIPPET(into, "movb $0x7f, %al; incb %al; into");
SNIPPET(cpuid, "movl $0x40000000, %eax; cpuid");
SNIPPET(in, "inb %dx, %al");
SNIPPET(in_80, "inb $0x80, %al");
SNIPPET(out_in, "movb $0x6d, %al; outb %al, %dx; movb $0, %al; inb %dx, %al");
SNIPPET(outs, "movw $3, %cx; rep outsb; inb %dx, %al");
SNIPPET(ins, "movw $4, %cx; movw $0xffe, %di; rep insb");
SNIPPET(device, "movl $1, %fs:0; movl %fs:0x10, %eax");
SNIPPET(nops, "nop; nop; nop");
SNIPPET(step_cpuid, "cpuid; nop; nop");
SNIPPET(step_in, "inb %dx, %al; nop; nop");
SNIPPET(step_device, "movl %fs:0x10, %eax; nop; nop");
SNIPPET(beyond, "movw $0xffff, %si; movw (%si), %ax");
SNIPPET(rdmsr, "movl $0x1b, %ecx; rdmsr");
SNIPPET(wrmsr, "movl $0x1b, %ecx; wrmsr");
SNIPPET(mov_cr0, "movl %cr0, %eax");
SNIPPET(mov_cr4, "movl %eax, %cr4");
SNIPPET(mov_dr, "movl %dr7, %eax");
SNIPPET(clts, "clts");
SNIPPET(lgdt, "lgdtw 0");
SNIPPET(lmsw, "lmsw %ax");
SNIPPET(sldt, "sldt %ax");
SNIPPET(ltr, "ltr %ax");
SNIPPET(lar, "lar %ax, %bx");
SNIPPET(arpl, ".byte 0x63, 0xc0");
SNIPPET(vmrun, ".byte 0x0f, 0x01, 0xd8");
SNIPPET(xsetbv, ".byte 0x0f, 0x01, 0xd1");
SNIPPET(handler, "popw %ax; popw %bx; popw %cx");

#define RUNS(name, snippet, flags)                                                                                        \
	equal_of(name, "runs", v86(v_##snippet, flags) == GP ? caught.eip : caught.vector << 24,                          \
		 (uint32_t)(uintptr_t)v_##snippet##_end - LEGACY_IMAGE)
#define FAULTS(name, snippet, flags, vector)                                                                              \
	do {                                                                                                              \
		equal(name, v86(v_##snippet, flags), vector);                                                             \
		equal_of(name, "where", caught.eip < (uint32_t)(uintptr_t)v_##snippet##_end - LEGACY_IMAGE, 1);           \
	} while (0)

/* ---- without VME ---- */

static void iopl_0(void)
{
	FAULTS("iopl 0, cli", cli, 0, GP);
	equal("iopl 0, cli, error", caught.error, 0);
	FAULTS("iopl 0, sti", sti, 0, GP);
	FAULTS("iopl 0, pushf", pushf, 0, GP);
	FAULTS("iopl 0, popf", popf, 0, GP);
	FAULTS("iopl 0, int n", int_n, 0, GP);
	equal("iopl 0, int n, error", caught.error, 0);
	FAULTS("iopl 0, iret", iret, 0, GP);
	equal("iopl 0, int3 to a gate of ring 0", v86(v_int3, 0), GP);
	equal("iopl 0, int3, error", caught.error, BP * 8 + 2);
	set_gate(BP, idt[BP] | 3ull << 45);
	equal("iopl 0, int3 to a gate of ring 3", v86(v_int3, 0), BP);
	equal("iopl 0, int3, eip behind it", caught.eip, (uint32_t)(uintptr_t)v_int3_end - LEGACY_IMAGE);
	default_gate(BP);
	set_gate(OF, idt[OF] | 3ull << 45);
	equal("iopl 0, into", v86(v_into, 0), OF);
	default_gate(OF);
}

static void iopl_3(void)
{
	RUNS("iopl 3, cli", cli, IOPL_3 | IF);
	equal("iopl 3, cli, if", caught.eflags & IF, 0);
	RUNS("iopl 3, sti", sti, IOPL_3);
	equal("iopl 3, sti, if", caught.eflags & IF, IF);
	RUNS("iopl 3, pushf", pushf, IOPL_3 | IF | 0x80);
	equal("iopl 3, pushf, the word", stack_word(2), IOPL_3 | IF | 0x82);
	RUNS("iopl 3, pushfd", pushfd, IOPL_3);
	equal("iopl 3, pushfd, no VM and RF", stack_word(2), 0);
	RUNS("iopl 3, popf", popf_all, IOPL_3);
	equal("iopl 3, popf, flags", caught.eflags & 0x2ffff, VM | 0x7ed7);
	equal("iopl 3, int n to a gate of ring 0", v86(v_int_n, IOPL_3), GP);
	equal("iopl 3, int n, error", caught.error, V86_INT * 8 + 2);
	set_gate(V86_INT, idt[V86_INT] | 3ull << 45);
	equal("iopl 3, int n to a gate of ring 3", v86(v_int_n, IOPL_3), V86_INT);
	equal("iopl 3, int n, eip behind it", caught.eip, (uint32_t)(uintptr_t)v_int_n_end - LEGACY_IMAGE);
	equal("iopl 3, int n, stack of the way out", caught.ss << 16 | caught.esp, STACK << 12 | SP);
	default_gate(V86_INT);
	RUNS("iopl 3, iret", iret, IOPL_3);
}

static void instructions(void)
{
	uint32_t a = 0x40000000, b, c = 0, d, version;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	RUNS("cpuid", cpuid, 0);
	equal("cpuid, eax", caught.eax, a);
	FAULTS("in, port closed", in_80, IOPL_3, GP);
	tss.bitmap[SCRATCH_PORT / 8] &= 0x7f;
	RUNS("in, port open", in, 0);
	RUNS("out and in", out_in, 0);
	equal("out and in, the byte", caught.eax, 0xa5a5126d);
	memcpy((void *)DATA, "xyz", 3);
	RUNS("rep outsb by ds", outs, 0);
	equal("rep outsb, the last byte, si, cx", (caught.eax & 0xff) << 16 | (caught.esi << 8 & 0xff00) | caught.ecx, ('z' << 16) | 0x300);
	memset((void *)(EXTRA + 0xff0), 0, 0x20);
	RUNS("rep insb to es", ins, 0);
	equal("rep insb, where", *(volatile uint32_t *)(EXTRA + 0xffe), 0x7a7a7a7a);
	equal("rep insb, not behind", *(volatile uint8_t *)(EXTRA + 0x1002), 0);
	page_tables(STACK + 0x2000)[WINDOW >> 12] = (uint32_t)IOAPIC | 7;
	paging(true, STACK + 0x2000);
	RUNS("a device behind the page tables", device, 0);
	*(volatile uint32_t *)IOAPIC = 1;
	version = *(volatile uint32_t *)((uint32_t)IOAPIC + 0x10);
	equal("a device, what was read", caught.eax, version);
	equal("single step over an access to it", v86(v_step_device, TF), DB);
	equal("single step over an access to it, where", caught.eip, (uint32_t)(uintptr_t)v_step_device_end - 2 - LEGACY_IMAGE);
	paging(false, 0);
	equal("single step over cpuid", v86(v_step_cpuid, TF), DB);
	equal("single step over cpuid, where", caught.eip, (uint32_t)(uintptr_t)v_step_cpuid_end - 2 - LEGACY_IMAGE);
	equal("single step over in", v86(v_step_in, TF), DB);
	equal("single step over in, where", caught.eip, (uint32_t)(uintptr_t)v_step_in_end - 2 - LEGACY_IMAGE);
	FAULTS("a word across the segment's end", beyond, 0, GP);
	tss.bitmap[SCRATCH_PORT / 8] = 0xff;
}

static void privileged(void)
{
	FAULTS("rdmsr", rdmsr, IOPL_3, GP);
	FAULTS("wrmsr", wrmsr, IOPL_3, GP);
	FAULTS("mov from cr0", mov_cr0, IOPL_3, GP);
	FAULTS("mov to cr4", mov_cr4, IOPL_3, GP);
	FAULTS("mov from dr7", mov_dr, IOPL_3, GP);
	FAULTS("clts", clts, IOPL_3, GP);
	FAULTS("lgdt", lgdt, IOPL_3, GP);
	FAULTS("lmsw", lmsw, IOPL_3, GP);
	FAULTS("sldt", sldt, IOPL_3, UD);
	FAULTS("ltr", ltr, IOPL_3, UD);
	FAULTS("lar", lar, IOPL_3, UD);
	FAULTS("arpl", arpl, IOPL_3, UD);
	/* A guest of AMD-V runs with EFER.SVME, so that the ring counts first. */
	ok("vmrun", v86(v_vmrun, IOPL_3) == UD || caught.vector == GP);
	/* Without CR4.OSXSAVE: #UD, but some look at the ring first. */
	ok("xsetbv", v86(v_xsetbv, IOPL_3) == UD || caught.vector == GP);
	equal("hlt", v86(v_nops_end, IOPL_3), GP);
}

static void open_window(void)
{
	__asm__ volatile("sti; nop; nop; cli");
}

static void interrupts(void)
{
	uint32_t first = (uint32_t)(uintptr_t)v_nops - LEGACY_IMAGE;

	self_ipi(0x4000 | IPI);
	equal("an interrupt before the first instruction", v86(v_nops, IF), IPI);
	equal("an interrupt, eip", caught.eip, first);
	equal("an interrupt, VM in its frame", caught.eflags & VM, VM);
	equal("an interrupt, segments in its frame", caught.v86_es << 16 | (caught.v86_ds & 0xffff), (uint32_t)EXTRA << 12 | DATA >> 4);
	equal("an interrupt, none in its handler", caught.ds | caught.es | caught.fs, 0);
	self_ipi(0x4000 | IPI);
	equal("an interrupt behind sti", v86(v_sti, IOPL_3) == IPI || caught.vector == GP, 1);
	if (caught.vector == GP) {
		equal("or behind its hlt", attempt(open_window), IPI);
	}
}

/* ---- with VME ---- */

static void redirected(void)
{
	__asm__ volatile("movl %0, %c1" : : "r"((uint32_t)(uintptr_t)v_handler - LEGACY_IMAGE + ((uint32_t)LEGACY_IMAGE << 12)),
			 "i"(V86_INT * 4) : "memory");
	equal("vme, int n by the 8086 table", v86(v_int_n, VIF), GP);
	equal("vme, int n, where", caught.eip, (uint32_t)(uintptr_t)v_handler_end - LEGACY_IMAGE);
	equal("vme, int n, pushed ip", caught.eax & 0xffff, (uint32_t)(uintptr_t)v_int_n_end - LEGACY_IMAGE);
	equal("vme, int n, pushed cs", caught.ebx & 0xffff, LEGACY_IMAGE >> 4);
	equal("vme, int n, pushed flags have VIF as IF and IOPL 3", caught.ecx & 0xffff, IOPL_3 | IF | 2);
	equal("vme, int n, VIF is clear", caught.eflags & VIF, 0);
	equal("vme, int n with iopl 3, flags", (v86(v_int_n, IOPL_3 | IF), caught.ecx & 0xffff), IOPL_3 | IF | 2);
	equal("vme, int n with iopl 3, IF is clear", caught.eflags & IF, 0);
	tss.redirection[V86_INT / 8] = 1 << V86_INT % 8;
	FAULTS("vme, int n not redirected", int_n, 0, GP);
	equal("vme, int n not redirected, error", caught.error, 0);
	set_gate(V86_INT, idt[V86_INT] | 3ull << 45);
	equal("vme, int n not redirected with iopl 3", v86(v_int_n, IOPL_3), V86_INT);
	default_gate(V86_INT);
	tss.redirection[V86_INT / 8] = 0;
}

static void extensions(void)
{
	if (!cpuid_bit(1, 'd', 1)) {
		skip("vme");
		return;
	}
	set_cr4(cr4() | CR4_VME);
	RUNS("vme, cli", cli, VIF | IF);
	equal("vme, cli, flags", caught.eflags & (VIF | IF), IF);
	RUNS("vme, sti", sti, IF);
	equal("vme, sti, flags", caught.eflags & (VIF | IF), VIF | IF);
	FAULTS("vme, sti with VIP", sti, VIP, GP);
	RUNS("vme, pushf", pushf, VIF);
	equal("vme, pushf, the word", stack_word(2), IOPL_3 | IF | 2);
	FAULTS("vme, pushfd", pushfd, 0, GP);
	RUNS("vme, popf", popf_if, 0);
	equal("vme, popf, flags", caught.eflags & (VIF | IF | IOPL_3), VIF);
	FAULTS("vme, popf with TF", popf_tf, 0, GP);
	FAULTS("vme, popf with VIP", popf_if, VIP, GP);
	RUNS("vme, iret", iret, VIF);
	equal("vme, iret, VIF", caught.eflags & VIF, 0);
	redirected();
	set_cr4(cr4() & ~(uint32_t)CR4_VME);
}

void group_v86(void)
{
	iopl_0();
	iopl_3();
	instructions();
	privileged();
	interrupts();
	extensions();
}
