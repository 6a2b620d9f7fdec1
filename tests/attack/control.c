/* SPDX-License-Identifier: Apache-2.0 */
/* Control and debug registers, EFER, descriptors: each illegal combination faults, each legal one works. SDM 2 MOV CR, 3A 2.5. */
#include "tests/attack/at.h"

#define CR0_PG (1ull << 31)
#define CR0_CD (1ull << 30)
#define CR0_NW (1ull << 29)
enum { CR0_PE = 1, CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_ET = 16, CR0_NE = 32, CR0_WP = 1 << 16, CR0_AM = 1 << 18 };
enum { CR4_DE = 8, CR4_PAE = 32, CR4_OSFXSR = 1 << 9, CR4_LA57 = 12 };
#define MSR_EFER 0xc0000080u

static uint64_t cr0_faults(uint64_t v) { return FAULT("movq %%rax, %%cr0", v, 0, 0); }
static uint64_t cr3_faults(uint64_t v) { return FAULT("movq %%rax, %%cr3", v, 0, 0); }
static uint64_t cr4_faults(uint64_t v) { return FAULT("movq %%rax, %%cr4", v, 0, 0); }

/* Bits beyond the physical width. */
static void cr3_reserved(void)
{
	unsigned width = cpuid(0x80000008, 0).a & 0xff;
	uint64_t old = READ_CR(3), wrong = 0;

	for (unsigned bit = width; bit < 64; bit++) {
		if (cr3_faults(old | 1ull << bit) != GP) {
			wrong |= 1ull << bit;
			WRITE_CR(3, old);
		}
	}
	equal("cr3 beyond the physical width", wrong, 0);
}

/* All of PE, PG, NW, CD in 64-bit mode: paging cannot be left, NW needs CD. */
static void cr0_combinations(void)
{
	uint64_t old = READ_CR(0), rest = old & ~(CR0_PG | CR0_CD | CR0_NW | CR0_PE), wrong = 0, kept = 0;

	for (unsigned i = 0; i < 16; i++) {
		uint64_t v = rest | (i & 1 ? CR0_PE : 0) | (i & 2 ? CR0_PG : 0) | (i & 4 ? CR0_NW : 0) | (i & 8 ? CR0_CD : 0);
		bool legal = (i & 3) == 3 && (i & 12) != 4;

		if ((cr0_faults(v) == NONE) != legal) {
			note("cr0", v);
			wrong++;
		}
		kept += (READ_CR(0) & ~(uint64_t)CR0_ET) != ((legal ? v : old) & ~(uint64_t)CR0_ET);
		WRITE_CR(0, old);
	}
	equal("cr0: pe, pg, nw, cd", wrong, 0);
	equal("cr0 holds what was legal", kept, 0);
}

static void cr0_upper(void)
{
	uint64_t old = READ_CR(0), wrong = 0;

	for (unsigned bit = 32; bit < 64; bit++) {
		wrong += cr0_faults(old | 1ull << bit) != GP;
	}
	equal("cr0, upper half", wrong, 0);
}

static void cr0_bits(void)
{
	uint64_t old = READ_CR(0);

	(void)cr0_faults(old & ~(uint64_t)CR0_ET);
	ok("cr0.et is one", READ_CR(0) & CR0_ET);
	equal("cr0 as it was", READ_CR(0), old);
}

/* CPUID bit that goes with each bit of CR4; 'n': nobody offers it to a guest, 'y': always. */
struct cr4_bit { uint8_t bit; char reg; uint32_t leaf, sub; uint8_t cpuid_bit; };

static bool offered(const struct cr4_bit *b)
{
	return b->reg == 'y' || (b->reg != 'n' && has(b->leaf, b->sub, b->reg, b->cpuid_bit));
}

