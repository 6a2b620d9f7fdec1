/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all kernel objects begin with. An object is owned, and its memory paid, by one process; it is reached
 * through handles of any number of processes, all linked to it, so that its end clears every handle. There are no
 * reference counts: an object ends when a call ends it (region merge) or when its owner is destroyed.
 */
#pragma once

#include "kernel/list.h"
#include "lib/base.h"

enum object_type {
	OBJECT_MACHINE,
	OBJECT_PROCESS,
	OBJECT_SPACE,        /* the user space of a process                                          */
	OBJECT_GUEST,        /* the nested page table of a VM, a struct space too                    */
	OBJECT_REGION,
	OBJECT_THREAD,
	OBJECT_EVENT,
	OBJECT_VCPU,
	OBJECT_DEVICE,
	OBJECT_TYPE_COUNT
};

struct object {
	enum object_type type;
	struct process *owner;       /* pays; NULL: process, machine                                  */
	struct list in_owner;        /* process.objects                                               */
	struct list handles;         /* struct handle.in_object of every handle to it                 */
};

/* Objects alive, by type. */
extern uint32_t object_count[OBJECT_TYPE_COUNT];

/*
 * A zeroed object of size bytes that begins with its struct object, from owner's arena. NULL: that is empty.
 * Objects of a process are destroyed in reverse order of this call.
 */
void *object_create(enum object_type type, struct process *owner, size_t size) MUST_CHECK;

/* Only takes it out of the lists, clears all handles to it and frees its memory: for one that was half made. */
void object_free(struct object *o);

/* Ends o as its type wants it, then as above. Only for what cannot run any more. */
void object_destroy(struct object *o);

/* The same without memory and owner: processes and the machine. */
void object_init(struct object *o, enum object_type type);
void object_fini(struct object *o);
