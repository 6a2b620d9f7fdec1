/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outside of 64-bit mode (real16.S): real mode, big segments, 16- and 32-bit protected mode, 32-bit and PAE paging, long
 * mode and back. SDM 3A 20 (real mode), 9.9 (switching), 4.3, 4.4 (paging).
 */
#include "tests/attack/at.h"

enum { CODE = 0x9000, RESULTS = 0xa000, RESULT_COUNT = 30, LAST = 29, IOAPIC = 0xfec00000 };

extern const char real_code[], real_code_end[];

void group_real(void)
{
	volatile uint32_t *got = (volatile uint32_t *)RESULTS;
	uint32_t leaf = cpuid(0x40000000, 0).a, version, mark;
	static const struct { uint8_t at; const char *name; uint32_t want, mask; } row[] = {
		{ 0, "divide error through the interrupt table", 0x101, ~0u }, { 1, "undefined instruction", 0x101, ~0u },
		{ 2, "breakpoint", 0x101, ~0u }, { 3, "software interrupt returns", 1, ~0u }, { 4, "word across the segment's end", 0x101, ~0u },
		{ 7, "out and in", 0x6b, ~0u }, { 8, "rep outsb: last byte and SI", 0x330803, ~0u }, { 9, "rep insb", 0x3333, 0xffff },
		{ 10, "single step over in", 1, ~0u }, { 18, "accessed bit of a 4 MiB page", 0x20, ~0u },
		{ 25, "lma ends with paging", 0, 0x400 }, { 27, "interrupts in real mode again", 2, ~0u },
		{ 28, "an interrupt ends a halt", 3, ~0u }, { LAST, "reached the end", 0x600d, ~0u },
	};
	static const struct { uint8_t at; const char *name; } devices[] = {
		{ 13, "device in 16-bit protected mode" }, { 15, "device in 32-bit code" }, { 16, "device through a 4 MiB page" },
		{ 19, "device through PAE" }, { 22, "device in long mode" },
		{ 24, "device in compatibility mode" }, { 26, "device in real mode with a big segment" },
	};
	static const struct { uint8_t at; const char *name; } leaves[] = {
		{ 5, "cpuid in real mode" }, { 12, "cpuid in 16-bit protected mode" }, { 17, "cpuid under 32-bit paging" },
		{ 20, "cpuid under PAE" }, { 23, "cpuid in long mode" },
	};

	if (cpu_count < 2) {
		skip("all", "one processor");
		return;
	}
	cpus_start();
	mmio_write32(IOAPIC, 1);
	version = mmio_read32(IOAPIC + 16);
	memcpy(&mark, (const void *)0x100000, 4);
	memset((void *)RESULTS, 0, 4096);
	memcpy((void *)CODE, real_code, (size_t)(real_code_end - real_code));
	cpu_sipi(1, CODE);
	for (uint64_t end = rdtsc() + 1000 * tsc_per_ms(); !got[LAST] && rdtsc() < end;) {
		__asm__ volatile("pause");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		equal(row[i].name, got[row[i].at] & row[i].mask, row[i].want);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		equal(devices[i].name, got[devices[i].at], version);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(leaves); i++) {
		equal(leaves[i].name, got[leaves[i].at], leaf);
	}
	equal("memory above 1 MiB in real mode", got[11], mark);
	equal("rdmsr in real mode", got[6] & 0xfffff000, 0xfee00000);
	cpu_restart(1);
}
