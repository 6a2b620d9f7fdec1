/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: creation in their arena, end, destruction in bounded steps. */
#include "kernel/process.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/region.h"
#include "kernel/sched.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

struct process *process_init;

enum { DESTROY_STEP = 8 };   /* objects per call: each takes its own bounded time */

_Static_assert(sizeof(struct process) <= ARENA_ALLOC_MAX, "comes from a slab");
_Static_assert(CPU_MAX * sizeof(struct sched_group) <= PAGE_SIZE, "one page at most");

static struct sched_group *groups_create(struct process *p)
{
	size_t size = cpu_count * sizeof(struct sched_group);
	struct sched_group *g = size <= ARENA_ALLOC_MAX ? arena_alloc(p->arena, size) : arena_page_alloc(p->arena);

	for (uint32_t i = 0; g && i < cpu_count; i++) {
		g[i].process = p;
	}
	return g;
}

int process_create(hpa_t base, uint64_t page_count, struct region *region, const char name[PROCESS_NAME_MAX],
		   struct process **out)
{
	static uint32_t last_id;
	struct arena *a = arena_init(base, page_count);
	struct process *p = arena_alloc(a, sizeof(*p));
	int r;

	if (!p) {
		return E_NOMEM;
	}
	p->arena = a;
	p->weight = SCHED_WEIGHT_BASE;
	list_init(&p->objects);
	list_init(&p->threads);
	memcpy(p->name, name, PROCESS_NAME_MAX);
	for (char *s = p->name; *s; s++) {
		*s = *s > ' ' && *s < 127 ? *s : '?';
	}
	p->group = groups_create(p);
	if (!p->group) {
		return E_NOMEM;
	}
	r = space_create(p, SPACE_USER, &p->space);
	if (r < 0) {
		return r;
	}
	p->id = ++last_id;
	object_init(&p->object, OBJECT_PROCESS, NULL);
	p->arena_region = region;
	if (region) {
		region->arena_of = p;
	}
	*out = p;
	return OK;
}

void process_end(struct process *p, enum process_end why, int32_t code)
{
	if (p->end != PROCESS_RUNS) {
		return;
	}
	p->end = why;
	p->code = code;
	trace_write(TRACE_PROCESS, p->id, why);
	if (p == process_init) {
		panic("init ended: %u, code %d, vector %u at %#llx", why, code, p->fault_vector,
		      (unsigned long long)p->fault_rip);
	}
	list_for_each(t, &p->threads, struct thread, in_process) {
		thread_stop(t);
	}
	event_ref_signal(&p->notify);
}

void process_fault(struct process *p, uint32_t vector, uint32_t error, uint64_t rip, uint64_t address)
{
	p->fault_vector = vector;
	p->fault_error = error;
	p->fault_rip = rip;
	p->fault_address = address;
	trace_write(TRACE_FAULT, (uint64_t)p->id << 32 | vector, rip);
	log_printf("process %u (%s): exception %u, error %#x, at %#llx, address %#llx", p->id, p->name, vector, error,
		   (unsigned long long)rip, (unsigned long long)address);
	process_end(p, PROCESS_FAULTED, 0);
}

/* Nothing of p's own is left: its arena, which holds p, goes back. */
static void release(struct process *p)
{
	struct arena *a = p->arena;
	struct region *r = p->arena_region;
	hpa_t base = a->base;
	uint64_t size = a->page_count * PAGE_SIZE;

	for (uint32_t h = 0; h < HANDLE_MAX; h++) {
		if (handle_slot(p, h) && handle_close(p, h) < 0) {
			panic("handle %u", h);
		}
	}
	event_ref_set(&p->notify, NULL);
	object_fini(&p->object);
	kmap_remove(base, size);
	r->arena_of = NULL;
	r->cleaned = 0;
	r->epoch = tlb_retire_epoch();
	tlb_reap();
}

static bool still_running(const struct process *p)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		if (cpus[i].current && cpus[i].current->process == p) {
			return true;
		}
	}
	return false;
}

int process_destroy(struct process *p)
{
	process_end(p, PROCESS_KILLED, 0);
	if (still_running(p)) {
		return E_AGAIN;
	}
	for (unsigned i = 0; i < DESTROY_STEP && !list_empty(&p->objects); i++) {
		object_destroy(list_first(&p->objects, struct object, in_owner));
	}
	if (!list_empty(&p->objects)) {
		return E_AGAIN;
	}
	tlb_retire_epoch();
	tlb_reap();
	if (p->arena->retired) {
		return E_AGAIN;
	}
	release(p);
	return OK;
}

void process_status(const struct process *p, struct process_status *st)
{
	*st = (struct process_status){
		.end = p->end, .code = p->code, .vector = p->fault_vector, .error = p->fault_error,
		.rip = p->fault_rip, .address = p->fault_address, .cpu_ns = p->cpu_ns,
		.arena_pages = p->arena->page_count, .arena_free = p->arena->page_free,
		.handles = p->handles.count, .objects = p->object_count,
	};
}
