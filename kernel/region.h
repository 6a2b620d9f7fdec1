/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions: physically contiguous extents of memory. init gets all physical addresses but the kernel's at boot and makes all
 * policy with split, merge and reclaim; the kernel allocates none. RAM that was claimed or taken back (reclaim) or that
 * served as an arena is unclean: it cannot be mapped or granted before region_clean() has zeroed all of it.
 */
#pragma once

#include "kernel/abi.h"
#include "kernel/object.h"

struct handle;

struct region {
	struct object object;
	hpa_t base;
	uint64_t size;               /* bytes, pages, not 0                                           */
	enum region_kind kind;
	uint64_t cleaned;            /* [0, cleaned) holds nothing of a former user; size: clean      */
	struct process *arena_of;    /* it is the arena of this process: nothing else can be done     */
	struct list mappings;        /* struct mapping.in_region                                      */
	uint64_t epoch;              /* TLB epoch that must pass before its memory is written or reused */
};

static inline bool region_is_clean(const struct region *r)
{
	return r->cleaned == r->size;
}

/* Mapped or an arena: not to be cut, joined, zeroed or given away. */
static inline bool region_busy(const struct region *r)
{
	return !list_empty(&r->mappings) || r->arena_of;
}

/* owner pays. clean as told. NULL: arena empty. */
struct region *region_create(struct process *owner, hpa_t base, uint64_t size, enum region_kind kind, bool clean)
	MUST_CHECK;
void region_destroy(struct object *o);    /* of object_destroy() */

/* Cuts at offset (pages): *high is the new upper part, owned by the same process. E_BUSY: mapped or an arena. */
int region_split(struct region *r, uint64_t offset, struct region **high) MUST_CHECK;

/* low grows over high, which ends. E_INVAL: not neighbours or of different kinds. E_BUSY as above. */
int region_merge(struct region *low, struct region *high) MUST_CHECK;

/* One bounded step of unmapping everywhere. > 0: bytes unmapped, call again. 0: done; it is unclean RAM then. */
int64_t region_reclaim(struct region *r, const struct handle *keep) MUST_CHECK;

/*
 * One bounded step of zeroing, from r->cleaned on; offset must not be beyond that. Returns the bytes from offset that
 * are clean now. E_AGAIN: some CPU may still write through an old mapping. E_BUSY: mapped or an arena.
 */
int64_t region_clean(struct region *r, uint64_t offset) MUST_CHECK;
