/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: a process's table of (object, rights). Table pages come from the process's arena when first needed. */
#pragma once

#include "kernel/abi.h"
#include "kernel/object.h"

struct handle {
	struct object *object;       /* NULL: free slot                                               */
	struct handle_table *table;
	struct list in_object;
	uint32_t rights;             /* enum right bits                                               */
};

enum { HANDLES_PER_PAGE = 64, HANDLE_PAGES = HANDLE_MAX / HANDLES_PER_PAGE };
_Static_assert(HANDLES_PER_PAGE * sizeof(struct handle) <= PAGE_SIZE, "one page");

struct handle_table {
	struct handle *page[HANDLE_PAGES];
	uint32_t count;
};

/*
 * Finds p's handle h. types: bits 1 << enum object_type that will do.
 *   E_NOENT   no such handle        E_INVAL   it is of another type        E_PERM   it lacks one of rights
 */
int handle_find(const struct process *p, uint64_t h, uint32_t types, uint32_t rights, struct handle **out) MUST_CHECK;

/* The raw slot, or NULL when h is free or out of range. */
struct handle *handle_slot(const struct process *p, uint64_t h);

/* Puts o into the lowest free slot of p. Returns the handle or E_NOMEM (table full or arena empty). */
int handle_add(struct process *p, struct object *o, uint32_t rights) MUST_CHECK;

/* Puts o into slot h. E_RANGE: no such slot. E_BUSY: taken. E_NOMEM: arena empty. */
int handle_add_at(struct process *p, uint64_t h, struct object *o, uint32_t rights) MUST_CHECK;

/* Frees slot h; E_NOENT if it is free. The object stays. */
int handle_close(struct process *p, uint64_t h);

/* Frees all handles to o but keep (may be NULL). */
void handle_close_object(struct object *o, const struct handle *keep);
