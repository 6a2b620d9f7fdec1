/* SPDX-License-Identifier: Apache-2.0 */
/* User memory access, the exception table, CPUs without SMAP. */
#include "arch/x86/entry/uaccess.h"

#include "arch/x86/cpu/features.h"

struct extable_entry {
	int32_t insn, fixup;         /* relative to the field itself */
};

extern const struct extable_entry __ex_table_start[], __ex_table_stop[];
extern const int32_t __smap_sites_start[], __smap_sites_stop[];

int copy_from_user(void *to, uint64_t from, size_t len)
{
	return user_range_ok(from, len) && user_copy_raw(to, (const void *)from, len) == 0 ? OK : E_FAULT;
}

int copy_to_user(uint64_t to, const void *from, size_t len)
{
	return user_range_ok(to, len) && user_copy_raw((void *)to, from, len) == 0 ? OK : E_FAULT;
}

int user_exchange_byte(uint64_t addr, uint8_t *byte)
{
	int r = E_FAULT;

	if (user_range_ok(addr, 1)) {
		__asm__ volatile(STAC "1: xchgb %1, %2; xorl %0, %0; 2: " CLAC EXTABLE("1b", "2b")
				 : "+r"(r), "+q"(*byte), "+m"(*(uint8_t *)addr) : : "memory", "cc");
	}
	return r;
}

static uint64_t target(const int32_t *field)
{
	return (uint64_t)field + (uint64_t)(int64_t)*field;
}

uint64_t extable_find(uint64_t rip)
{
	for (const struct extable_entry *e = __ex_table_start; e < __ex_table_stop; e++) {
		if (target(&e->insn) == rip) {
			return target(&e->fixup);
		}
	}
	return 0;
}

/* The boot tables let text be written; mm_init() ends that. */
void user_access_init(void)
{
	static const uint8_t nop[3] = { 0x0f, 0x1f, 0x00 };

	for (const int32_t *site = __smap_sites_start; site < __smap_sites_stop && !cpu_features.smap; site++) {
		__builtin_memcpy((void *)target(site), nop, sizeof(nop));
	}
}
