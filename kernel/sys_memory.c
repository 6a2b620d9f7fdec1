/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about regions and spaces. */
#include "arch/x86/entry/uaccess.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/sys.h"

int sys_find_region(struct thread *t, uint64_t h, uint32_t rights, struct region **out)
{
	struct object *o;
	int r = handle_find(t->process, h, OBJECT_REGION, rights, &o);

	if (r < 0) {
		return r;
	}
	*out = container_of(o, struct region, object);
	return OK;
}

int sys_find_space(struct thread *t, uint64_t h, uint32_t rights, struct space **out)
{
	struct object *o;
	int r = handle_find(t->process, h, OBJECT_SPACE, rights, &o);

	if (r < 0) {
		return r;
	}
	*out = container_of(o, struct space, object);
	return OK;
}

int64_t sys_region_split(struct thread *t, const uint64_t arg[6])
{
	struct region *low, *high;
	int r = sys_find_region(t, arg[0], RIGHT_DESTROY, &low);

	if (r < 0) {
		return r;
	}
	r = region_split(low, arg[1], &high);
	if (r < 0) {
		return r;
	}
	r = handle_add(t->process, &high->object, handle_slot(t->process, arg[0])->rights);
	if (r < 0 && region_merge(low, high) < 0) {
		return E_IO;
	}
	return r;
}

int64_t sys_region_merge(struct thread *t, const uint64_t arg[6])
{
	struct region *low, *high;
	int r = sys_find_region(t, arg[0], RIGHT_DESTROY, &low);

	if (r < 0) {
		return r;
	}
	r = sys_find_region(t, arg[1], RIGHT_DESTROY, &high);
	return r < 0 ? r : region_merge(low, high);
}

int64_t sys_region_reclaim(struct thread *t, const uint64_t arg[6])
{
	struct region *region;
	int r = sys_find_region(t, arg[0], RIGHT_DESTROY, &region);

	return r < 0 ? r : region_reclaim(region, handle_slot(t->process, arg[0]));
}

int64_t sys_region_clean(struct thread *t, const uint64_t arg[6])
{
	struct region *region;
	int r = sys_find_region(t, arg[0], RIGHT_DESTROY, &region);

	return r < 0 ? r : region_clean(region, arg[1]);
}

int64_t sys_region_info(struct thread *t, const uint64_t arg[6])
{
	struct region *region;
	int r = sys_find_region(t, arg[0], 0, &region);

	if (r < 0) {
		return r;
	}

	struct region_info info = {
		.base = region->base.v, .size = region->size, .kind = region->kind, .node = region->node,
		.clean = region->kind != REGION_RAM || region_is_clean(region), .mappings = region->mapping_count,
	};

	return copy_to_user(arg[1], &info, sizeof(info));
}

int64_t sys_space_create(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	int r = space_create(t->process, SPACE_GUEST, &s);

	(void)arg;
	if (r < 0) {
		return r;
	}
	r = handle_add(t->process, &s->object, RIGHT_READ | RIGHT_WRITE);
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

int64_t sys_map(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	struct region *region;
	int r = sys_find_space(t, arg[0], RIGHT_WRITE, &s);

	if (r < 0) {
		return r;
	}
	r = sys_find_region(t, arg[2], rights_for(s, arg[5]), &region);
	if (r < 0) {
		return r;
	}
	return arg[5] > UINT32_MAX ? E_INVAL : space_map(s, arg[1], region, arg[3], arg[4], (uint32_t)arg[5]);
}

int64_t sys_unmap(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	int r = sys_find_space(t, arg[0], RIGHT_WRITE, &s);

	return r < 0 ? r : space_unmap(s, arg[1], arg[2]);
}
