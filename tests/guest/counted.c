/* SPDX-License-Identifier: Apache-2.0 */
/* Does a known number of things that exit, says so, and then spins or halts for ever: "counted=spin", "counted=halt". */
#include "tests/guest/rt.h"

enum { CPUIDS = 1000, INS = 500, MSRS = 300 };

int main(uint32_t start_info)
{
	const char *word = "";

	guest_init(start_info);
	for (unsigned i = 0; i < CPUIDS; i++) {
		cpuid(0, 0);
	}
	for (unsigned i = 0; i < INS; i++) {
		inb(0x3ff);                      /* scratch register of COM1 */
	}
	for (unsigned i = 0; i < MSRS; i++) {
		rdmsr(0x1b);
	}
	option("counted", &word);
	puts_raw("counted\n");
	while (*word == 's') {
		__asm__ volatile("" : : : "memory");
	}
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}