static void cr4_bits(void)
{
	static const struct cr4_bit row[] = {
		{ 0, 'd', 1, 0, 1 }, { 1, 'd', 1, 0, 1 }, { 2, 'd', 1, 0, 4 }, { 3, 'd', 1, 0, 2 }, { 4, 'd', 1, 0, 3 }, { 5, 'y', 0, 0, 0 },
		{ 6, 'd', 1, 0, 7 }, { 7, 'd', 1, 0, 13 }, { 8, 'y', 0, 0, 0 }, { 9, 'd', 1, 0, 24 }, { 10, 'd', 1, 0, 25 },
		{ 11, 'c', 7, 0, 2 }, { 13, 'c', 1, 0, 5 }, { 14, 'c', 1, 0, 6 }, { 15, 'n', 0, 0, 0 }, { 16, 'b', 7, 0, 0 },
		{ 17, 'c', 1, 0, 17 }, { 18, 'c', 1, 0, 26 }, { 19, 'n', 0, 0, 0 }, { 20, 'b', 7, 0, 7 }, { 21, 'b', 7, 0, 20 },
		{ 22, 'c', 7, 0, 3 }, { 24, 'c', 7, 0, 31 }, { 25, 'd', 7, 0, 5 }, { 26, 'n', 0, 0, 0 },
	};
	uint64_t old = READ_CR(4), known = 1ull << CR4_LA57 | 1ull << 23;

	image_user(false);               /* or SMEP would take the code away */
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		uint64_t flip = old ^ 1ull << row[i].bit, n = cr4_faults(flip), now = READ_CR(4);
		bool on = flip >> row[i].bit & 1;

		known |= 1ull << row[i].bit;
		if (n == NONE) {
			WRITE_CR(4, old);
		}
		if (row[i].bit == 5) {
			equal("cr4.pae cannot be cleared in long mode", n, GP);
		} else {
			equal(numbered(offered(&row[i]) ? "cr4 offered bit" : "cr4 bit not offered", row[i].bit), n,
			      on && !offered(&row[i]) ? GP : NONE);
			ok(numbered("cr4 reads back bit", row[i].bit), now == (n == NONE ? flip : old));
		}
	}
	equal("cr4.la57 cannot change in long mode", cr4_faults(old ^ 1ull << CR4_LA57), GP);
	equal("cr4.cet without cpuid or cr0.wp", cr4_faults(old | 1ull << 23), GP);
	known = ~known;
	for (unsigned bit = 27; bit < 64; bit++) {
		known &= cr4_faults(old | 1ull << bit) == GP ? ~(1ull << bit) : ~0ull;
	}
	equal("cr4: reserved bits", known, 0);
	image_user(true);
}

static void cr3_bits(void)
{
	uint64_t old = READ_CR(3);

	equal("cr3: pwt and pcd", cr3_faults(old | 0x18), NONE);
	equal("and reads back", READ_CR(3), old | 0x18);
	WRITE_CR(3, old);
}

static void absent_registers(void)
{
	equal("cr1", FAULT("movq %%cr1, %%rax", 0, 0, 0), UD);
	equal("cr5", FAULT("movq %%rax, %%cr5", 0, 0, 0), UD);
	equal("cr7", FAULT("movq %%cr7, %%rax", 0, 0, 0), UD);
	equal("cr9", FAULT("movq %%cr9, %%rax", 0, 0, 0), UD);
	equal("cr15", FAULT("movq %%rax, %%cr15", 0, 0, 0), UD);
	equal("cr8 of 16", FAULT("movq %%rax, %%cr8", 16, 0, 0), GP);
	equal("cr8, upper half", FAULT("movq %%rax, %%cr8", 1ull << 32, 0, 0), GP);
	(void)FAULT("movq %%rax, %%cr8; movq %%cr8, %%rcx; movq %%rdx, %%cr8", 9, 0, 0);
	equal("cr8 holds its value", out.c, 9);
	/* MOV to CR ignores ModRM.mod (SDM 2 MOV CR). */
	(void)FAULT("movq %%cr0, %%rcx; .byte 0x0f, 0x20, 0x00", 0, 0, 0);
	equal("mov from cr0 with modrm.mod 0", out.a, READ_CR(0));
}

