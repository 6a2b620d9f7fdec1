/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of one vCPU: enter, handle, look around, enter again. */
#include "arch/x86/apic/lapic.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/space.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

void vcpu_load_dr(struct vcpu *v)
{
	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
	v->dr_loaded = true;
}

void vcpu_save_dr(struct vcpu *v)
{
	v->dr[0] = read_dr0();
	v->dr[1] = read_dr1();
	v->dr[2] = read_dr2();
	v->dr[3] = read_dr3();
	v->dr_loaded = false;
}

/* The guest's state goes into the CPU; the vmm's changes are taken over. From now on the vCPU is this CPU's alone. */
static void load(struct thread *t, struct vcpu *v)
{
	if (v->page->dirty) {
		state_take_page(v);
	}
	v->thread = t;
	t->vcpu = v;
	fpu_use(v->xsave);
	if (v->xcr0 != cpu_features.xcr0) {
		write_xcr0(v->xcr0);
		v->xcr0_loaded = true;
	}
	vcpu_load_aux(v);
	vcpu_ops->load(v);
	pv_enter(v);
	timer_bring(&v->vapic.timer, cpu_this());
	v->entered_tsc = rdtsc();
	/* Work that is set after this brings a kick; what was set before is seen by the loop, which reads it later. */
	__atomic_store_n(&v->on_cpu, cpu_this(), __ATOMIC_SEQ_CST);
	kernel_unlock();
}

/* The CPU is the host's again; the vector registers stay the guest's until somebody else uses them. */
static inline void unload(struct vcpu *v)
{
	struct vcpu_page *page = v->page;

	v->guest_tsc += rdtsc() - v->entered_tsc;
	if (v->xcr0_loaded) {
		write_xcr0(cpu_features.xcr0);
		v->xcr0_loaded = false;
	}
	vcpu_ops->unload(v);
	vcpu_release(v, false);
	page->rip = v->rip;
	page->rflags = v->rflags;
	__atomic_store_n(&v->on_cpu, NULL, __ATOMIC_SEQ_CST);
}

/* Without the kernel lock: nobody else changes t->vcpu while t runs, and v is nobody's until its thread is NULL. */
_Noreturn static inline __attribute__((always_inline)) void to_user(struct thread *t, struct vcpu *v, uint32_t kind)
{
	unload(v);
	v->page->guest_ticks = v->guest_tsc;
	fpu_use(t->fpu);
	t->vcpu = NULL;
	t->frame.rax = kind;
	__atomic_store_n(&v->thread, NULL, __ATOMIC_RELEASE);
	user_return(&t->frame);
}

/* Returns when there is something to do after all: work that others set before they saw that the vCPU is off the CPU. */
static void block(struct thread *t, struct vcpu *v)
{
	struct cpu *c = cpu_this();

	kernel_lock();
	__atomic_store_n(&v->on_cpu, NULL, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&v->work, __ATOMIC_SEQ_CST) | c->need_resched) {
		__atomic_store_n(&v->on_cpu, c, __ATOMIC_SEQ_CST);
		kernel_unlock();
		cpu_let_interrupt();         /* others could bring us here again and again */
		return;
	}
	unload(v);
	pv_leave(v);
	t->state = THREAD_BLOCKED;
	sched_run();
}

/* To the vmm, with the work that is left for the next run. Apart, as it is rare. */
_Noreturn static __attribute__((noinline)) void ask(struct thread *t, struct vcpu *v, uint32_t kind, uint32_t left)
{
	vcpu_add_work(v, left);
	to_user(t, v, kind);
}

/*
 * Does what v->work and the scheduler ask for. True when the guest may be entered; work that is left or new then is for
 * after the next exit: a second look at once could be without end, with interrupts off. False: look again.
 */
static bool look_around(struct thread *t, struct vcpu *v)
{
	uint32_t work;

	if (__atomic_load_n(&cpu_this()->need_resched, __ATOMIC_RELAXED)) {
		unload(v);
		pv_leave(v);
		if (v->yields) {
			v->yields = false;
			kernel_lock();
			sched_give_way();
		}
		sched_preempt();
	}
	work = __atomic_exchange_n(&v->work, 0, __ATOMIC_ACQUIRE);
	if (work & WORK_KICK) {
		ask(t, v, EXIT_KICKED, work & ~(uint32_t)WORK_KICK);
	}
	if (work & WORK_INIT) {
		ask(t, v, EXIT_INIT, work & ~(uint32_t)WORK_INIT);
	}
	if ((work & WORK_SIPI) && v->state == VCPU_WAIT_SIPI) {
		v->page->exit.sipi.vector = v->sipi_vector;
		ask(t, v, EXIT_SIPI, work & ~(uint32_t)WORK_SIPI);
	}
	if (v->state == VCPU_LOST) {
		v->page->exit.kind = EXIT_FAIL;
		ask(t, v, EXIT_FAIL, work);
	}
	if (v->state == VCPU_HALTED && irq_wakes(v)) {
		v->state = VCPU_RUNNING;
		v->unhalted = false;
		work |= WORK_IRQ;
	}
	if (v->state != VCPU_RUNNING) {
		block(t, v);
		return false;
	}
	if ((work & WORK_IRQ) && irq_choose(v)) {
		ask(t, v, EXIT_EXTINT, WORK_IRQ);
	}
	if ((work & WORK_IRQ) && v->kvm_eoi) {
		pv_eoi_choose(v);
	}
	return true;
}

_Noreturn void vcpu_run(struct thread *t, struct vcpu *v)
{
	struct cpu *c = cpu_this();
	struct vm_exit e;

	load(t, v);
	for (;;) {
		if (__builtin_expect((v->work | v->state | c->need_resched) != 0, 0) && !look_around(t, v)) {
			continue;
		}
		vcpu_ops->run(v, &e);
		if (__builtin_expect(v->eoi_armed, 0)) {
			pv_eoi_look(v);
		}
		v->page->exits[e.kind]++;
		trace(TRACE_EXIT, (uint64_t)t->process->id << 32 | e.kind, v->rip);
		if (exit_handlers[e.kind](v, &e)) {
			to_user(t, v, v->page->exit.kind);
		}
	}
}

/*
 * Either we see where the vCPU runs, or it sees the work before it blocks (block) or enters the guest (load): the bits are set
 * before on_cpu is read, and there it is the other way round.
 */
void vcpu_notify(struct vcpu *v, uint32_t work)
{
	bool held = kernel_lock_held();
	struct cpu *c;

	__atomic_fetch_or(&v->work, work, __ATOMIC_SEQ_CST);
	c = __atomic_load_n(&v->on_cpu, __ATOMIC_SEQ_CST);
	if (c) {
		if (c != cpu_this()) {
			lapic_send(c->apic_id, work & WORK_POSTED ? VECTOR_POSTED : VECTOR_KICK);
		}
		return;
	}
	if (!held) {
		kernel_lock();
	}
	if (v->thread) {
		thread_wake(v->thread);
	}
	if (!held) {
		kernel_unlock();
	}
}

void vcpu_thread_gone(struct thread *t)
{
	if (t->vcpu) {
		t->vcpu->thread = NULL;
		t->vcpu = NULL;
	}
}
