/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about processes, threads and handles. */
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/time/clock.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

int sys_give(const struct call *c, struct object *o, uint32_t rights)
{
	int r = handle_add(c->thread->process, o, rights);

	if (r < 0) {
		object_destroy(o);
	}
	return r;
}

int64_t sys_exit(const struct call *c)
{
	process_end(c->thread->process, PROCESS_EXITED, (int32_t)c->arg[0]);
	sched_run();
}

int64_t sys_yield(const struct call *c)
{
	c->thread->frame.rax = OK;
	sched_give_way();
}

int64_t sys_clock(const struct call *c)
{
	c->thread->frame.rdx = clock_tsc_khz();
	return (int64_t)clock_ns();
}

int64_t sys_close(const struct call *c)
{
	return handle_close(c->thread->process, c->arg[0]);
}

int64_t sys_process_create(const struct call *c)
{
	struct region *region = c->on.region;
	struct process *p;
	int r;

	if (region->kind != REGION_RAM || region->size < ARENA_PAGES_MIN * PAGE_SIZE ||
	    region->size > ARENA_PAGES_MAX * PAGE_SIZE) {
		return E_INVAL;
	}
	if (region_busy(region)) {
		return E_BUSY;
	}
	if (!tlb_epoch_passed(region->epoch)) {
		return E_AGAIN;
	}
	r = kmap_add(region->base, region->size);
	if (r < 0) {
		return r;
	}
	p = process_create(region->base, region->size / PAGE_SIZE, region);
	r = handle_add(c->thread->process, &p->object, RIGHT_ALL);
	while (r < 0 && process_destroy(p) == E_AGAIN) {     /* a handful of objects */
	}
	return r;
}

int64_t sys_process_space(const struct call *c)
{
	if (c->on.process->end != PROCESS_RUNS) {
		return E_NOENT;      /* it may be half destroyed */
	}
	return handle_add(c->thread->process, &c->on.process->space->object, RIGHT_READ | RIGHT_WRITE);
}

int64_t sys_process_destroy(const struct call *c)
{
	struct process *p = c->on.process;

	return p == c->thread->process || !p->arena_region ? E_INVAL : process_destroy(p);
}

int64_t sys_process_status(const struct call *c)
{
	const struct process *p = c->on.process;

	for (uint32_t i = 0; i < cpu_count; i++) {
		sched_charge(&cpus[i]);
	}

	struct process_status st = {
		.end = p->end, .code = p->code, .vector = p->fault_vector, .error = p->fault_error,
		.rip = p->fault_rip, .address = p->fault_address, .cpu_ns = p->cpu_ns,
		.arena_pages = p->arena->page_count, .arena_free = p->arena->page_free + p->arena->retired,
		.handles = p->handles.count, .objects = p->object_count,
	};

	return copy_to_user(c->arg[1], &st, sizeof(st));
}

int64_t sys_process_notify(const struct call *c)
{
	event_ref_set(&c->on.process->notify, c->with.event);
	if (c->on.process->end != PROCESS_RUNS) {
		event_signal(c->with.event);     /* it ended before anybody asked */
	}
	return OK;
}

int64_t sys_process_weight(const struct call *c)
{
	if (c->arg[1] < 1 || c->arg[1] > SCHED_WEIGHT_MAX) {
		return E_INVAL;
	}
	c->on.process->weight = (uint32_t)c->arg[1];
	return OK;
}

int64_t sys_process_cpus(const struct call *c)
{
	struct process *p = c->on.process ? c->on.process : c->thread->process;
	uint32_t mask = (uint32_t)c->arg[1] & (c->on.process ? ~0u : p->cpus);

	if (!(mask & ((1ull << cpu_count) - 1))) {
		return E_INVAL;
	}
	if (!c->on.process) {
		sched_set_cpus(c->thread, mask);
		return OK;
	}
	p->cpus = mask;
	p->home = (uint32_t)c->arg[2];
	list_for_each(t, &p->threads, struct thread, in_process) {
		sched_set_cpus(t, mask);
	}
	return OK;
}

int64_t sys_grant(const struct call *c)
{
	const struct region *region = c->with.region;
	uint64_t rights = c->arg[2];

	if (rights & ~(uint64_t)c->with.handle->rights) {
		return E_PERM;
	}
	if (c->with.object->type == OBJECT_REGION && (region->arena_of || !region_is_clean(region))) {
		return E_BUSY;
	}
	return handle_add_at(c->on.process, c->arg[3], c->with.object, (uint32_t)rights);
}

int64_t sys_revoke(const struct call *c)
{
	return handle_close(c->on.process, c->arg[1]);
}

int64_t sys_thread_create(const struct call *c)
{
	struct process *p = c->on.process ? c->on.process : c->thread->process;
	struct thread *t;

	if (c->arg[1] >= USER_END || c->arg[2] > USER_END) {
		return E_INVAL;
	}
	if (p->end != PROCESS_RUNS) {
		return E_NOENT;
	}
	t = thread_create(p, c->arg[1], c->arg[2], c->arg[3]);
	return t ? sys_give(c, &t->object, RIGHT_READ) : E_NOMEM;
}
