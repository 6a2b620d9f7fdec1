/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all kernel objects have in common. An object is owned, and its memory paid, by one process; it is reached
 * through handles of any number of processes, all linked to it, so that its end clears every handle. There are no
 * reference counts: an object ends when a call ends it (region merge) or when its owner is destroyed.
 */
#pragma once

#include "kernel/list.h"
#include "lib/base.h"

struct process;

enum object_type {
	OBJECT_NONE,
	OBJECT_MACHINE,
	OBJECT_PROCESS,
	OBJECT_SPACE,
	OBJECT_REGION,
	OBJECT_THREAD,
	OBJECT_EVENT,
	OBJECT_VCPU,
	OBJECT_TYPE_COUNT
};

struct object {
	uint32_t type;               /* enum object_type                                              */
	struct process *owner;       /* pays; NULL for the machine object                             */
	struct list in_owner;        /* process.objects                                               */
	struct list handles;         /* struct handle.in_object of every handle to it                 */
};

/* Objects alive, by type. */
extern uint32_t object_count[OBJECT_TYPE_COUNT];

/* Links a zeroed object to its owner. Objects of a process are destroyed in reverse order of this call. */
void object_init(struct object *o, enum object_type type, struct process *owner);

/* Clears all handles to o and takes it out of its owner's list. The caller frees the memory. */
void object_fini(struct object *o);

/* Ends o by its type's function and frees its memory. Only for objects whose process cannot run any more. */
void object_destroy(struct object *o);
