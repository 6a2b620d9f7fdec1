/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM stands at [0, 3 GiB) and from 4 GiB on, as on a PC; each part is made of as few regions as possible. */
#include "init/ram.h"

#include <stdio.h>

#include "init/cpus.h"
#include "init/inventory.h"
#include "init/log.h"

#define LOW_END  GIB(3)
#define HIGH_BASE GIB(4)

enum { LARGE_PAGE = 2 << 20, PIECES = 8 };

/*
 * Of a VM with a balloon the memory is cut into pieces, each a region, since what comes back of it must be whole regions: as small
 * as 2 MiB, but not more than 32 of them.
 */
static uint64_t piece_bytes(const struct conf_vm *conf)
{
	return conf->balloon ? ALIGN_UP(conf->memory / 32, (uint64_t)LARGE_PAGE) : UINT64_MAX;
}

void ram_choose_nodes(struct vm *vm, uint32_t cpus)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < numa.node_count; i++) {
		best = memory.node_free[i] > memory.node_free[best] ? i : best;
	}
	vm->near = cpus ? cpus_nodes(cpus) : 1u << best;
	numa_order(&numa, vm->near, memory.node_free, &vm->order);
}

/* size bytes of those nodes, or as many as stand together; E_NOMEM: none at this alignment. */
static int take_from(const struct memory_order *from, uint64_t size, uint64_t align, struct extent *out)
{
	int r = memory_alloc(&memory, from, size, align, MEMORY_LOW, out);

	if (r == E_NOMEM) {
		uint64_t largest = ALIGN_DOWN(memory_largest(&memory, from, align), align);

		if (largest && largest < size) {
			r = memory_alloc(&memory, from, largest, align, MEMORY_LOW, out);
		}
	}
	return r;
}

/* The next piece of size bytes at most, of the first node of the order that has any; order NULL: wherever it is largest. */
static int take_aligned(const struct memory_order *order, uint64_t size, uint64_t align, struct extent *out)
{
	int r = order ? E_NOMEM : take_from(NULL, size, align, out);

	for (unsigned i = 0; order && i < order->count && r == E_NOMEM; i++) {
		r = take_from(&(struct memory_order){ 1, { order->node[i] } }, size, align, out);
	}
	return r;
}

/* Not in large pages only where nothing else is left. */
static int take_piece(const struct memory_order *order, uint64_t size, struct extent *out)
{
	int r = size >= LARGE_PAGE ? take_aligned(order, size, LARGE_PAGE, out) : E_NOMEM;

	return r == E_NOMEM ? take_aligned(order, size, PAGE_SIZE, out) : r;
}

static int take_part(struct vm *vm, const struct memory_order *order, uint64_t gpa_base, uint64_t size)
{
	uint64_t most = piece_bytes(&vm->conf);

	while (size) {
		struct extent *e = &vm->ram[vm->ram_count];
		int r;

		if (vm->ram_count == (vm->conf.balloon ? VMM_RAM_MAX : PIECES)) {
			return E_NOMEM;
		}
		r = take_piece(order, size < most ? size : most, e);
		if (r < 0) {
			return r;
		}
		vm->ram_map[vm->ram_count++] = (struct vmm_ram){ gpa_base, e->size };
		gpa_base += e->size;
		size -= e->size;
	}
	return OK;
}

static int take_all(struct vm *vm, const struct memory_order *order)
{
	uint64_t low = vm->conf.memory < LOW_END ? vm->conf.memory : LOW_END;
	int r = take_part(vm, order, 0, low);

	if (r == OK) {
		r = take_part(vm, order, HIGH_BASE, vm->conf.memory - low);
	}
	if (r < 0) {
		ram_give_back(vm);
	}
	return r;
}

uint64_t ram_of_node(const struct vm *vm, uint32_t node)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < vm->ram_count; i++) {
		bytes += vm->ram[i].node == node ? vm->ram[i].size : 0;
	}
	return bytes;
}

static void say_where(const struct vm *vm)
{
	uint64_t near = 0;
	char text[160];
	int n = 0;

	for (unsigned i = 0; i < vm->order.count; i++) {
		uint32_t node = vm->order.node[i];
		uint64_t bytes = ram_of_node(vm, node);

		near += (vm->near >> node & 1) ? bytes : 0;
		if (bytes && n < (int)sizeof(text)) {
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%llu MiB from node %u", n ? ", " : "",
				      (unsigned long long)(bytes >> 20), (unsigned)numa.domain[node]);
		}
	}
	if (near < vm->conf.memory) {
		init_log("vm %s: memory: %s: there is no more where it runs", vm->conf.name, text);
	}
}

int ram_take(struct vm *vm)
{
	int r = vm->conf.memory > memory.free_bytes ? E_NOMEM : take_all(vm, &vm->order);

	if (r == E_NOMEM && vm->conf.memory <= memory.free_bytes && vm->order.count > 1) {
		r = take_all(vm, NULL);      /* in too many pieces that way */
	}
	if (r == OK) {
		say_where(vm);
	}
	return r;
}

void ram_give_back(struct vm *vm)
{
	for (unsigned i = 0; i < vm->ram_count; i++) {
		memory_give_back(&vm->ram[i]);
	}
	vm->ram_count = 0;
	vm->away = 0;
}

void ram_take_back(struct vm *vm, unsigned piece)
{
	memory_give_back(&vm->ram[piece]);
	vm->away |= 1ull << piece;
}

int ram_return(struct vm *vm, unsigned piece)
{
	uint64_t size = vm->ram_map[piece].size;
	int r = memory_alloc(&memory, &vm->order, size, size < LARGE_PAGE ? PAGE_SIZE : LARGE_PAGE, MEMORY_LOW, &vm->ram[piece]);

	if (r == OK) {
		vm->away &= ~(1ull << piece);
	}
	return r;
}
