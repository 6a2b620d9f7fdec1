/* SPDX-License-Identifier: Apache-2.0 */
/* First fit and best fit over a sorted list of regions; memory.h tells why. */
#include "init/memory.h"

#include <string.h>

void memory_init(struct memory *m, const struct region_ops *ops)
{
	*m = (struct memory){ .ops = ops };
}

static uint64_t end_of(const struct extent *e)
{
	return e->base + e->size;
}

static void remove_at(struct memory *m, unsigned i)
{
	memmove(&m->free[i], &m->free[i + 1], (m->count - i - 1) * sizeof(m->free[0]));
	m->count--;
}

/* The list has room: the callers have checked. Returns where the extent stands now. */
static unsigned insert(struct memory *m, struct extent e)
{
	unsigned i = m->count;

	while (i > 0 && m->free[i - 1].base > e.base) {
		i--;
	}
	memmove(&m->free[i + 1], &m->free[i], (m->count - i) * sizeof(m->free[0]));
	m->free[i] = e;
	m->count++;
	return i;
}

/* Merges i and i + 1 if they touch; a refusal of the kernel leaves them apart, which costs nothing but a line. */
static bool merge_next(struct memory *m, unsigned i, bool any)
{
	struct extent *low = &m->free[i], *high = &m->free[i + 1];

	if (i + 1 >= m->count || end_of(low) != high->base || low->node != high->node || (low->clean != high->clean && !any) ||
	    m->ops->merge(low->handle, high->handle) < 0) {
		return false;
	}
	low->size += high->size;
	low->clean = low->clean && high->clean;
	remove_at(m, i + 1);
	return true;
}

static void insert_and_merge(struct memory *m, struct extent e)
{
	unsigned i = insert(m, e);

	merge_next(m, i, false);
	if (i > 0) {
		merge_next(m, i - 1, false);
	}
}

int memory_add(struct memory *m, struct extent extent)
{
	if (m->count == MEMORY_EXTENTS_MAX) {
		return E_NOMEM;
	}
	if (!extent.size || extent.base + extent.size < extent.base || extent.node >= MEMORY_NODES_MAX) {
		return E_INVAL;
	}
	for (unsigned i = 0; i < m->count; i++) {
		if (extent.base < end_of(&m->free[i]) && m->free[i].base < end_of(&extent)) {
			return E_INVAL;
		}
	}
	insert(m, extent);
	m->total_bytes += extent.size;
	m->free_bytes += extent.size;
	m->node_total[extent.node] += extent.size;
	m->node_free[extent.node] += extent.size;
	return OK;
}

/* Bytes that an aligned allocation could have from e. */
static uint64_t aligned_size(const struct extent *e, uint64_t align)
{
	uint64_t start = ALIGN_UP(e->base, align);

	return start >= end_of(e) || start < e->base ? 0 : end_of(e) - start;
}

static bool fits(const struct extent *e, uint64_t size, uint64_t align)
{
	uint64_t start = ALIGN_UP(e->base, align);

	return start >= e->base && start <= end_of(e) && size <= end_of(e) - start;
}

/* Index of the extent of that node, or of any if it is negative, to take from; -1: there is none. */
static int choose_of(const struct memory *m, int node, uint64_t size, uint64_t align, enum memory_end end)
{
	int best = -1;

	for (unsigned i = 0; i < m->count; i++) {
		if ((node >= 0 && m->free[i].node != node) || !fits(&m->free[i], size, align)) {
			continue;
		}
		if (end == MEMORY_LOW) {
			return (int)i;
		}
		if (best < 0 || m->free[i].size < m->free[best].size) {
			best = (int)i;
		}
	}
	return best;
}

static int choose(const struct memory *m, const struct memory_order *order, uint64_t size, uint64_t align, enum memory_end end)
{
	int found = order ? -1 : choose_of(m, -1, size, align, end);

	for (unsigned i = 0; order && found < 0 && i < order->count; i++) {
		found = choose_of(m, order->node[i], size, align, end);
	}
	return found;
}

