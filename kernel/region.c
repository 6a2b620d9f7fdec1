/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory as objects. */
#include "kernel/region.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/handle.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/space.h"

enum { CLEAN_STEP = 32 };    /* pages zeroed per call */

struct region *region_create(struct process *owner, hpa_t base, uint64_t size, enum region_kind kind, bool clean)
{
	struct region *r = object_create(OBJECT_REGION, owner, sizeof(*r));

	if (!r) {
		return NULL;
	}
	r->base = base;
	r->size = size;
	r->kind = kind;
	r->cleaned = clean ? size : 0;
	list_init(&r->mappings);
	return r;
}

void region_destroy(struct object *o)
{
	ASSERT(!region_busy(container_of(o, struct region, object)));
}

int region_split(struct region *r, uint64_t offset, struct region **high)
{
	if (offset % PAGE_SIZE || offset == 0 || offset >= r->size) {
		return E_INVAL;
	}
	if (region_busy(r)) {
		return E_BUSY;
	}
	*high = region_create(r->object.owner, hpa(r->base.v + offset), r->size - offset, r->kind, false);
	if (!*high) {
		return E_NOMEM;
	}
	(*high)->epoch = r->epoch;
	(*high)->cleaned = r->cleaned > offset ? r->cleaned - offset : 0;
	r->size = offset;
	r->cleaned = r->cleaned < offset ? r->cleaned : offset;
	return OK;
}

int region_merge(struct region *low, struct region *high)
{
	if (low->base.v + low->size != high->base.v || low->kind != high->kind ||
	    low->object.owner != high->object.owner) {
		return E_INVAL;
	}
	if (region_busy(low) || region_busy(high)) {
		return E_BUSY;
	}
	low->cleaned += region_is_clean(low) ? high->cleaned : 0;
	low->size += high->size;
	low->epoch = low->epoch > high->epoch ? low->epoch : high->epoch;
	object_destroy(&high->object);
	return OK;
}

int64_t region_reclaim(struct region *r, const struct handle *keep)
{
	if (r->arena_of || (r->kind != REGION_RAM && r->kind != REGION_PHYSICAL)) {
		return r->arena_of ? E_BUSY : E_INVAL;
	}
	handle_close_object(&r->object, keep);
	if (!list_empty(&r->mappings)) {
		return (int64_t)mapping_remove_step(list_first(&r->mappings, struct mapping, in_region));
	}
	r->kind = REGION_RAM;
	r->cleaned = 0;
	return 0;
}

int64_t region_clean(struct region *r, uint64_t offset)
{
	uint64_t size;

	if (offset % PAGE_SIZE || offset > r->cleaned || r->kind != REGION_RAM) {
		return E_INVAL;
	}
	if (region_is_clean(r)) {
		return (int64_t)(r->size - offset);
	}
	if (region_busy(r)) {
		return E_BUSY;
	}
	if (!tlb_epoch_passed(r->epoch)) {
		return E_AGAIN;
	}
	size = r->size - r->cleaned;
	size = size < CLEAN_STEP * PAGE_SIZE ? size : CLEAN_STEP * PAGE_SIZE;
	phys_zero(hpa(r->base.v + r->cleaned), size);
	r->cleaned += size;
	return (int64_t)(r->cleaned - offset);
}
