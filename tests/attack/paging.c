/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables: rights, reserved bits, accessed and dirty bits, tables that point to themselves, stale translations, and
 * pages that mix memory and devices. Where it matters twice: by the processor, and by an instruction that the hypervisor
 * carries out (a copy from a device). SDM 3A 4.
 */
#include "tests/attack/at.h"

enum { P = 1, W = 2, U = 4, PWT = 8, PCD = 16, A = 0x20, D = 0x40, PS_BIT = 0x80, G = 0x100, IOAPIC = 0xfec00000, ABSENT = 0xd0000000 };
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, CR4_PGE = 1 << 7, CR4_SMEP = 20, CR4_SMAP = 21, CR0_WP = 1 << 16 };
#define NX       (1ull << 63)
#define MSR_EFER 0xc0000080u

static uint8_t one[4096] __attribute__((aligned(4096))), two[4096] __attribute__((aligned(4096)));

static uint64_t phys(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static uint64_t load(uint64_t at)
{
	return FAULT("movq (%%rax), %%rcx", at, 0, 0);
}

static uint64_t store(uint64_t at)
{
	return FAULT("movq %%rcx, (%%rax)", at, 0x5a5a, 0);
}

static uint64_t fetch(uint64_t at)
{
	return FAULT("call *%%rax", at, 0, 0);
}

/* Eight bytes from a device to memory: the store is the hypervisor's. */
static uint64_t copy(uint64_t to)
{
	return FAULT("movq %%rax, %%rdi; movl $0xd0000000, %%esi; movl $8, %%ecx; rep movsb", to, 0, 0);
}

static uint64_t error(void)
{
	return this_cpu()->error;
}

static void rights(void)
{
	uint64_t at = window_map(8, phys(one), P), cr0 = READ_CR(0), user = phys(user_stack);

	WRITE_CR(0, cr0 | CR0_WP);
	ok("write to a read-only page", store(at) == PF && error() == (PF_P | PF_W) && this_cpu()->cr2 == at);
	ok("copy to a read-only page", copy(at) == PF && error() == (PF_P | PF_W) && this_cpu()->cr2 == at);
	WRITE_CR(0, cr0 & ~(uint64_t)CR0_WP);
	equal("without wp it is written", store(at), NONE);
	equal("without wp the copy writes", copy(at), NONE);
	WRITE_CR(0, cr0 | CR0_WP);
	ok("supervisor page at cpl 3", FAULT_USER("movq (%%rax), %%rcx", at, 0, 0, 2) == PF && error() == (PF_P | PF_U));
	(void)window_map(8, phys(one), P | W);
	ok("copy to a supervisor page at cpl 3",
	   FAULT_USER("movq %%rax, %%rdi; movl $0x80001000, %%esi; rolq $8, %%rsi; movl $8, %%ecx; rep movsb", at, 0, 0, 2) == PF &&
	   (error() & PF_U));
	ok("a hole", load(window_map(9, 0, 0)) == PF && error() == 0);
	ok("copy to a hole", copy(window_map(9, 0, 0)) == PF && error() == PF_W);
	WRITE_CR(0, cr0);
	(void)user;
}

static void reserved_bits(void)
{
	unsigned width = cpuid(0x80000008, 0).a & 0xff;
	uint64_t at, efer = rdmsr(MSR_EFER);

	if (width < 52) {
		at = window_map(10, phys(one) | 1ull << 51, P | W);
		ok("reserved address bit", load(at) == PF && error() == (PF_P | PF_RSVD));
		ok("copy through a reserved address bit", copy(at) == PF && error() == (PF_P | PF_W | PF_RSVD));
	} else {
		skip("reserved address bit", "52 bits wide");
	}
	window_directory[3] = 0x202000 | P | W | PS_BIT;
	invlpg(WINDOW + 3 * 0x200000);
	ok("reserved bit of a large page", load(WINDOW + 3 * 0x200000) == PF && error() == (PF_P | PF_RSVD));
	window_directory[3] = 0;
	wrmsr(MSR_EFER, efer | 0x800);
	one[0] = 0xc3;
	at = window_map(11, phys(one), P | W | NX);
	ok("fetch from a no-execute page", fetch(at) == PF && error() == (PF_P | PF_I));
	equal("reading it", load(at), NONE);
	equal("fetch from an executable page", fetch(window_map(11, phys(one), P | W)), NONE);
	wrmsr(MSR_EFER, efer & ~0x800ull);
	at = window_map(11, phys(one), P | W | NX);
	ok("no-execute is reserved without nxe", load(at) == PF && error() == (PF_P | PF_RSVD));
	ok("for a copy too", copy(at) == PF && error() == (PF_P | PF_W | PF_RSVD));
	wrmsr(MSR_EFER, efer);
	window_table[11] = 0;
}

static void supervisor_modes(void)
{
	uint64_t cr4 = READ_CR(4), at = window_map(12, phys(one), P | W | U);

	one[0] = 0xc3;
	if (has(7, 0, 'b', 7)) {
		image_user(false);
		WRITE_CR(4, cr4 | 1 << CR4_SMEP);
		ok("smep", fetch(at) == PF && (error() & PF_P));
		WRITE_CR(4, cr4);
		equal("without smep", fetch(at), NONE);
		image_user(true);
	} else {
		skip("smep", "not offered");
	}
	if (has(7, 0, 'b', 20)) {
		image_user(false);
		WRITE_CR(4, cr4 | 1 << CR4_SMAP);
		ok("smap", load(at) == PF && error() == PF_P);
		ok("smap holds for copies", copy(at) == PF && error() == (PF_P | PF_W));
		equal("smap with ac", FAULT("stac; movq (%%rax), %%rcx; clac", at, 0, 0), NONE);
		equal("copy with ac", FAULT("stac; movq %%rax, %%rdi; movl $0xd0000000, %%esi; movl $8, %%ecx; rep movsb; clac", at, 0, 0), NONE);
		WRITE_CR(4, cr4);
		image_user(true);
	} else {
		skip("smap", "not offered");
	}
}

static void accessed_dirty(void)
{
	uint64_t at = window_map(13, phys(one), P | W);

	(void)load(at);
	equal("a load sets accessed", window_table[13] & (A | D), A);
	(void)store(at);
	equal("a store sets dirty", window_table[13] & (A | D), A | D);
	at = window_map(14, phys(two), P | W);
	window_directory[0] &= ~(uint64_t)A;
	(void)copy(at);
	equal("a copy sets both", window_table[14] & (A | D), A | D);
	equal("and accessed above", window_directory[0] & A, A);
	at = window_map(15, IOAPIC, P | W | PCD);
	(void)load(at);
	equal("a load from a device sets accessed", window_table[15] & (A | D), A);
	(void)FAULT("movl %%ecx, (%%rax)", at, 0, 0);
	equal("a store to a device sets dirty", window_table[15] & (A | D), A | D);
	WRITE_CR(0, READ_CR(0) | CR0_WP);
	at = window_map(16, phys(one), P);
	equal("a copy that faults", copy(at), PF);
	equal("sets no dirty", window_table[16] & D, 0);
}

/* The top table as its own entry 510: the tables appear as pages. */
static void self_reference(void)
{
	uint64_t slot = 510, entry_of_window = 0xffff000000000000ull | slot << 39 | (WINDOW >> 12 << 3);
	uint64_t *seen = (uint64_t *)(uintptr_t)(entry_of_window + 17 * 8);

	top_table[slot] = phys(top_table) | P | W;
	two[0] = 0x77;
	(void)window_map(17, phys(one), P | W);
	equal("a table through itself", *seen & ~0xfffull, phys(one));
	*seen = phys(two) | P | W;
	invlpg(WINDOW + 17 * 4096);
	equal("and changed through itself", *(volatile uint8_t *)(WINDOW + 17 * 4096), 0x77);
	/* A directory that is its own table, and a device behind it. */
	window_directory[4] = phys(window_directory) | P | W;
	window_directory[5] = IOAPIC | P | W | PCD;
	invlpg(WINDOW + 4 * 0x200000 + 5 * 4096);
	*(volatile uint32_t *)(WINDOW + 4 * 0x200000 + 5 * 4096) = 1;
	ok("a device through a directory as table",
	   (*(volatile uint32_t *)(WINDOW + 4 * 0x200000 + 5 * 4096 + 16) >> 16) == (mmio_read32(IOAPIC + 16) >> 16));
	window_directory[4] = window_directory[5] = top_table[slot] = 0;
	WRITE_CR(3, READ_CR(3));
}

static void stale(void)
{
	uint64_t at, cr4 = READ_CR(4);

	one[8] = 1;
	two[8] = 2;
	at = window_map(18, phys(one), P | W | G) + 8;
	WRITE_CR(4, cr4 | CR4_PGE);
	(void)*(volatile uint8_t *)at;
	window_table[18] = phys(two) | P | W | G;
	WRITE_CR(4, cr4 & ~(uint64_t)CR4_PGE);
	equal("a change of pge flushes global pages", *(volatile uint8_t *)at, 2);
	WRITE_CR(4, cr4 | CR4_PGE);
	window_table[18] = phys(one) | P | W | G;
	invlpg(at);
	equal("invlpg flushes a global page", *(volatile uint8_t *)at, 1);
	WRITE_CR(4, cr4);
	at = window_map(19, phys(one), P | W) + 8;
	(void)*(volatile uint8_t *)at;
	window_table[19] = phys(two) | P | W;
	WRITE_CR(3, READ_CR(3));
	equal("cr3 flushes the others", *(volatile uint8_t *)at, 2);
	at = window_map(19, IOAPIC, P | W | PCD) + 8;
	(void)*(volatile uint32_t *)at;
	equal("memory after device", *(volatile uint8_t *)(window_map(19, phys(one), P | W) + 8), 1);
}

/* One access over two pages of different kinds. */
static void mixed(void)
{
	uint64_t at = window_map(20, phys(one), P | W), high = 1ull << ((cpuid(0x80000008, 0).a & 0xff) - 1), v;

	memset(one + 4088, 0x11, 8);
	(void)window_map(21, ABSENT, P | W | PCD);
	__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at + 4092));
	equal("a load from memory into a device", v, 0xffffffff11111111);
	__asm__ volatile("movq %0, (%1)" : : "r"(0x2222222233333333ull), "r"(at + 4092) : "memory");
	equal("a store from memory into a device", *(uint32_t *)(one + 4092), 0x33333333);
	(void)window_map(22, phys(one), P | W);
	memset(one, 0x44, 8);
	__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at + 8188));
	equal("a load from a device into memory", v, 0x44444444ffffffff);
	(void)window_map(21, high, P | W | PCD);
	__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at + 4096));
	equal("the top of physical memory", v, ~0ull);
	(void)window_map(21, ABSENT | PWT | PCD | PS_BIT, P | W);
	__asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(at + 4096));
	equal("memory type bits", v, ~0ull);
	/* The instruction's last byte lies in a hole. */
	(void)window_map(21, 0, 0);
	memset(one, 0x90, sizeof(one));
	one[4095] = 0x0f;
	ok("an instruction into a hole", fetch(at + 4090) == PF && this_cpu()->cr2 == at + 4096 && !(error() & PF_W));
	memcpy(one + 4090, "\xb9\x1b\x00\x00\x00\x0f", 6);
	ok("an instruction that exits, into a hole", fetch(at + 4090) == PF && this_cpu()->cr2 == at + 4096);
	if (has(0x80000001, 0, 'd', 26)) {
		window_pointers[1] = P | W | PS_BIT;
		invlpg(WINDOW + 0x40000000);
		equal("a page of 1 GiB", *(volatile uint64_t *)(WINDOW + 0x40000000 + phys(one) + 4080), *(uint64_t *)(one + 4080));
		window_pointers[1] = 0;
	} else {
		skip("a page of 1 GiB", "not offered");
	}
}

void group_paging(void)
{
	window_map(0x180, 0, 0);
	rights();
	reserved_bits();
	supervisor_modes();
	accessed_dirty();
	self_reference();
	stale();
	mixed();
}
