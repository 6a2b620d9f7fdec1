/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map: see memmap.h. */
#include "arch/x86/boot/memmap.h"

#define LOW_END    MIB(1)
#define ADDR_LIMIT ALIGN_DOWN(UINT64_MAX, (uint64_t)PAGE_SIZE)  /* the last page is given up: its end has no number */

void memmap_claim(struct memmap *map, uint64_t base, uint64_t size, enum boot_mem_type type)
{
	uint64_t end;

	if (__builtin_add_overflow(base, size, &end) || end > ADDR_LIMIT) {
		end = ADDR_LIMIT;
	}
	if (base >= end) {
		return;
	}
	if (type == BOOT_MEM_FREE) {
		base = base > ADDR_LIMIT - PAGE_SIZE ? ADDR_LIMIT : ALIGN_UP(base, (uint64_t)PAGE_SIZE);
		end = ALIGN_DOWN(end, (uint64_t)PAGE_SIZE);
		if (base >= end) {
			return;
		}
	} else {
		base = ALIGN_DOWN(base, (uint64_t)PAGE_SIZE);
		end = ALIGN_UP(end, (uint64_t)PAGE_SIZE);
	}
	if (map->count && map->claim[map->count - 1].type == type && map->claim[map->count - 1].end == base) {
		map->claim[map->count - 1].end = end;
		return;
	}
	if (map->count == MEMMAP_CLAIM_MAX) {
		map->overflow = true;
		return;
	}
	map->claim[map->count++] = (struct memmap_claim){ base, end, type };
}

/* The first boundary of a claim above addr, or 0. */
static uint64_t next_boundary(const struct memmap *map, uint64_t addr)
{
	uint64_t best = addr < LOW_END ? LOW_END : 0;

	for (uint32_t i = 0; i < map->count; i++) {
		uint64_t base = map->claim[i].base, end = map->claim[i].end;

		if (base > addr && (!best || base < best)) {
			best = base;
		}
		if (end > addr && (!best || end < best)) {
			best = end;
		}
	}
	return best;
}

static bool within_ram(enum boot_mem_type type)
{
	return type >= BOOT_MEM_LOW && type <= BOOT_MEM_PRESERVED;
}

/* Between two boundaries every address has the same claims: the type at addr is that of the whole stretch. */
static enum boot_mem_type type_at(const struct memmap *map, uint64_t addr, bool *ram)
{
	enum boot_mem_type best = BOOT_MEM_NONE;

	*ram = false;
	for (uint32_t i = 0; i < map->count; i++) {
		if (addr >= map->claim[i].base && addr < map->claim[i].end) {
			*ram |= map->claim[i].type == BOOT_MEM_FREE || map->claim[i].type == BOOT_MEM_ACPI;
			if (map->claim[i].type > best) {
				best = map->claim[i].type;
			}
		}
	}
	if (best == BOOT_MEM_FREE && addr < LOW_END) {
		return BOOT_MEM_LOW;
	}
	return within_ram(best) && !*ram ? BOOT_MEM_NONE : best;
}

static void append(struct boot_info *info, uint64_t base, uint64_t end, enum boot_mem_type type)
{
	struct boot_mem *last = info->mem_count ? &info->mem[info->mem_count - 1] : NULL;

	if (last && last->type == type && last->base + last->size == base) {
		last->size += end - base;
	} else if (info->mem_count == BOOT_MEM_MAX) {
		info->mem_dropped++;
	} else {
		info->mem[info->mem_count++] = (struct boot_mem){ base, end - base, type };
	}
}

void memmap_resolve(const struct memmap *map, struct boot_info *info)
{
	uint64_t base = 0, end;

	info->mem_count = info->mem_dropped = 0;
	info->ram_bytes = 0;
	if (map->overflow) {
		info->mem_dropped = 1;
		return;
	}
	while ((end = next_boundary(map, base)) != 0) {
		bool ram;
		enum boot_mem_type type = type_at(map, base, &ram);

		if (type != BOOT_MEM_NONE) {
			append(info, base, end, type);
		}
		info->ram_bytes += ram ? end - base : 0;
		base = end;
	}
}

/* End of the free claim around addr that reaches furthest; addr itself when there is none. */
static uint64_t free_until(const struct memmap *map, uint64_t addr)
{
	uint64_t best = addr;

	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_claim *c = &map->claim[i];

		if (c->type == BOOT_MEM_FREE && addr >= c->base && c->end > best) {
			best = c->end;
		}
	}
	return best;
}

bool memmap_is_free(const struct memmap *map, uint64_t base, uint64_t size)
{
	uint64_t end;

	if (__builtin_add_overflow(base, size, &end)) {
		return false;
	}
	for (uint32_t i = 0; i < map->count; i++) {
		const struct memmap_claim *c = &map->claim[i];

		if (c->type != BOOT_MEM_FREE && c->base < end && base < c->end) {
			return false;
		}
	}
	while (base < end) {
		uint64_t next = free_until(map, base);

		if (next == base) {
			return false;
		}
		base = next;
	}
	return true;
}
