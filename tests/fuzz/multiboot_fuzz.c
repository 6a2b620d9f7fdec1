/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as boot information of either protocol. Whatever they say: the map is sorted and disjoint, nothing below
 * 1 MiB or of the kernel is free, modules lie in whole pages that nobody else has.
 * sources: init/multiboot.c init/bootmap.c init/options.c
 */
#include <stdlib.h>
#include <string.h>

#include "init/multiboot.h"
#include "kernel/abi.h"

enum { INFO_AT = 0x10000 };

struct input { const uint8_t *data; size_t len; };

static bool read_input(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct input *in = ctx;

	if (addr < INFO_AT || !range_within(addr - INFO_AT, len, in->len)) {
		return false;
	}
	memcpy(buf, in->data + (addr - INFO_AT), len);
	return true;
}

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void check_map(const struct boot_info *b, const struct boot_mem *keep)
{
	uint64_t end = 0;

	check(b->mem_count <= BOOT_MEM_MAX);
	for (uint32_t i = 0; i < b->mem_count; i++) {
		const struct boot_mem *m = &b->mem[i];

		check(m->base >= end && m->size && m->base % PAGE_SIZE == 0 && m->size % PAGE_SIZE == 0);
		end = m->base + m->size;
		check(end > m->base && m->type > BOOT_MEM_NONE && m->type <= BOOT_MEM_BAD);
		if (m->type == BOOT_MEM_FREE) {
			check(m->base >= MIB(1) && (m->base >= keep->base + keep->size || end <= keep->base));
		}
	}
}

static void check_modules(const struct boot_info *b)
{
	check(b->module_count <= BOOT_MODULE_MAX);
	for (uint32_t i = 0; i < b->module_count; i++) {
		const struct boot_module *m = &b->module[i];

		check(m->size && m->base.v % PAGE_SIZE == 0 && strlen(m->name) < BOOT_NAME_MAX);
		for (uint32_t j = 0; j < b->mem_count; j++) {
			check(b->mem[j].type != BOOT_MEM_FREE || m->base.v >= b->mem[j].base + b->mem[j].size ||
			      m->base.v + m->size <= b->mem[j].base);
		}
		for (uint32_t j = 0; j < i; j++) {
			check(m->base.v >= b->module[j].base.v + b->module[j].size ||
			      m->base.v + m->size <= b->module[j].base.v);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct boot_info info;
	const struct boot_mem keep = { 0x100000, 0x80000, BOOT_MEM_KERNEL };
	struct input in = { data + 1, len - 1 };
	char value[16];

	if (!len) {
		return 0;
	}
	if (multiboot_parse(&info, data[0] & 1 ? MULTIBOOT1_MAGIC : MULTIBOOT2_MAGIC, INFO_AT, read_input, &in, &keep, 1) == OK) {
		check_map(&info, &keep);
		check_modules(&info);
		boot_option(info.cmdline, "console", value, sizeof(value));
		boot_option_u32(info.cmdline, "panic", 0);
	}
	return 0;
}
