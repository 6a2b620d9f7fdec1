/* SPDX-License-Identifier: Apache-2.0 */
/* Memory map of a PC: conventional memory, the hole below 1 MiB, RAM up to the PCI hole, RAM above 4 GiB. */
#include "vmm/memmap.h"

#include "vmm/platform.h"

static void add(struct memmap *map, uint64_t base, uint64_t end, enum memmap_type type)
{
	map->entry[map->count++] = (struct memmap_entry){ .base = base, .size = end - base, .type = type };
}

static bool low_slot_fits(const struct gmem *mem)
{
	return mem->count && mem->slot[0].base == 0 && mem->slot[0].size >= MEMMAP_RAM_MIN &&
	       mem->slot[0].size <= PLATFORM_LOW_END;
}

int memmap_build(struct memmap *map, const struct gmem *mem)
{
	uint64_t next = PLATFORM_HIGH;

	_Static_assert(7 + GMEM_SLOTS_MAX <= MEMMAP_MAX, "every entry has a place");
	*map = (struct memmap){ 0 };
	if (!low_slot_fits(mem)) {
		return E_RANGE;
	}
	map->low_end = mem->slot[0].size;
	add(map, 0, PLATFORM_EBDA, MEMMAP_RAM);
	add(map, PLATFORM_EBDA, PLATFORM_VGA, MEMMAP_RESERVED);
	add(map, PLATFORM_TABLES, PLATFORM_BIOS_END, MEMMAP_RESERVED);
	add(map, PLATFORM_BIOS_END, map->low_end, MEMMAP_RAM);
	add(map, PLATFORM_ECAM, PLATFORM_ECAM + PLATFORM_ECAM_SIZE, MEMMAP_RESERVED);
	add(map, PLATFORM_IOAPIC, PLATFORM_IOAPIC + PAGE_SIZE, MEMMAP_RESERVED);
	add(map, PLATFORM_LAPIC, PLATFORM_LAPIC + PAGE_SIZE, MEMMAP_RESERVED);
	for (unsigned i = 1; i < mem->count; i++) {
		uint64_t base = mem->slot[i].base, end;

		if (base < next || __builtin_add_overflow(base, mem->slot[i].size, &end)) {
			return E_RANGE;
		}
		add(map, base, end, MEMMAP_RAM);
		next = end;
	}
	return OK;
}