static void machine_status_word(void)
{
	uint64_t old = READ_CR(0);

	(void)FAULT("lmsw %%ax", CR0_TS | CR0_PE, 0, 0);
	ok("lmsw sets ts", READ_CR(0) & CR0_TS);
	(void)FAULT("lmsw %%ax", 0, 0, 0);
	ok("lmsw cannot clear pe", (READ_CR(0) & (CR0_PE | CR0_TS)) == CR0_PE);
	WRITE_CR(0, old | CR0_TS);
	__asm__ volatile("clts");
	ok("clts", !(READ_CR(0) & CR0_TS));
	(void)FAULT("smsw %%rax", 0, 0, 0);
	equal("smsw", out.a & 0xffff, READ_CR(0) & 0xffff);
	WRITE_CR(0, old);
}

/* SDM 3A tables 2-2, 6-1: who gets #NM and who #UD. */
static void floating_point(void)
{
	uint64_t old0 = READ_CR(0), old4 = READ_CR(4), cr0 = old0 & ~(uint64_t)(CR0_EM | CR0_TS | CR0_MP);

	WRITE_CR(4, old4 | CR4_OSFXSR);
	WRITE_CR(0, cr0 | CR0_TS);
	equal("fpu with ts", FAULT("fninit", 0, 0, 0), NM);
	equal("sse with ts", FAULT("movups %%xmm0, %%xmm1", 0, 0, 0), NM);
	equal("wait with ts", FAULT("fwait", 0, 0, 0), NONE);
	WRITE_CR(0, cr0 | CR0_TS | CR0_MP);
	equal("wait with ts and mp", FAULT("fwait", 0, 0, 0), NM);
	WRITE_CR(0, cr0 | CR0_EM);
	equal("fpu with em", FAULT("fninit", 0, 0, 0), NM);
	equal("sse with em", FAULT("movups %%xmm0, %%xmm1", 0, 0, 0), UD);
	WRITE_CR(0, cr0 | CR0_NE);
	WRITE_CR(4, old4 & ~(uint64_t)CR4_OSFXSR);
	equal("sse without osfxsr", FAULT("movups %%xmm0, %%xmm1", 0, 0, 0), UD);
	equal("fpu error", FAULT("fninit; pushq $0x37b; fldcw (%%rsp); fld1; fldz; fdivrp; fwait", 0, 0, 0), MF);
	__asm__ volatile("fninit");
	WRITE_CR(4, old4);
	WRITE_CR(0, old0);
}

static void alignment(void)
{
	uint64_t old = READ_CR(0), at = (uint64_t)(uintptr_t)user_stack + 1;

	WRITE_CR(0, old | CR0_AM);
	equal("unaligned at cpl 3 with ac", FAULT_USER("movl (%%rax), %%ecx", at, 0, 0, 0x40002), AC);
	equal("error of #AC", this_cpu()->error, 0);
	equal("unaligned at cpl 3 without ac", FAULT_USER("movl (%%rax), %%ecx", at, 0, 0, 2), NONE);
	equal("unaligned at cpl 0", FAULT("pushfq; orl $0x40000, (%%rsp); popfq; movl (%%rax), %%ecx", at, 0, 0), NONE);
	WRITE_CR(0, old);
	equal("unaligned without am", FAULT_USER("movl (%%rax), %%ecx", at, 0, 0, 0x40002), NONE);
}

