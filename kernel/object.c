/* SPDX-License-Identifier: Apache-2.0 */
/* Life and end of objects. */
#include "kernel/object.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/event.h"
#include "kernel/handle.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/thread.h"

uint32_t object_count[OBJECT_TYPE_COUNT];

/* Processes end by process_destroy(), the machine never. */
static void (*const end[OBJECT_TYPE_COUNT])(struct object *) = {
	[OBJECT_SPACE] = space_destroy,
	[OBJECT_REGION] = region_destroy,
	[OBJECT_THREAD] = thread_destroy,
	[OBJECT_EVENT] = event_destroy,
	[OBJECT_VCPU] = vcpu_destroy,
};

void object_init(struct object *o, enum object_type type, struct process *owner)
{
	o->type = type;
	o->owner = owner;
	list_init(&o->handles);
	list_init(&o->in_owner);
	if (owner) {
		list_push(&owner->objects, &o->in_owner);
		owner->object_count++;
	}
	object_count[type]++;
}

void object_fini(struct object *o)
{
	handle_close_object(o, NULL);
	list_remove(&o->in_owner);
	if (o->owner) {
		o->owner->object_count--;
	}
	object_count[o->type]--;
}

void object_destroy(struct object *o)
{
	ASSERT(o->type < OBJECT_TYPE_COUNT && end[o->type]);
	end[o->type](o);
}
