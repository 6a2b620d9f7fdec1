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

int sys_find_process(struct thread *t, uint64_t h, struct process **out)
{
	struct object *o;
	int r = handle_find(t->process, h, OBJECT_PROCESS, RIGHT_GRANT, &o);

	if (r < 0) {
		return r;
	}
	*out = container_of(o, struct process, object);
	return OK;
}

int sys_find_payer(struct thread *t, uint64_t h, struct process **out)
{
	if (h == SELF) {
		*out = t->process;
		return OK;
	}
	return sys_find_process(t, h, out);
}

int64_t sys_exit(struct thread *t, const uint64_t arg[6])
{
	process_end(t->process, PROCESS_EXITED, (int32_t)arg[0]);
	sched_run();
}

int64_t sys_yield(struct thread *t, const uint64_t arg[6])
{
	(void)arg;
	thread_return(t, OK);
	sched_give_way();
}

int64_t sys_clock(struct thread *t, const uint64_t arg[6])
{
	(void)arg;
	thread_return2(t, clock_tsc_khz());
	return (int64_t)clock_ns();
}

int64_t sys_close(struct thread *t, const uint64_t arg[6])
{
	return handle_close(t->process, arg[0]);
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

int64_t sys_process_create(struct thread *t, const uint64_t arg[6])
{
	char name[PROCESS_NAME_MAX];
	struct region *region;
	struct process *p;
	int r = sys_find_region(t, arg[0], RIGHT_DESTROY, &region);

	if (r < 0) {
		return r;
	}
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
	memcpy(name, &arg[1], sizeof(name));
	r = create_in(region, name, &p);
	if (r < 0) {
		return r;
	}
	r = handle_add(t->process, &p->object, RIGHT_ALL);
	while (r < 0 && process_destroy(p) == E_AGAIN) {     /* a handful of objects */
	}
	return r;
}

int64_t sys_process_space(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	int r = sys_find_process(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	if (p->end != PROCESS_RUNS) {
		return E_NOENT;      /* it may be half destroyed */
	}
	return handle_add(t->process, &p->space->object, RIGHT_READ | RIGHT_WRITE);
}

int64_t sys_process_destroy(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	int r = sys_find_process(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	return p == t->process || !p->arena_region ? E_INVAL : process_destroy(p);
}

int64_t sys_process_status(struct thread *t, const uint64_t arg[6])
{
	struct process_status st;
	struct process *p;
	int r = sys_find_process(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	sched_charge(cpu_this());
	process_status(p, &st);
	return copy_to_user(arg[1], &st, sizeof(st));
}

int64_t sys_process_notify(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	struct event *e;
	int r = sys_find_process(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	r = sys_find_event(t, arg[1], RIGHT_WRITE, &e);
	if (r < 0) {
		return r;
	}
	event_ref_set(&p->notify, e);
	if (p->end != PROCESS_RUNS) {
		event_signal(e);     /* it ended before anybody asked */
	}
	return OK;
}

int64_t sys_process_weight(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	int r = sys_find_process(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	if (arg[1] < 1 || arg[1] > SCHED_WEIGHT_MAX) {
		return E_INVAL;
	}
	p->weight = (uint32_t)arg[1];
	return OK;
}

static bool is_clean(const struct object *o)
{
	const struct region *r = container_of(o, const struct region, object);

	return o->type != OBJECT_REGION || (!r->arena_of && (r->kind != REGION_RAM || region_is_clean(r)));
}

int64_t sys_grant(struct thread *t, const uint64_t arg[6])
{
	const struct handle *h = handle_slot(t->process, arg[1]);
	uint64_t rights = arg[2];
	struct process *p;
	int r = sys_find_process(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	if (!h) {
		return E_NOENT;
	}
	if (rights & ~(uint64_t)h->rights) {
		return E_PERM;
	}
	if (!is_clean(h->object)) {
		return E_BUSY;
	}
	return handle_add_at(p, arg[3], h->object, (uint32_t)rights);
}

int64_t sys_revoke(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	int r = sys_find_process(t, arg[0], &p);

	return r < 0 ? r : handle_close(p, arg[1]);
}

int64_t sys_thread_create(struct thread *t, const uint64_t arg[6])
{
	struct process *p;
	struct thread *created;
	int r = sys_find_payer(t, arg[0], &p);

	if (r < 0) {
		return r;
	}
	if (arg[1] >= USER_END || arg[2] > USER_END) {
		return E_INVAL;
	}
	if (p->end != PROCESS_RUNS) {
		return E_NOENT;
	}
	created = thread_create(p, arg[1], arg[2], arg[3]);
	if (!created) {
		return E_NOMEM;
	}
	r = handle_add(t->process, &created->object, RIGHT_READ);
	if (r < 0) {
		thread_stop(created);
		thread_destroy(&created->object);
	}
	return r;
}