static void debug_registers(void)
{
	uint64_t cr4 = READ_CR(4), dr7;

	equal("dr7, upper half", FAULT("movq %%rax, %%dr7", 1ull << 32 | 0x400, 0, 0), GP);
	equal("dr6, upper half", FAULT("movq %%rax, %%dr6", 1ull << 40, 0, 0), GP);
	WRITE_CR(4, cr4 | CR4_DE);
	equal("dr4 with de", FAULT("movq %%dr4, %%rax", 0, 0, 0), UD);
	WRITE_CR(4, cr4 & ~(uint64_t)CR4_DE);
	equal("dr4 is dr6 without de", FAULT("movq %%dr4, %%rax; movq %%dr6, %%rcx", 0, 0, 0) != NONE || out.a != out.c, 0);
	WRITE_CR(4, cr4);
	(void)FAULT("movq %%rax, %%dr6; movq %%dr6, %%rax", 0, 0, 0);
	equal("dr6 fixed bits", out.a & 0xffff1ff0, 0xffff0ff0);
	(void)FAULT("movq %%rax, %%dr7; movq %%dr7, %%rax", 0, 0, 0);
	equal("dr7 fixed bits", out.a, 0x400);
	equal("general detect", FAULT("movq %%rax, %%dr7; movq %%dr0, %%rcx", 0x2400, 0, 0), DB);
	__asm__ volatile("movq %%dr7, %0" : "=r"(dr7));
	ok("general detect says so and is off", (this_cpu()->dr6 & 0x2000) && !(dr7 & 0x2000));
	equal("mov dr at cpl 3", FAULT_USER("movq %%dr0, %%rax", 0, 0, 0, 2), GP);
	__asm__ volatile("movq %0, %%dr6; movq %1, %%dr7" : : "r"(0xffff0ff0ull), "r"(0x400ull));
}

static uint64_t watched;

/* Breakpoints on data and code (SDM 3B 18.2). */
static void breakpoints(void)
{
	uint64_t n;

	__asm__ volatile("movq %0, %%dr0; movq %1, %%dr7" : : "r"(&watched), "r"(0x000d0402ull | 1));
	n = FAULT("movq %%rax, (%%rcx); nop", 5, &watched, 0);
	ok("data breakpoint", n == DB && (this_cpu()->dr6 & 1) && watched == 5);
	n = FAULT("movq (%%rcx), %%rax; nop", 0, &watched, 0);
	equal("a write breakpoint ignores reads", n, NONE);
	n = FAULT("leaq 1f(%%rip), %%rax; movq %%rax, %%dr0; movl $0x402, %%eax; movq %%rax, %%dr7; xorl %%ecx, %%ecx; 1: incl %%ecx", 0, 0, 0);
	ok("code breakpoint comes before its instruction", n == DB && out.c == 0 && (this_cpu()->dr6 & 1));
	n = FAULT("leaq 1f(%%rip), %%rax; movq %%rax, %%dr0; movl $0x402, %%eax; movq %%rax, %%dr7; xorl %%eax, %%eax; 1: cpuid", 0, 0, 0);
	ok("code breakpoint on an instruction that exits", n == DB && out.a == 0);
	__asm__ volatile("movq %0, %%dr6; movq %1, %%dr7" : : "r"(0xffff0ff0ull), "r"(0x400ull));
}

#define PRIVILEGED(name, text) equal(name " at cpl 3", FAULT_USER(text, user_stack, 0, 0, 2), GP)

