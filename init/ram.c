/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM stands at [0, 3 GiB) and from 4 GiB on, as on a PC; each part is made of as few regions as possible. */
#include "init/ram.h"

#include "init/inventory.h"

#define LOW_END  GIB(3)
#define HIGH_BASE GIB(4)

enum { LARGE_PAGE = 2 << 20 };

/* The next piece of size bytes at most. Not in large pages only where nothing else is left. */
static int take_piece(uint64_t size, struct extent *out)
{
	uint64_t align = size >= LARGE_PAGE ? LARGE_PAGE : PAGE_SIZE;
	int r = memory_alloc(&memory, size, align, MEMORY_LOW, out);

	if (r == E_NOMEM) {
		uint64_t largest = ALIGN_DOWN(memory_largest(&memory, align), align);

		if (!largest) {
			align = PAGE_SIZE;
			largest = memory_largest(&memory, align);
		}
		if (largest && largest < size) {
			r = memory_alloc(&memory, largest, align, MEMORY_LOW, out);
		} else if (largest) {
			r = memory_alloc(&memory, size, align, MEMORY_LOW, out);
		}
	}
	return r;
}

static int take_part(struct vm *vm, uint64_t gpa_base, uint64_t size)
{
	while (size) {
		struct extent *e = &vm->ram[vm->ram_count];
		int r;

		if (vm->ram_count == VMM_RAM_MAX) {
			return E_NOMEM;
		}
		r = take_piece(size, e);
		if (r < 0) {
			return r;
		}
		vm->ram_map[vm->ram_count++] = (struct vmm_ram){ gpa_base, e->size };
		gpa_base += e->size;
		size -= e->size;
	}
	return OK;
}

int ram_take(struct vm *vm)
{
	uint64_t low = vm->conf.memory < LOW_END ? vm->conf.memory : LOW_END;
	int r = vm->conf.memory > memory.free_bytes ? E_NOMEM : take_part(vm, 0, low);

	if (r == OK) {
		r = take_part(vm, HIGH_BASE, vm->conf.memory - low);
	}
	if (r < 0) {
		ram_give_back(vm);
	}
	return r;
}

void ram_give_back(struct vm *vm)
{
	for (unsigned i = 0; i < vm->ram_count; i++) {
		memory_give_back(&vm->ram[i]);
	}
	vm->ram_count = 0;
}
