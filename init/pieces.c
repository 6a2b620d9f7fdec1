/* SPDX-License-Identifier: Apache-2.0 */
/* Large memory in pieces: see pieces.h. */
#include "init/pieces.h"

#include "init/inventory.h"
#include "init/log.h"
#include "lib/user/sys.h"

enum { CLEAN_STEP = 16 << 20 };

static void give_back_from(struct pieces *p, uint32_t first)
{
	for (; p->count > first; p->count--) {
		memory_give_back(&p->piece[p->count - 1]);
	}
}

void pieces_give_back(struct pieces *p)
{
	give_back_from(p, 0);
}

static int take_one(uint64_t bytes, uint64_t align, struct extent *out)
{
	int r = memory_alloc_unclean(&memory, NULL, bytes, align, MEMORY_HIGH, out);

	if (r == E_NOMEM) {
		uint64_t largest = ALIGN_DOWN(memory_largest(&memory, NULL, align), align);

		if (largest && largest < bytes) {
			r = memory_alloc_unclean(&memory, NULL, largest, align, MEMORY_HIGH, out);
		}
	}
	return r;
}

int pieces_take(struct pieces *p, uint64_t bytes, uint64_t align)
{
	uint32_t before = p->count;

	while (bytes) {
		struct extent *e = &p->piece[p->count];
		int r = p->count < PIECES_MAX ? take_one(bytes, align, e) : E_NOMEM;

		if (r < 0) {
			give_back_from(p, before);
			return r;
		}
		p->count++;
		bytes -= e->size;
	}
	return OK;
}

uint64_t pieces_bytes(const struct pieces *p)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		bytes += p->piece[i].size;
	}
	return bytes;
}

int pieces_clean_some(const struct pieces *p, struct pieces_clean *at)
{
	for (uint64_t done = 0; at->piece < p->count && done < CLEAN_STEP;) {
		const struct extent *e = &p->piece[at->piece];
		int64_t r = e->clean ? 0 : sys_region_clean_some(e->handle, at->offset);

		if (r < 0) {
			return (int)r;
		}
		at->offset += (uint64_t)r;
		done += (uint64_t)r;
		if (!r || at->offset >= e->size) {
			at->piece++;
			at->offset = 0;
		}
	}
	return at->piece < p->count ? E_AGAIN : OK;
}

static int unmap_some(const struct pieces *p, uint32_t space, uint64_t address, uint32_t count)
{
	int r = OK;

	for (uint32_t i = 0; i < count; i++) {
		int one = sys_unmap(space, address, p->piece[i].size);

		r = one < 0 ? one : r;
		address += p->piece[i].size;
	}
	return r;
}

int pieces_map(const struct pieces *p, uint32_t space, uint64_t address, uint32_t prot)
{
	uint64_t at = address;
	uint32_t mapped = 0;
	int r = OK;

	for (; r == OK && mapped < p->count; mapped += r == OK) {
		const struct extent *e = &p->piece[mapped];

		r = sys_map(space, at, e->handle, 0, e->size, prot);
		at += e->size;
	}
	if (r < 0 && unmap_some(p, space, address, mapped) < 0) {
		init_log("a piece of memory stays mapped");
	}
	return r;
}

int pieces_unmap(const struct pieces *p, uint32_t space, uint64_t address)
{
	return unmap_some(p, space, address, p->count);
}
