/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about regions and spaces. */
#include "kernel/handle.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

int64_t sys_region_split(const struct call *c)
{
	struct region *high;
	int r = region_split(c->on.region, c->arg[1], &high);

	if (r < 0) {
		return r;
	}
	r = handle_add(c->thread->process, &high->object, c->on.handle->rights);
	return r < 0 && region_merge(c->on.region, high) < 0 ? E_IO : r;
}

int64_t sys_region_merge(const struct call *c)
{
	return region_merge(c->on.region, c->with.region);
}

int64_t sys_region_reclaim(const struct call *c)
{
	return region_reclaim(c->on.region, c->on.handle);
}

int64_t sys_region_clean(const struct call *c)
{
	return region_clean(c->on.region, c->arg[1]);
}

int64_t sys_space_create(const struct call *c)
{
	struct space *s = space_create(c->thread->process, OBJECT_GUEST);

	return s ? sys_give(c, &s->object, RIGHT_READ | RIGHT_WRITE) : E_NOMEM;
}

/* The rights on a region that a mapping needs. Inside of a guest everything is executable anyway. */
static uint32_t rights_for(const struct object *space, uint64_t prot)
{
	return (prot & PROT_R ? RIGHT_READ : 0u) | (prot & PROT_W ? RIGHT_WRITE : 0u) |
	       (prot & PROT_X && space->type == OBJECT_SPACE ? RIGHT_EXEC : 0u);
}

int64_t sys_map(const struct call *c)
{
	uint64_t prot = c->arg[5];

	if (rights_for(c->on.object, prot) & ~c->with.handle->rights) {
		return E_PERM;
	}
	return space_map(c->on.space, c->arg[1], c->with.region, c->arg[3], c->arg[4], prot);
}

int64_t sys_unmap(const struct call *c)
{
	return space_unmap(c->on.space, c->arg[1], c->arg[2]);
}
