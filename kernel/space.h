/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces: the user space of a process, or the nested page table of a VM. Every mapping has a record, linked to
 * its space and to its region, so that either side's end takes it away. Records and tables are paid by the space's owner.
 *
 * SYS_MAP and SYS_UNMAP work in bounded steps; the record stands for the whole range from the first step on.
 */
#pragma once

#include "arch/x86/mm/pt.h"
#include "kernel/object.h"
#include "kernel/region.h"

/* Guest-physical addresses are below this: 46 bits, which 4 levels of table and every CPU with SVM or EPT take. */
#define GUEST_END (1ull << 46)

enum {
	SPACE_MAPPINGS_MAX = 256,    /* per space: bounds every search                                */
	SPACE_STEP = 2048,           /* page-table entries touched by one step                        */
};

struct mapping {
	struct list in_space;
	struct list in_region;
	struct space *space;
	struct region *region;       /* NULL: a page of the space's own arena (space_map_page)        */
	uint64_t addr, size;         /* what is mapped                                                */
	uint64_t rest;               /* and so much behind it is still to come: reserved              */
};

struct space {
	struct object object;
	struct pt pt;
	struct list mappings;
	uint32_t mapping_count;
	uint64_t generation;         /* grows with every unmapping: a vCPU with an older one flushes before entry */
	struct list routes;          /* struct event.in_route: events that interrupt this guest       */
	struct vm *vm;               /* arch part of a guest space (arch/x86/vcpu), NULL for user spaces */
};

/* type: OBJECT_SPACE or OBJECT_GUEST. NULL: arena of owner empty. */
struct space *space_create(struct process *owner, enum object_type type) MUST_CHECK;
void space_destroy(struct object *o);    /* of object_destroy() */

/*
 * One step of mapping [offset, offset + size) of r at addr. All multiples of PAGE_SIZE. Returns the bytes done in this
 * step; the caller goes on with the rest.
 *   E_INVAL   misaligned, empty, W and X together in a user space, write to a read-only kind
 *   E_RANGE   outside of the region or of the address space
 *   E_BUSY    something is mapped in the range, or r is unclean, or an arena
 *   E_NOMEM   arena of the space's owner empty, or too many mappings
 */
int64_t space_map(struct space *s, uint64_t addr, struct region *r, uint64_t offset, uint64_t size, uint64_t prot)
	MUST_CHECK;

/*
 * One step of unmapping. [addr, addr + size) must be exactly one former mapping, or what is left of it. Returns bytes
 * done. E_NOENT: no such mapping.
 */
int64_t space_unmap(struct space *s, uint64_t addr, uint64_t size) MUST_CHECK;

/* Maps one arena page (kmap address) of the space's owner at addr, for pages shared by kernel and program. */
int space_map_page(struct space *s, uint64_t addr, void *page, uint32_t prot) MUST_CHECK;

/* One step of taking a mapping away, for both sides. Returns bytes; the record is gone when nothing is left of it. */
uint64_t mapping_remove_step(struct mapping *m);