/* Cuts [base, base + size) out of extent i. On an error all memory is still in the list. */
static int carve(struct memory *m, unsigned i, uint64_t base, uint64_t size, struct extent *out)
{
	struct extent *e = &m->free[i];
	uint64_t before = base - e->base, after = end_of(e) - base - size;
	int handle;

	if (after) {
		if (m->count == MEMORY_EXTENTS_MAX) {
			return E_NOMEM;
		}
		handle = m->ops->split(e->handle, before + size);
		if (handle < 0) {
			return handle;
		}
		e->size -= after;
		insert(m, (struct extent){ base + size, after, (uint32_t)handle, e->clean, e->node });
	}
	if (!before) {
		*out = *e;
		remove_at(m, i);
		return OK;
	}
	handle = m->ops->split(e->handle, before);
	if (handle < 0) {
		merge_next(m, i, true);
		return handle;
	}
	*out = (struct extent){ base, size, (uint32_t)handle, e->clean, e->node };
	e->size = before;
	return OK;
}

/* The kernel zeroes what was used before. A refusal puts it back. */
static int make_clean(struct memory *m, struct extent *e)
{
	int r = e->clean ? OK : m->ops->clean(e->handle, e->size);

	if (r < 0) {
		m->free_bytes += e->size;
		m->node_free[e->node] += e->size;
		insert_and_merge(m, *e);
		*e = (struct extent){ 0 };
	} else {
		e->clean = true;
	}
	return r;
}

int memory_alloc_unclean(struct memory *m, const struct memory_order *order, uint64_t size, uint64_t align, enum memory_end end,
			 struct extent *out)
{
	const struct extent *e;
	int i, r;

	*out = (struct extent){ 0 };
	if (!size || size & (PAGE_SIZE - 1)) {
		return E_INVAL;
	}
	i = choose(m, order, size, align, end);
	if (i < 0) {
		memory_compact(m);
		i = choose(m, order, size, align, end);
	}
	if (i < 0) {
		return E_NOMEM;
	}
	e = &m->free[i];
	r = carve(m, (unsigned)i, end == MEMORY_LOW ? ALIGN_UP(e->base, align) : ALIGN_DOWN(end_of(e) - size, align), size,
		  out);
	if (r == OK) {
		m->free_bytes -= size;
		m->node_free[out->node] -= size;
	}
	return r;
}

int memory_alloc(struct memory *m, const struct memory_order *order, uint64_t size, uint64_t align, enum memory_end end,
		 struct extent *out)
{
	int r = memory_alloc_unclean(m, order, size, align, end, out);

	return r < 0 ? r : make_clean(m, out);
}

int memory_free(struct memory *m, struct extent *extent)
{
	struct extent e = *extent;
	int r;

	*extent = (struct extent){ 0 };
	if (!e.size) {
		return OK;
	}
	r = m->ops->reclaim(e.handle);
	if (r < 0) {
		return r;
	}
	if (m->count == MEMORY_EXTENTS_MAX) {
		memory_compact(m);
	}
	if (m->count == MEMORY_EXTENTS_MAX) {
		return E_NOMEM;
	}
	e.clean = false;
	insert_and_merge(m, e);
	m->free_bytes += e.size;
	m->node_free[e.node] += e.size;
	return OK;
}

static bool is_in(const struct memory_order *order, uint8_t node)
{
	return !order || __builtin_memchr(order->node, node, order->count);
}

uint64_t memory_largest(const struct memory *m, const struct memory_order *order, uint64_t align)
{
	uint64_t best = 0;

	for (unsigned i = 0; i < m->count; i++) {
		uint64_t size = is_in(order, m->free[i].node) ? aligned_size(&m->free[i], align) : 0;

		best = size > best ? size : best;
	}
	return best;
}

void memory_compact(struct memory *m)
{
	for (unsigned i = 0; i + 1 < m->count;) {
		if (!merge_next(m, i, true)) {
			i++;
		}
	}
}