static void privileged(void)
{
	PRIVILEGED("hlt", "hlt");
	PRIVILEGED("clts", "clts");
	PRIVILEGED("lmsw", "lmsw %%ax");
	PRIVILEGED("lgdt", "lgdt (%%rax)");
	PRIVILEGED("lidt", "lidt (%%rax)");
	PRIVILEGED("lldt", "lldt %%cx");
	PRIVILEGED("ltr", "ltr %%cx");
	PRIVILEGED("invlpg", "invlpg (%%rax)");
	PRIVILEGED("wbinvd", "wbinvd");
	PRIVILEGED("invd", "invd");
	PRIVILEGED("mov from cr0", "movq %%cr0, %%rcx");
	PRIVILEGED("mov to cr3", "movq %%rcx, %%cr3");
	PRIVILEGED("mov to cr4", "movq %%rcx, %%cr4");
	PRIVILEGED("mov to cr8", "movq %%rcx, %%cr8");
	PRIVILEGED("swapgs", "swapgs");
	equal("cpuid at cpl 3", FAULT_USER("cpuid", 0, 0, 0, 2), NONE);
	if (has(7, 0, 'c', 2)) {
		uint64_t cr4 = READ_CR(4);

		WRITE_CR(4, cr4 | 1 << 11);
		PRIVILEGED("sgdt with umip", "sgdt (%%rax)");
		PRIVILEGED("smsw with umip", "smsw %%ax");
		WRITE_CR(4, cr4);
	} else {
		skip("umip", "not offered");
	}
	equal("vmxon", FAULT(".byte 0xf3, 0x0f, 0xc7, 0x30", user_stack, 0, 0) != NONE, true);
	equal("vmrun", FAULT("vmrun", 0, 0, 0) != NONE, true);
	equal("vmload", FAULT("vmload", 0, 0, 0) != NONE, true);
	equal("clgi", FAULT("clgi", 0, 0, 0) != NONE, true);
	equal("rsm", FAULT("rsm", 0, 0, 0), UD);
	equal("getsec", FAULT(".byte 0x0f, 0x37", 0, 0, 0), UD);
}

static void descriptors(void)
{
	gdt[SEL_SPARE / 8] = 0x00008b0000000067;          /* busy TSS: LTR must refuse it */
	equal("ltr of a busy tss", FAULT("ltr %%ax", SEL_TSS, 0, 0), GP);
	equal("and its error", this_cpu()->error, SEL_TSS);
	gdt[SEL_SPARE / 8] = 0x0000090000000067;
	equal("ltr of a tss not present", FAULT("ltr %%ax", SEL_SPARE, 0, 0), NP);
	equal("lldt of a code segment", FAULT("lldt %%ax", SEL_CODE64, 0, 0), GP);
	equal("selector beyond the table", FAULT("movl %%eax, %%ds", 0x1f8, 0, 0), GP);
	equal("far jump to a tss in 64-bit mode", FAULT("pushq %%rax; pushq $0; .byte 0x48, 0xff, 0x2c, 0x24", SEL_TSS, 0, 0), GP);
	equal("iret with nt in 64-bit mode", FAULT("pushfq; orl $0x4000, (%%rsp); popfq; iretq", 0, 0, 0), GP);
	equal("jump to a non-canonical address", FAULT("jmp *%%rax", 1ull << 60, 0, 0), GP);
	equal("load at a non-canonical address", FAULT("movq (%%rax), %%rcx", 1ull << 60, 0, 0), GP);
	equal("push at a non-canonical address", FAULT_USER("movq %%rax, %%rsp; pushq %%rax", 1ull << 60, 0, 0, 2), SS);
	gdt[SEL_SPARE / 8] = 0;
}

static void efer(void)
{
	uint64_t old = rdmsr(MSR_EFER);

	equal("efer.lma cannot be cleared", FAULT("wrmsr", old & ~0x400ull, MSR_EFER, 0) == NONE ? rdmsr(MSR_EFER) & 0x400 : 0x400, 0x400);
	equal("efer.nxe", has(0x80000001, 0, 'd', 20) ? FAULT("wrmsr", old ^ 0x800, MSR_EFER, 0) : NONE, NONE);
	wrmsr(MSR_EFER, old);
	equal("efer as it was", rdmsr(MSR_EFER), old);
}

/* Apart, because an emulated processor may not make these checks and go where nobody returns from. */
void group_illegal(void)
{
	cr0_upper();
	alignment();
	cr3_reserved();
	equal("lidt with a non-canonical base", FAULT("pushq %%rax; pushw $0xfff; lidt (%%rsp)", 1ull << 60, 0, 0), GP);
	cr0_combinations();
}

void group_control(void)
{
	cr0_bits();
	cr4_bits();
	cr3_bits();
	absent_registers();
	machine_status_word();
	floating_point();
	debug_registers();
	breakpoints();
	privileged();
	descriptors();
	efer();
}
