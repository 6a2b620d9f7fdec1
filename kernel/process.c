/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: creation in their arena, end, destruction in bounded steps. */
#include "kernel/process.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/region.h"
#include "kernel/sched.h"
#include "kernel/space.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

struct process *process_init;

enum { DESTROY_STEP = 8 };   /* objects per call: each takes its own bounded time */

_Static_assert(CPU_MAX * sizeof(struct sched_group) <= PAGE_SIZE, "one page at most");

struct process *process_create(hpa_t base, uint64_t page_count, struct region *region)
{
	static uint32_t last_id;
	struct arena *a = arena_init(base, page_count);
	struct process *p = arena_alloc(a, sizeof(*p));

	ASSERT(page_count >= ARENA_PAGES_MIN && p);
	object_init(&p->object, OBJECT_PROCESS);
	p->id = ++last_id;
	p->arena = a;
	p->weight = SCHED_WEIGHT_BASE;
	p->cpus = ~0u;
	list_init(&p->objects);
	list_init(&p->threads);
	p->group = arena_page_alloc(a);
	p->space = space_create(p, OBJECT_SPACE);
	ASSERT(p->group && p->space);
	for (uint32_t i = 0; i < CPU_MAX; i++) {
		p->group[i].process = p;
	}
	p->arena_region = region;
	if (region) {
		region->arena_of = p;
		region->cleaned = 0;
	}
	return p;
}

void process_end(struct process *p, enum process_end why, int32_t code)
{
	ASSERT(kernel_lock_held());
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
	process_end(p, PROCESS_FAULTED, 0);
}

/* Nothing of p's own is left: its arena, which holds p, goes back. */
static void release(struct process *p)
{
	struct region *r = p->arena_region;

	for (uint32_t h = 0; h < HANDLE_MAX; h++) {
		handle_close(p, h);
	}
	event_ref_set(&p->notify, NULL);
	object_fini(&p->object);
	kmap_remove(r->base, r->size);
	r->arena_of = NULL;
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
