/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about regions and spaces. */
#include "arch/x86/entry/uaccess.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/sys.h"

static struct region *region_of(struct object *o)
{
	return container_of(o, struct region, object);
}

int64_t sys_region_split(const struct sys_args *a)
{
	struct region *low = region_of(a->object), *high;
	int r = region_split(low, a->arg[1], &high);

	if (r < 0) {
		return r;
	}
	r = handle_add(a->thread->process, &high->object, handle_slot(a->thread->process, a->arg[0])->rights);
	if (r < 0 && region_merge(low, high) < 0) {
		return E_IO;
	}
	return r;
}

int64_t sys_region_merge(const struct sys_args *a)
{
	struct object *high;
	int r = handle_find(a->thread->process, a->arg[1], OBJECT_REGION, RIGHT_DESTROY, &high);

	return r < 0 ? r : region_merge(region_of(a->object), region_of(high));
}

int64_t sys_region_reclaim(const struct sys_args *a)
{
	return region_reclaim(region_of(a->object), handle_slot(a->thread->process, a->arg[0]));
}

int64_t sys_region_clean(const struct sys_args *a)
{
	return region_clean(region_of(a->object), a->arg[1]);
}

int64_t sys_region_info(const struct sys_args *a)
{
	const struct region *region = region_of(a->object);
	struct region_info info = {
		.base = region->base.v, .size = region->size, .kind = region->kind, .node = region->node,
		.clean = region->kind != REGION_RAM || region_is_clean(region), .mappings = region->mapping_count,
	};

	return copy_to_user(a->arg[1], &info, sizeof(info));
}

int64_t sys_space_create(const struct sys_args *a)
{
	struct space *s;
	int r = space_create(a->thread->process, SPACE_GUEST, &s);

	if (r < 0) {
		return r;
	}
	r = handle_add(a->thread->process, &s->object, RIGHT_READ | RIGHT_WRITE);
	if (r < 0) {
		object_destroy(&s->object);
	}
	return r;
}

/* The rights on a region that a mapping needs. Inside of a guest everything is executable anyway. */
static uint32_t rights_for(const struct space *s, uint64_t prot)
{
	return (prot & PROT_R ? RIGHT_READ : 0u) | (prot & PROT_W ? RIGHT_WRITE : 0u) |
	       (prot & PROT_X && s->kind == SPACE_USER ? RIGHT_EXEC : 0u);
}

int64_t sys_map(const struct sys_args *a)
{
	struct space *s = container_of(a->object, struct space, object);
	struct object *region;
	int r = handle_find(a->thread->process, a->arg[2], OBJECT_REGION, rights_for(s, a->arg[5]), &region);

	if (r < 0) {
		return r;
	}
	return a->arg[5] > UINT32_MAX ? E_INVAL : space_map(s, a->arg[1], region_of(region), a->arg[3], a->arg[4], (uint32_t)a->arg[5]);
}

int64_t sys_unmap(const struct sys_args *a)
{
	return space_unmap(container_of(a->object, struct space, object), a->arg[1], a->arg[2]);
}
