/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about processes, threads and handles. */
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/entry/uaccess.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/sys.h"

static struct process *process_of(struct object *o)
{
	return container_of(o, struct process, object);
}

int64_t sys_exit(const struct sys_args *a)
{
	process_end(a->thread->process, PROCESS_EXITED, (int32_t)a->arg[0]);
	sched_run();
}

int64_t sys_yield(const struct sys_args *a)
{
	thread_return(a->thread, OK);
	sched_give_way();
}

int64_t sys_clock(const struct sys_args *a)
{
	thread_return2(a->thread, clock_tsc_khz());
	return (int64_t)clock_ns();
}

int64_t sys_close(const struct sys_args *a)
{
	return handle_close(a->thread->process, a->arg[0]);
}

/* Makes the region an arena and a process in it; undone on error. */
static int create_in(struct region *region, const char name[PROCESS_NAME_MAX], struct process **out)
{
	int r = kmap_add(region->base, region->size);

	if (r < 0) {
		return r;
	}
	r = process_create(region->base, region->size / PAGE_SIZE, region, name, out);
	if (r < 0) {
		kmap_remove(region->base, region->size);
		region->epoch = tlb_retire_epoch();
	}
	region->cleaned = 0;
	return r;
}

int64_t sys_process_create(const struct sys_args *a)
{
	struct region *region = container_of(a->object, struct region, object);
	char name[PROCESS_NAME_MAX];
	struct process *p;
	int r;

	if (region->kind != REGION_RAM || region->size < ARENA_PAGES_MIN * PAGE_SIZE ||
	    region->size > ARENA_PAGES_MAX * PAGE_SIZE) {
		return E_INVAL;
	}
	if (region->mapping_count || region->arena_of) {
		return E_BUSY;
	}
	if (!tlb_epoch_passed(region->epoch)) {
		return E_AGAIN;
	}
	memcpy(name, &a->arg[1], sizeof(name));
	r = create_in(region, name, &p);
	if (r < 0) {
		return r;
	}
	r = handle_add(a->thread->process, &p->object, RIGHT_ALL);
	while (r < 0 && process_destroy(p) == E_AGAIN) {     /* a handful of objects */
	}
	return r;
}

int64_t sys_process_space(const struct sys_args *a)
{
	struct process *p = process_of(a->object);

	if (p->end != PROCESS_RUNS) {
		return E_NOENT;      /* it may be half destroyed */
	}
	return handle_add(a->thread->process, &p->space->object, RIGHT_READ | RIGHT_WRITE);
}

int64_t sys_process_destroy(const struct sys_args *a)
{
	struct process *p = process_of(a->object);

	return p == a->thread->process || !p->arena_region ? E_INVAL : process_destroy(p);
}

int64_t sys_process_status(const struct sys_args *a)
{
	struct process_status st;

	sched_charge(cpu_this());
	process_status(process_of(a->object), &st);
	return copy_to_user(a->arg[1], &st, sizeof(st));
}

int64_t sys_process_notify(const struct sys_args *a)
{
	struct process *p = process_of(a->object);
	struct object *event;
	int r = handle_find(a->thread->process, a->arg[1], OBJECT_EVENT, RIGHT_WRITE, &event);

	if (r < 0) {
		return r;
	}
	event_ref_set(&p->notify, container_of(event, struct event, object));
	if (p->end != PROCESS_RUNS) {
		event_ref_signal(&p->notify);        /* it ended before anybody asked */
	}
	return OK;
}

int64_t sys_process_weight(const struct sys_args *a)
{
	if (a->arg[1] < 1 || a->arg[1] > SCHED_WEIGHT_MAX) {
		return E_INVAL;
	}
	process_of(a->object)->weight = (uint32_t)a->arg[1];
	return OK;
}

static bool is_clean(const struct object *o)
{
	const struct region *r = container_of(o, const struct region, object);

	return o->type != OBJECT_REGION || (!r->arena_of && (r->kind != REGION_RAM || region_is_clean(r)));
}

int64_t sys_grant(const struct sys_args *a)
{
	const struct handle *h = handle_slot(a->thread->process, a->arg[1]);
	uint64_t rights = a->arg[2];

	if (!h) {
		return E_NOENT;
	}
	if (rights & ~(uint64_t)h->rights) {
		return E_PERM;
	}
	if (!is_clean(h->object)) {
		return E_BUSY;
	}
	return handle_add_at(process_of(a->object), a->arg[3], h->object, (uint32_t)rights);
}

int64_t sys_revoke(const struct sys_args *a)
{
	return handle_close(process_of(a->object), a->arg[1]);
}

int64_t sys_thread_create(const struct sys_args *a)
{
	struct process *p = process_of(a->object);
	struct thread *created;
	int r;

	if (a->arg[1] >= USER_END || a->arg[2] > USER_END) {
		return E_INVAL;
	}
	if (p->end != PROCESS_RUNS) {
		return E_NOENT;
	}
	created = thread_create(p, a->arg[1], a->arg[2], a->arg[3]);
	if (!created) {
		return E_NOMEM;
	}
	r = handle_add(a->thread->process, &created->object, RIGHT_READ);
	if (r < 0) {
		thread_stop(created);
		thread_destroy(&created->object);
	}
	return r;
}
