/* SPDX-License-Identifier: Apache-2.0 */
/* Model-specific registers: what must fault does, what is offered keeps its value. SDM 4, APM 2 appendix A. */
#include "tests/attack/at.h"

#define MSR_EFER   0xc0000080u
#define NOT_CANONICAL 0x0000900000000000ull
#define HIGH_HALF  0xffff900000000123ull

static uint64_t write_faults(uint32_t msr, uint64_t v)
{
	return FAULT("wrmsr", (uint32_t)v, msr, v >> 32);
}

static uint64_t read_faults(uint32_t msr)
{
	return FAULT("rdmsr", 0, msr, 0);
}

/* Writes that no processor takes. */
static void bad_values(void)
{
	static const struct { const char *name; uint32_t msr; uint64_t value; } row[] = {
		{ "apic base, bits 0 to 7", 0x1b, 0xfee00801 }, { "apic base, bit 9", 0x1b, 0xfee00a00 },
		{ "apic base, beyond physical", 0x1b, 1ull << 62 | 0xfee00800 }, { "x2apic without enable", 0x1b, 0xfee00400 },
		{ "pat type 2", 0x277, 2 }, { "pat type 3", 0x277, 0x0300 }, { "pat type 8", 0x277, 8ull << 56 },
		{ "mtrr type 2", 0x2ff, 2 }, { "mtrr bit 8", 0x2ff, 0x106 }, { "mtrr bit 12", 0x2ff, 0x1006 },
		{ "mtrr capabilities", 0xfe, 0 }, { "mtrr pair that is not there", 0x200, 6 }, { "fixed mtrr that is not there", 0x250, 0 },
		{ "efer bit 1", MSR_EFER, 0xd03 }, { "efer bit 9", MSR_EFER, 0xf01 }, { "efer svme", MSR_EFER, 0x1d01 },
		{ "efer bit 16", MSR_EFER, 0x10d01 }, { "efer bit 32", MSR_EFER, 0x100000d01 }, { "efer bit 63", MSR_EFER, 1ull << 63 | 0xd01 },
		{ "efer without lme while paging", MSR_EFER, 0xc01 },
		{ "tsc aux, upper half", 0xc0000103, 1ull << 32 }, { "smm base", 0x9e, 0 }, { "vmx capability", 0x480, 0 },
		{ "svm save area", 0xc0010117, 0x1000 }, { "debug interface", 0xc80, 1 }, { "no such register", 0xdeadbeef, 0 },
		{ "the last register", 0xffffffff, 0 }, { "behind the low block", 0x2000, 0 }, { "behind the high block", 0xc0002000, 0 },
		{ "behind the amd block", 0xc0012000, 0 }, { "x2apic register in xapic mode", 0x808, 0 },
	};

	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x26f };

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		equal(row[i].name, write_faults(row[i].msr, row[i].value), GP);
	}
	equal("reading what is not there", read_faults(0xdeadbeef), GP);
	equal("reading a vmx capability", read_faults(0x480), GP);
	equal("reading an mtrr that is not there", read_faults(0x200), GP);
	for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {    /* Linux 5.10 reads them all the same */
		equal(numbered("fixed mtrr", i), read_faults(fixed[i]) == NONE ? rdmsr(fixed[i]) : 0, 0x0606060606060606);
	}
	equal("reading x2apic in xapic mode", read_faults(0x802), GP);
}

