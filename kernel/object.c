/* SPDX-License-Identifier: Apache-2.0 */
/* Life and end of objects. */
#include "kernel/object.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/device.h"
#include "kernel/event.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/thread.h"

uint32_t object_count[OBJECT_TYPE_COUNT];

/* Processes end by process_destroy(), the machine never. */
static void (*const end[OBJECT_TYPE_COUNT])(struct object *) = {
	[OBJECT_SPACE] = space_destroy,
	[OBJECT_GUEST] = space_destroy,
	[OBJECT_REGION] = region_destroy,
	[OBJECT_THREAD] = thread_destroy,
	[OBJECT_EVENT] = event_destroy,
	[OBJECT_VCPU] = vcpu_destroy,
	[OBJECT_DEVICE] = device_destroy,
};

_Static_assert(!offsetof(struct process, object) && !offsetof(struct space, object) && !offsetof(struct region, object) &&
	       !offsetof(struct thread, object) && !offsetof(struct event, object) && !offsetof(struct vcpu, object) && !offsetof(struct device, object),
	       "objects begin with their struct object");

void object_init(struct object *o, enum object_type type)
{
	o->type = type;
	list_init(&o->handles);
	list_init(&o->in_owner);
	object_count[type]++;
}

void *object_create(enum object_type type, struct process *owner, size_t size)
{
	struct object *o = arena_alloc(owner->arena, size);

	if (o) {
		object_init(o, type);
		o->owner = owner;
		list_push(&owner->objects, &o->in_owner);
		owner->object_count++;
	}
	return o;
}

void object_fini(struct object *o)
{
	handle_close_object(o, NULL);
	list_remove(&o->in_owner);
	object_count[o->type]--;
}

void object_free(struct object *o)
{
	object_fini(o);
	o->owner->object_count--;
	arena_free(o->owner->arena, o);
}

void object_destroy(struct object *o)
{
	end[o->type](o);
	object_free(o);
}
