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

static uint64_t weighted(const struct process *p, uint64_t ns)
{
	return ns * SCHED_WEIGHT_BASE / p->weight;
}

/* a - b, not below 0: virtual times start at 0, and the clocks of two CPUs are equal but for a little. */
static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What is nearest to x of all that is at most by off at. */
static uint64_t near(uint64_t x, uint64_t at, uint64_t by)
{
	x = max(x, minus(at, by));
	return x < at + by ? x : at + by;
}

/* The least key, key included. */
static uint64_t least(const struct heap *h, uint64_t key)
{
	return h->root && h->root->key < key ? h->root->key : key;
}

void sched_ask(struct cpu *c)
{
	__atomic_store_n(&c->need_resched, 1, __ATOMIC_RELAXED);
	if (c != cpu_this()) {
		irq_kick(c);
	}
}

static void slice_ended(struct timer *timer)
{
	sched_ask(container_of(timer, struct cpu, rq.slice));
}

static void start_slice(struct cpu *c)
{
	timer_set(&c->rq.slice, c->rq.run_since_ns + SCHED_SLICE_NS);
}

void sched_init(struct cpu *c)
{
	c->rq.slice.fn = slice_ended;
}

void sched_charge(struct cpu *c)
{
	struct thread *t = c->current;
	struct sched_group *g = t ? group_of(t) : NULL;
	uint64_t now = clock_ns(), ns = minus(now, c->rq.run_since_ns);

	ASSERT(kernel_lock_held());
	c->rq.run_since_ns += ns;
	if (!t) {
		c->stats.idle_ns += ns;
		return;
	}
	t->vruntime += ns;
	g->vruntime += weighted(t->process, ns);
	t->process->cpu_ns += ns;
	t->process->progress += weighted(t->process, ns);
	g->thread_floor = max(g->thread_floor, least(&g->threads, t->vruntime));
	c->rq.floor = max(c->rq.floor, least(&c->rq.groups, g->vruntime));
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

/* Does the newcomer go first, or does the current thread's time become limited? An idle CPU looks at the queue by itself. */
static void check_preempt(struct cpu *c, struct sched_group *g, const struct thread *t)
{
	struct thread *cur = c->current;
	struct sched_group *own = cur ? group_of(cur) : NULL;
	uint64_t its = own == g ? t->vruntime : g->vruntime;

	if (!cur) {
		if (c != cpu_this()) {
			irq_kick(c);
		}
	} else if (its + SCHED_GRANULE_NS < (own == g ? cur->vruntime : own->vruntime)) {
		sched_ask(c);
	} else if (!heap_queued(&c->rq.slice.node)) {
		start_slice(c);
	}
}

/* t joins c's queue; its group, if it has no thread there yet, at that virtual time. */
static void join(struct cpu *c, struct thread *t, uint64_t vruntime)
{
	struct sched_group *g = &t->process->group[c->id];
	bool running = c->current && group_of(c->current) == g;

	if (t->cpu != c) {
		t->cpu = c;
		t->vruntime = g->thread_floor;       /* each CPU's virtual times are its own */
	}
	if (!g->threads.root && !running) {
		g->vruntime = vruntime;
	}
	t->vruntime = max(t->vruntime, minus(g->thread_floor, SCHED_CREDIT_NS));
	insert(c, g, t);
	if (!running) {
		group_insert(&c->rq, g);
	}
	check_preempt(c, g, t);
}

static bool allows(const struct thread *t, const struct cpu *c)
{
	return t->cpus >> c->id & 1;
}

/* How good a place c is for t to wake at: an idle one before a busy one, at home before elsewhere, then where it was; 0: none at all. */
static unsigned merit(const struct thread *t, const struct cpu *c)
{
	unsigned idle = !c->current && !c->rq.queued, home = t->process->home >> c->id & 1;

	return allows(t, c) ? 1u + (c == t->cpu) + idle * (2 + 2 * home) : 0;
}

/* Among equals where fewest wait. */
static struct cpu *place(const struct thread *t)
{
	struct cpu *best = t->cpu;

	for (struct cpu *c = cpus; c < cpus + cpu_count; c++) {
		unsigned more = merit(t, c), least = merit(t, best);

		best = more > least || (more == least && c->rq.queued < best->rq.queued) ? c : best;
	}
	return best;
}

/* A process that slept goes on near the one that runs there, or on the next CPU where one does: it has saved up nothing. */
void sched_enqueue(struct thread *t)
{
	struct process *p = t->process;
	struct cpu *c = place(t), *busy = c;

	for (uint32_t i = 1; i < cpu_count && !busy->current; i++) {
		busy = &cpus[(c->id + i) % cpu_count];
	}
	sched_charge(c);
	if (busy->current) {
		sched_charge(busy);
		p->progress = near(p->progress, busy->current->process->progress, weighted(p, SCHED_CARRY_NS));
	}
	join(c, t, max(p->group[c->id].vruntime, minus(c->rq.floor, weighted(p, SCHED_CREDIT_NS))));
}

void sched_dequeue(struct thread *t)
{
	struct cpu *c = t->cpu;
	struct sched_group *g = group_of(t);

	heap_remove(&g->threads, &t->node);
	t->waited_ns += minus(c->rq.run_since_ns, t->waits_since_ns);
	c->rq.queued--;
	if (!g->threads.root && heap_queued(&g->node)) {
		heap_remove(&c->rq.groups, &g->node);
	}
}

void sched_set_cpus(struct thread *t, uint32_t mask)
{
	t->cpus = mask;
	if (t->state == THREAD_RUNNABLE) {
		sched_dequeue(t);
		sched_enqueue(t);
	} else if (t->state == THREAD_RUNNING && !allows(t, t->cpu)) {
		sched_ask(t->cpu);
	}
}

/* A thread of g that waits and may run on a CPU of mask. */
static struct thread *movable(const struct sched_group *g, uint32_t mask)
{
	struct heap_node *n = g->threads.root;

	while (n && !(container_of(n, struct thread, node)->cpus & mask)) {
		n = heap_next(n);
	}
	return n ? container_of(n, struct thread, node) : NULL;
}

/* Of the groups with a thread that waits on from and may run on a CPU of mask, the one that has had most, or least. NULL: none. */
static struct sched_group *choose(const struct cpu *from, uint32_t mask, bool most)
{
	struct sched_group *own = from->current ? group_of(from->current) : NULL, *best = own && movable(own, mask) ? own : NULL;

	for (struct heap_node *n = from->rq.groups.root; n; n = heap_next(n)) {
		struct sched_group *g = container_of(n, struct sched_group, node);

		if (movable(g, mask) && (!best || (g->process->progress > best->process->progress) == most)) {
			best = g;
		}
	}
	return best;
}

/* Its group is as far ahead of those that are there, or behind, as its process is of the one that runs there. */
static void move(struct sched_group *g, struct cpu *to)
{
	struct thread *t = movable(g, 1u << to->id);
	uint64_t at = to->rq.floor, had = g->process->progress, theirs = to->current ? to->current->process->progress : had;

	sched_dequeue(t);
	join(to, t, minus(near(at + had, at + theirs, weighted(g->process, SCHED_CARRY_NS)), theirs));
}

/* c has nothing to run: takes a thread that waits elsewhere. */
static void steal(struct cpu *c)
{
	for (uint32_t i = 1; i < cpu_count && !c->rq.queued; i++) {
		struct sched_group *g = choose(&cpus[(c->id + i) % cpu_count], 1u << c->id, false);

		if (g) {
			move(g, c);
		}
	}
}

/* Who has had least of those that run or wait on c, which is not idle. */
static const struct process *poorest(struct cpu *c)
{
	const struct process *p = c->current ? c->current->process : NULL;
	const struct sched_group *g = choose(c, ~0u, false);

	sched_charge(c);
	return g && (!p || g->process->progress < p->progress) ? g->process : p;
}

/*
 * c has put its thread back. If one that waits here lacks too much of what all have had on another CPU, the one beside it that has had
 * most makes room for it. If none may move, a part of what is lacking beyond the gap is made up for in the books.
 */
static void balance(struct cpu *c)
{
	uint64_t lacks, most = 0;
	struct sched_group *rich;
	const struct process *poor;

	if (c->rq.queued < 2 || c->rq.run_since_ns < c->rq.balance_ns) {
		return;
	}
	c->rq.balance_ns = c->rq.run_since_ns + SCHED_BALANCE_NS;
	poor = poorest(c);
	for (struct cpu *o = cpus; o < cpus + cpu_count; o++) {
		lacks = o != c && o->current ? minus(poorest(o)->progress, poor->progress) : 0;
		rich = lacks > weighted(poor, SCHED_BALANCE_NS) ? choose(c, 1u << o->id, true) : NULL;
		if (rich) {
			move(rich, o);
			return;
		}
		most = max(most, lacks);
	}
	for (struct heap_node *n = c->rq.groups.root; n; n = heap_next(n)) {
		container_of(n, struct sched_group, node)->process->progress += minus(most, SCHED_GAP_NS) / SCHED_FORGET;
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
	if (t->state == THREAD_DEAD) {
		vcpu_thread_gone(t);
	} else if (t->state == THREAD_RUNNING && allows(t, c)) {
		insert(c, g, t);
	}
	group_insert(&c->rq, g);
	if (t->state == THREAD_RUNNING) {
		sched_enqueue(t);            /* its place is elsewhere */
	}
	balance(c);
}

struct thread *sched_pick(struct cpu *c)
{
	struct sched_group *g;
	struct thread *t;

	if (!c->rq.groups.root) {
		steal(c);
	}
	if (!c->rq.groups.root) {
		return NULL;
	}
	g = container_of(c->rq.groups.root, struct sched_group, node);
	t = container_of(g->threads.root, struct thread, node);
	heap_remove(&c->rq.groups, &g->node);
	sched_dequeue(t);
	t->state = THREAD_RUNNING;
	c->current = t;
	if (c->rq.queued) {
		start_slice(c);
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
	kernel_unlock();
	user_return(&t->frame);
}

/*
 * On a fresh stack. Idle waits on the kernel's own tables, so that no process's are kept in use. Who queues a thread here after
 * the lock is given back sends an interrupt, which ends the halt, and cannot come between.
 */
static void run_next(void)
{
	struct cpu *c = cpu_this();
	struct thread *t;

	sched_put_current(c);
	while (!(t = sched_pick(c))) {
		trace_write(TRACE_IDLE, 0, 0);
		fpu_save();
		use_root(c, kmap_root());
		tlb_cpu_pass();
		kernel_unlock();
		cpu_wait_interrupt();
		kernel_lock();
		sched_charge(c);
	}
	dispatch(c, t);
}

_Noreturn void sched_run(void)
{
	ASSERT(kernel_lock_held());
	stack_reset(cpu_this()->stack_top, run_next);
}

_Noreturn void sched_preempt(void)
{
	kernel_lock();
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