/* Addresses must be canonical (SDM 2 WRMSR, APM 2 3.2). */
static void bases(void)
{
	static const struct { const char *name; uint32_t msr; } row[] = {
		{ "fs base", 0xc0000100 }, { "kernel gs base", 0xc0000102 }, { "lstar", 0xc0000082 }, { "cstar", 0xc0000083 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		equal(row[i].name, write_faults(row[i].msr, HIGH_HALF) == NONE ? rdmsr(row[i].msr) : 0, HIGH_HALF);
		(void)write_faults(row[i].msr, 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		equal(numbered("non-canonical address refused", i), write_faults(row[i].msr, NOT_CANONICAL), GP);
		(void)write_faults(row[i].msr, 0);
	}
	wrmsr(0xc0000081, 0x0023001000000000);
	equal("star", rdmsr(0xc0000081), 0x0023001000000000);
	wrmsr(0x175, 0x123456);
	equal("sysenter esp", rdmsr(0x175), 0x123456);
	wrmsr(0x277, 0x0007040600070106);
	equal("pat", rdmsr(0x277), 0x0007040600070106);
	wrmsr(0x277, 0x0007040600070406);
}

static void forms(void)
{
	uint64_t n = FAULT("rdmsr", ~0ull, 0xffffffff0000001b, ~0ull);

	ok("rdmsr clears upper halves and looks at ecx", n == NONE && out.a >> 32 == 0 && out.d >> 32 == 0 && (out.a & 0x800));
	n = FAULT("wrmsr", 0xffffffff00000077, 0xaaaaaaaa00000174, 0xffffffff00000000);
	ok("wrmsr looks at lower halves", n == NONE && rdmsr(0x174) == 0x77);
	equal("rdmsr at cpl 3", FAULT_USER("rdmsr", 0, 0x1b, 0, 2), GP);
	equal("wrmsr at cpl 3", FAULT_USER("wrmsr", 0, 0x174, 0, 2), GP);
	equal("rdmsr of nothing at cpl 3", FAULT_USER("rdmsr", 0, 0xdeadbeef, 0, 2), GP);
	equal("error code", this_cpu()->error, 0);
	equal("lock prefix on rdmsr", FAULT(".byte 0xf0; rdmsr", 0, 0x1b, 0), UD);
}

/* Reads all of the usual blocks, and writes back what they hold: nothing but #GP may come of it. */
static void sweep(void)
{
	static const struct { uint32_t first, count; } block[] = {
		{ 0, 0x1000 }, { 0x40000000, 0x110 }, { 0x4b564d00, 0x20 }, { 0xc0000000, 0x120 }, { 0xc0010000, 0x140 }, { 0xc0011000, 0x40 },
	};
	uint64_t there = 0, other = 0;

	for (unsigned b = 0; b < ARRAY_SIZE(block); b++) {
		for (uint32_t i = 0; i < block[b].count; i++) {
			uint32_t msr = block[b].first + i;
			uint64_t n = read_faults(msr), v = (uint32_t)out.a | out.d << 32;

			there += n == NONE;
			other += n != NONE && n != GP;
			if (n == NONE && msr != 0x10 && msr != 0xc0000101 && msr != 0x4b564d02) {
				n = write_faults(msr, v);
				other += n != NONE && n != GP;
			}
		}
	}
	note("registers that can be read", there);
	equal("sweep of all blocks", other, 0);
}

static void tsc(void)
{
	uint64_t before, cr4 = READ_CR(4);

	wrmsr(0x10, 1ull << 50);
	ok("tsc forward", rdtsc() - (1ull << 50) < 1ull << 36);
	wrmsr(0x10, 0);
	ok("tsc back", rdtsc() < 1ull << 36);
	before = rdtsc();
	ok("tsc does not go back", rdtsc() >= before && rdmsr(0x10) >= before);
	WRITE_CR(4, cr4 | 4);
	equal("rdtsc with tsd at cpl 3", FAULT_USER("rdtsc", 0, 0, 0, 2), GP);
	equal("rdtsc with tsd at cpl 0", FAULT("rdtsc", 0, 0, 0), NONE);
	WRITE_CR(4, cr4);
	equal("rdtsc at cpl 3", FAULT_USER("rdtsc", 0, 0, 0, 2), NONE);
	if (has(0x80000001, 0, 'd', 27)) {
		wrmsr(0xc0000103, 0x1234567);
		(void)FAULT("rdtscp", 0, 0, 0);
		equal("rdtscp", out.c, 0x1234567);
	} else {
		skip("rdtscp", "not offered");
	}
	equal("rdpmc at cpl 3", FAULT_USER("rdpmc", 0, 0, 0, 2), GP);
}

extern char syscall_entry[];
__asm__(".pushsection .text; syscall_entry: int $0xf0; .popsection");

static void system_calls(void)
{
	uint64_t efer = rdmsr(MSR_EFER), n;

	wrmsr(MSR_EFER, efer & ~1ull);
	equal("syscall without sce", FAULT_USER("syscall", 0, 0, 0, 2), UD);
	wrmsr(MSR_EFER, efer | 1);
	wrmsr(0xc0000081, 0x0030000800000000);
	wrmsr(0xc0000082, (uint64_t)(uintptr_t)syscall_entry);
	wrmsr(0xc0000084, 0x200);
	n = FAULT_USER("syscall; 1: nop", 0, 0, 0, 0x202);
	ok("syscall", n == NONE && this_cpu()->rip == (uint64_t)(uintptr_t)syscall_entry + 2 && !(this_cpu()->rflags & 0x200));
	equal("sysret at cpl 3", FAULT_USER("sysretq", 0, 0, 0, 2), GP);
	wrmsr(MSR_EFER, efer);
	wrmsr(0x174, 0);
	equal("sysenter without selector", FAULT_USER("sysenter", 0, 0, 0, 2) == GP || this_cpu()->vector == UD, true);
}

void group_msr(void)
{
	bad_values();
	bases();
	forms();
	sweep();
	tsc();
	system_calls();
}
