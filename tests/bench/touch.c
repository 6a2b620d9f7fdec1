/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the first touch of memory costs a guest, in ticks of the TSC: one write to each 4 KiB, where nothing has written
 * before, and once more.
 */
#include "tests/guest/rt.h"

enum { FROM = 16 << 20, TO = 48 << 20, PAGE = 4096, PAGES = (TO - FROM) / PAGE };

static void touch(const char *name)
{
	uint64_t start = rdtsc();

	for (uintptr_t at = FROM; at < TO; at += PAGE) {
		*(volatile uint8_t *)at = 1;
	}
	puts_raw("bench ");
	puts_raw(name);
	puts_raw(" ");
	print_u64((rdtsc() - start) / PAGES);
	puts_raw("\n");
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	touch("first-touch");
	touch("touch");
	puts_raw("bench done\n");
	guest_power_off();
}
