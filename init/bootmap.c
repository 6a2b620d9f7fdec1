/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map: see bootmap.h. */
#include "init/bootmap.h"

enum { PRESERVE_ALIGN = 32 << 20 };

#define ADDR_LIMIT ALIGN_DOWN(UINT64_MAX, (uint64_t)PAGE_SIZE)  /* the last page is given up: its end has no number */

void bootmap_start(struct boot_info *info)
{
	info->mem[0] = (struct boot_mem){ 0, ADDR_LIMIT, BOOT_MEM_NONE };
	info->mem_count = 1;
	info->mem_dropped = 0;
}

/* Makes addr a boundary. False: the table is full. */
static bool split(struct boot_info *info, uint64_t addr)
{
	uint32_t i = 0;

	while (i < info->mem_count && addr >= info->mem[i].base + info->mem[i].size) {
		i++;
	}
	if (i == info->mem_count || addr == info->mem[i].base) {
		return true;
	}
	if (info->mem_count == BOOT_MEM_MAX) {
		return false;
	}
	__builtin_memmove(&info->mem[i + 1], &info->mem[i], (info->mem_count - i) * sizeof(info->mem[0]));
	info->mem_count++;
	info->mem[i].size = addr - info->mem[i].base;
	info->mem[i + 1].base = addr;
	info->mem[i + 1].size -= info->mem[i].size;
	return true;
}

/* Neighbours of one type become one. With drop_holes, what nobody claimed goes. */
static void merge(struct boot_info *info, bool drop_holes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < info->mem_count; i++) {
		struct boot_mem m = info->mem[i], *last = n ? &info->mem[n - 1] : NULL;

		if (drop_holes && m.type == BOOT_MEM_NONE) {
			continue;
		}
		if (last && last->type == m.type && last->base + last->size == m.base) {
			last->size += m.size;
		} else {
			info->mem[n++] = m;
		}
	}
	info->mem_count = n;
}

static bool overlaps(const struct boot_mem *m, uint64_t base, uint64_t end)
{
	return m->base < end && base < m->base + m->size;
}

static bool counts_in_ram_only(enum boot_mem_type type)
{
	return type >= BOOT_MEM_LOW && type <= BOOT_MEM_PRESERVED && type != BOOT_MEM_ACPI;
}

void bootmap_claim(struct boot_info *info, uint64_t base, uint64_t size, enum boot_mem_type type)
{
	uint64_t shrink = type == BOOT_MEM_FREE ? PAGE_SIZE - 1 : 0, end;

	if (__builtin_add_overflow(base, size, &end) || end > ADDR_LIMIT) {
		end = ADDR_LIMIT;
	}
	if (base >= end || base > ADDR_LIMIT - PAGE_SIZE) {
		return;
	}
	base = ALIGN_DOWN(base + shrink, (uint64_t)PAGE_SIZE);
	end = ALIGN_DOWN(end + (PAGE_SIZE - 1 - shrink), (uint64_t)PAGE_SIZE);
	if (base >= end) {
		return;
	}
	if (!(split(info, base) && split(info, end)) && type == BOOT_MEM_FREE) {
		info->mem_dropped++;
		return;
	}
	for (uint32_t i = 0; i < info->mem_count; i++) {
		struct boot_mem *m = &info->mem[i];

		if (overlaps(m, base, end) && m->type < type && !(m->type == BOOT_MEM_NONE && counts_in_ram_only(type))) {
			m->type = type;
		}
	}
	merge(info, false);
}

bool bootmap_is_free(const struct boot_info *info, uint64_t base, uint64_t size)
{
	uint64_t end;

	if (!size || __builtin_add_overflow(base, size, &end) || end > ADDR_LIMIT) {
		return false;
	}
	for (uint32_t i = 0; i < info->mem_count; i++) {
		const struct boot_mem *m = &info->mem[i];

		if (overlaps(m, base, end) && m->type != BOOT_MEM_FREE && m->type != BOOT_MEM_LOW) {
			return false;
		}
	}
	return true;
}

void bootmap_finish(struct boot_info *info)
{
	merge(info, true);
	info->ram_bytes = 0;
	for (uint32_t i = 0; i < info->mem_count; i++) {
		info->ram_bytes += info->mem[i].type <= BOOT_MEM_PRESERVED ? info->mem[i].size : 0;
	}
}

static const struct boot_mem *largest_free(const struct boot_info *info)
{
	const struct boot_mem *best = NULL;

	for (uint32_t i = 0; i < info->mem_count; i++) {
		const struct boot_mem *m = &info->mem[i];

		if (m->type == BOOT_MEM_FREE && m->base + m->size <= GIB(4) && (!best || m->size > best->size)) {
			best = m;
		}
	}
	return best;
}

uint64_t bootmap_preserve(struct boot_info *info, uint64_t size)
{
	const struct boot_mem *m = largest_free(info);
	uint64_t at, end;

	if (!m || m->size <= size) {
		return 0;
	}
	end = m->base + m->size;
	at = ALIGN_UP(m->base, (uint64_t)PRESERVE_ALIGN);
	at = at < end && size < end - at ? at : m->base;
	bootmap_claim(info, at, size, BOOT_MEM_PRESERVED);
	return at;
}
