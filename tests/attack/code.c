/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that changes: under the processor, under the caches of a hypervisor that reads instructions, by its own hand, by
 * another processor, by its page tables. SDM 3A 8.1.3, 11.6.
 */
#include "tests/attack/at.h"

enum { P = 1, W = 2, IOAPIC = 0xfec00000, ROUNDS = 200 };

static uint8_t code[8192] __attribute__((aligned(4096))), other[4096] __attribute__((aligned(4096)));

static uint64_t run(uint64_t at, uint64_t a, uint64_t c)
{
	return FAULT("call *%%rdx", a, c, at);
}

static void put(uint8_t *to, const char *bytes, size_t n)
{
	memcpy(to, bytes, n);
	__asm__ volatile("jmp 1f; 1: cpuid" : : "a"(0) : "rbx", "rcx", "rdx", "memory");
}

/* Each of these is done by somebody else: processor, kernel, vmm. RCX is 1Bh, RAX what the row says. */
static const struct { const char *name, *bytes; uint32_t a, want; } row[] = {
	{ "mov", "\xb8\x11\x11\x00\x00\xc3", 0, 0x1111 }, { "cpuid", "\x0f\xa2\x90\x90\x90\xc3", 0x40000000, 0 },
	{ "in", "\xe4\x80\x30\xc0\x90\xc3", 0x5500, 0x5500 }, { "mov again", "\xb8\x22\x22\x00\x00\xc3", 0, 0x2222 },
	{ "rdmsr", "\x0f\x32\x24\x00\x90\xc3", 0, 0xfee00800 }, { "out", "\xe6\x80\x90\x90\x90\xc3", 0x66, 0x66 },
};

static void by_itself(void)
{
	uint64_t at = (uint64_t)(uintptr_t)code, wrong[ARRAY_SIZE(row)] = { 0 };
	uint32_t leaf = cpuid(0x40000000, 0x1b).a;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned r = i % ARRAY_SIZE(row);

		put(code, row[r].bytes, 6);
		(void)run(at, row[r].a, 0x1b);
		if (row[r].bytes[0] == 0x0f && row[r].bytes[1] == 0x32) {
			wrong[r] += (out.a & ~0xdffull) != (row[r].want & ~0xdffull);
		} else {
			wrong[r] += (uint32_t)out.a != (row[r].want ? row[r].want : leaf);
		}
	}
	for (unsigned r = 0; r < ARRAY_SIZE(row); r++) {
		equal(row[r].name, wrong[r], 0);
	}
}

/* The same place reads the device in another width, into another register. */
static void device_forms(void)
{
	uint64_t wrong = 0, at = (uint64_t)(uintptr_t)code;

	mmio_write32(IOAPIC, 1);
	for (unsigned i = 0; i < 60; i++) {
		static const char *const bytes[] = { "\x8b\x01\x90\xc3", "\x8a\x01\x90\xc3", "\x48\x8b\x01\xc3", "\x66\x8b\x01\xc3" };
		static const uint64_t want[] = { 1, 0x1122334455667701, 1, 0x1122334455660001 };

		put(code, bytes[i % 4], 4);
		(void)run(at, 0x1122334455667788, IOAPIC);
		wrong += i % 4 == 2 ? (uint32_t)out.a != 1 : out.a != want[i % 4];
	}
	equal("forms on a device", wrong, 0);
}

