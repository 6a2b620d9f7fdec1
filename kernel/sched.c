/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weighted fair scheduling in two levels: groups (processes) by weighted virtual time, threads of a group by their own
 * run time. The current thread and its group stand outside of the heaps.
 */
#include "kernel/sched.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/space.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

static struct sched_group *group_of(const struct thread *t)
{
	return &t->process->group[t->cpu->id];
}

static uint64_t weighted(const struct sched_group *g, uint64_t ns)
{
	return ns * SCHED_WEIGHT_BASE / g->process->weight;
}

/* a - b, not below 0: virtual times start at 0. */
static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void slice_ended(struct timer *timer)
{
	timer->cpu->need_resched = 1;
}

void sched_init(struct cpu *c)
{
	c->rq.slice.fn = slice_ended;
}

void sched_charge(struct cpu *c)
{
	struct thread *t = c->current;
	uint64_t now = clock_ns(), ns = now - c->rq.run_since_ns;

	c->rq.run_since_ns = now;
	if (t) {
		t->vruntime += ns;
		t->process->cpu_ns += ns;
		group_of(t)->vruntime += weighted(group_of(t), ns);
	} else {
		c->stats.idle_ns += ns;
	}
}

/* The group competes again if a thread of it waits and none runs. */
static void group_insert(struct runqueue *rq, struct sched_group *g)
{
	if (g->threads.root && !heap_queued(&g->node)) {
		heap_insert(&rq->groups, &g->node, g->vruntime);
	}
}

static void insert(struct cpu *c, struct sched_group *g, struct thread *t)
{
	t->state = THREAD_RUNNABLE;
	t->waits_since_ns = c->rq.run_since_ns;
	heap_insert(&g->threads, &t->node, t->vruntime);
	c->rq.queued++;
}

/* Does the newcomer go first, or does the current thread's time become limited? */
static void check_preempt(struct cpu *c, struct sched_group *g, const struct thread *t)
{
	struct thread *cur = c->current;
	struct sched_group *own = cur ? group_of(cur) : NULL;
	uint64_t its = own == g ? t->vruntime : g->vruntime;

	if (!cur) {
		return;                      /* idle looks at the queue by itself */
	}
	if (its + SCHED_GRANULE_NS < (own == g ? cur->vruntime : own->vruntime)) {
		c->need_resched = 1;
	} else if (!heap_queued(&c->rq.slice.node)) {
		timer_set(&c->rq.slice, c->rq.run_since_ns + SCHED_SLICE_NS);
	}
}

void sched_enqueue(struct thread *t)
{
	struct cpu *c = t->cpu;
	struct sched_group *g = group_of(t);
	bool running = c->current && group_of(c->current) == g;

	sched_charge(c);
	if (!g->threads.root && !running) {
		g->vruntime = max(g->vruntime, minus(c->rq.floor, weighted(g, SCHED_CREDIT_NS)));
	}
	t->vruntime = max(t->vruntime, minus(g->thread_floor, SCHED_CREDIT_NS));
	insert(c, g, t);
	if (!running) {
		group_insert(&c->rq, g);
	}
	check_preempt(c, g, t);
}

void sched_dequeue(struct thread *t)
{
	struct cpu *c = t->cpu;
	struct sched_group *g = group_of(t);

	heap_remove(&g->threads, &t->node);
	c->rq.queued--;
	if (!g->threads.root && heap_queued(&g->node)) {
		heap_remove(&c->rq.groups, &g->node);
	}
}

void sched_put_current(struct cpu *c)
{
	struct thread *t = c->current;
	struct sched_group *g;

	sched_charge(c);
	timer_cancel(&c->rq.slice);
	c->need_resched = 0;
	if (!t) {
		return;
	}
	g = group_of(t);
	c->current = NULL;
	if (t->state == THREAD_RUNNING) {
		insert(c, g, t);
	}
	group_insert(&c->rq, g);
}

struct thread *sched_pick(struct cpu *c)
{
	struct heap_node *first = c->rq.groups.root;

	if (!first) {
		return NULL;
	}

	struct sched_group *g = container_of(first, struct sched_group, node);
	struct thread *t = container_of(g->threads.root, struct thread, node);

	heap_remove(&c->rq.groups, first);
	sched_dequeue(t);
	c->rq.floor = max(c->rq.floor, g->vruntime);
	g->thread_floor = max(g->thread_floor, t->vruntime);
	t->state = THREAD_RUNNING;
	t->waited_ns += c->rq.run_since_ns - t->waits_since_ns;
	c->current = t;
	if (c->rq.queued) {
		timer_set(&c->rq.slice, c->rq.run_since_ns + SCHED_SLICE_NS);
	}
	return t;
}

static void use_root(struct cpu *c, hpa_t root)
{
	if (c->root != root.v) {
		c->root = root.v;
		write_cr3(c->root);
	}
}

static _Noreturn void dispatch(struct cpu *c, struct thread *t)
{
	c->stats.switches++;
	trace_write(TRACE_SWITCH, t->process->id, (uintptr_t)t);
	c->frame_top = (uint64_t)(&t->frame + 1);
	c->tss->rsp[0] = c->frame_top;
	if (c->ports | t->process->ports) {
		c->ports = t->process->ports;
		gdt_open_ports(c->tss, c->ports);
	}
	use_root(c, t->process->space->pt.root);
	if (t->vcpu) {
		vcpu_run(t, t->vcpu);
	}
	fpu_use(t->fpu);
	user_return(&t->frame);
}

/* On a fresh stack. Idle waits on the kernel's own tables, so that no process's are kept in use. */
static void run_next(void)
{
	struct cpu *c = cpu_this();
	struct thread *t;

	sched_put_current(c);
	while (!(t = sched_pick(c))) {
		trace_write(TRACE_IDLE, 0, 0);
		use_root(c, kmap_root());
		tlb_cpu_pass();
		cpu_wait_interrupt();
		sched_charge(c);
	}
	dispatch(c, t);
}

_Noreturn void sched_run(void)
{
	stack_reset(cpu_this()->stack_top, run_next);
}

_Noreturn void sched_preempt(void)
{
	cpu_this()->stats.preemptions++;
	sched_run();
}

/* Gives its advantage over the next one away. */
_Noreturn void sched_give_way(void)
{
	struct cpu *c = cpu_this();
	struct sched_group *g = group_of(c->current);
	const struct heap_node *sibling = g->threads.root, *other = c->rq.groups.root;

	sched_charge(c);
	if (sibling) {
		c->current->vruntime = max(c->current->vruntime, sibling->key + 1);
	} else if (other) {
		g->vruntime = max(g->vruntime, other->key + 1);
	}
	sched_run();
}