/* A page and a byte of an instruction behind it, remapped. */
static void remapped(void)
{
	uint64_t at = WINDOW + 40 * 4096, wrong = 0, leaf = cpuid(0x40000000, 0).a;

	memcpy(code, "\x0f\xa2\xc3", 3);
	memcpy(other, "\x31\xc0\xc3", 3);
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)window_map(40, (uint64_t)(uintptr_t)(i & 1 ? other : code), P | W);
		(void)run(at, 0x40000000, 0);
		wrong += (uint32_t)out.a != (i & 1 ? 0 : leaf);
	}
	equal("a page remapped", wrong, 0);
	wrong = 0;
	(void)window_map(40, (uint64_t)(uintptr_t)code, P | W);
	code[4095] = 0x0f;
	memcpy(code + 4096, "\xa2\xc3", 2);      /* cpuid */
	memcpy(other, "\x0b\xc3", 2);            /* ud2 */
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)window_map(41, (uint64_t)(uintptr_t)(i & 1 ? other : code + 4096), P | W);
		wrong += run(at + 4095, 0x40000000, 0) != (i & 1 ? UD : NONE);
	}
	equal("an instruction that exits over two pages, the second remapped", wrong, 0);
	wrong = 0;
	memcpy(code + 4096, "\x31\xc3", 2);      /* rdtsc */
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)window_map(41, (uint64_t)(uintptr_t)(i & 1 ? other : code + 4096), P | W);
		wrong += run(at + 4095, 0, 0) != (i & 1 ? UD : NONE);
	}
	equal("an instruction of the processor over two pages, the second remapped", wrong, 0);
}

/* A store to the instruction right behind it, and to one that exits. */
static void at_once(void)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		/* movb %al, 1(%rip) -> the immediate of mov $0, %al; ret */
		memcpy(code, "\x88\x05\x01\x00\x00\x00\xb0\x00\xc3", 9);
		(void)run((uint64_t)(uintptr_t)code, i & 0x7f, 0);
		wrong += (out.a & 0xff) != (i & 0x7f);
		/* movw %ax, (%rip) -> ud2 becomes what AX says: cpuid; ret */
		memcpy(code, "\x66\x89\x05\x00\x00\x00\x00\x0f\x0b\xc3", 10);
		wrong += run((uint64_t)(uintptr_t)code, 0xa20f, 0) != NONE;
	}
	equal("the next instruction", wrong, 0);
}

/* ---- another processor ---- */

static volatile bool stop;

static void toggle(void *arg)
{
	volatile uint16_t *at = arg;

	while (!stop) {
		*at = 0xa20f;                    /* cpuid */
		*at = 0x310f;                    /* rdtsc */
	}
	*at = 0xa20f;
}

static void unmap(void *arg)
{
	(void)arg;
	while (!stop) {
		window_table[42] = 0;
		for (unsigned i = 0; i < 200; i++) {
			__asm__ volatile("pause");
		}
		window_table[42] = (uint64_t)(uintptr_t)code | P | W;
	}
}

static uint64_t strangers(uint64_t at, uint64_t ms, uint64_t allowed)
{
	uint64_t end = rdtsc() + ms * tsc_per_ms(), wrong = 0, n = 0;

	while (rdtsc() < end || n < 100) {
		uint64_t v = run(at, 0x40000000, 0);

		wrong += v != NONE && v != allowed;
		if (v == PF) {
			window_table[42] = (uint64_t)(uintptr_t)code | P | W;
		}
		if (n++ % 16 == 0) {
			invlpg(at);
		}
	}
	return wrong;
}

static void by_another(void)
{
	if (cpu_count < 2) {
		skip("another processor", "one processor");
		return;
	}
	cpus_start();
	stop = false;
	memcpy(code, "\x0f\xa2\xc3", 3);
	cpu_call(1, toggle, code);
	equal("two instructions that change places under it", strangers((uint64_t)(uintptr_t)code, 60, NONE), 0);
	stop = true;
	(void)cpu_done(1);
	stop = false;
	memcpy(code, "\x0f\xa2\x0f\xa2\x0f\xa2\x0f\xa2\xc3", 9);
	(void)window_map(42, (uint64_t)(uintptr_t)code, P | W);
	cpu_call(1, unmap, NULL);
	equal("its page is unmapped while it exits", strangers(WINDOW + 42 * 4096, 60, PF), 0);
	stop = true;
	ok("the other processor ends", cpu_done(1));
}

void group_code(void)
{
	by_itself();
	device_forms();
	remapped();
	at_once();
	by_another();
}
