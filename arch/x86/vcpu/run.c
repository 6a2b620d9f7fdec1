/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of one vCPU: enter, handle, look around, enter again. */
#include "arch/x86/cpu/features.h"
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

/* TSC_AUX of each CPU as last written here; ring 3 does not rely on it. */
static uint64_t loaded_tsc_aux[CPU_MAX];

void vcpu_load_aux(const struct vcpu *v)
{
	uint64_t *loaded = &loaded_tsc_aux[cpu_this()->id];

	if (v->tsc_aux != *loaded && cpu_features.rdtscp) {
		*loaded = v->tsc_aux;
		wrmsr(MSR_TSC_AUX, v->tsc_aux);
	}
}

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

/* The guest's state goes into the CPU; the vmm's changes are taken over. */
static void load(struct thread *t, struct vcpu *v)
{
	state_take_page(v);
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
	v->entered_tsc = rdtsc();
}

/* The CPU is the host's again; the vector registers stay the guest's until somebody else uses them. */
static void unload(struct vcpu *v)
{
	struct vcpu_page *page = v->page;

	v->guest_tsc += rdtsc() - v->entered_tsc;
	if (v->xcr0_loaded) {
		write_xcr0(cpu_features.xcr0);
		v->xcr0_loaded = false;
	}
	vcpu_ops->unload(v);
	page->rip = v->rip;
	page->rflags = v->rflags;
}

_Noreturn static void to_user(struct thread *t, struct vcpu *v, uint32_t kind)
{
	unload(v);
	v->page->guest_ns = clock_ticks_to_ns(v->guest_tsc);
	v->thread = NULL;
	t->vcpu = NULL;
	fpu_use(t->fpu);
	t->frame.rax = kind;
	user_return(&t->frame);
}

_Noreturn static void block(struct thread *t, struct vcpu *v)
{
	unload(v);
	pv_leave(v);
	t->state = THREAD_BLOCKED;
	sched_run();
}

/* get and set of the back end find the guest's state out of the CPU. */
static void reset(struct vcpu *v, uint16_t selector, uint64_t base, uint64_t rip)
{
	vcpu_ops->unload(v);
	state_reset(v, selector, base, rip);
	vcpu_ops->load(v);
}

/* INIT: an application processor waits for its start-up IPI; for the boot processor the vmm resets the machine. */
static void take_init(struct vcpu *v)
{
	reset(v, RESET_SELECTOR, RESET_BASE, RESET_RIP);
	vapic_reset(&v->vapic);
	v->event.valid = false;
	v->virq = 0;
	v->nmi_pending = v->nmi_blocked = v->extint_asked = v->unhalted = v->eoi_armed = false;
	v->kvm_system_time = v->kvm_steal_time = v->kvm_eoi = 0;
	v->state = VCPU_WAIT_SIPI;
}

static void take_sipi(struct vcpu *v)
{
	if (v->state != VCPU_WAIT_SIPI) {
		return;
	}
	reset(v, (uint16_t)(v->sipi_vector << 8), (uint64_t)v->sipi_vector << 12, 0);
	v->state = VCPU_RUNNING;
}

/*
 * Does what v->work and the scheduler ask for. Returns when the guest may be entered; work that is left or new then is for
 * after the next exit: a second look at once could be without end, with interrupts off.
 */
static void look_around(struct thread *t, struct vcpu *v)
{
	uint32_t work;

	if (cpu_this()->need_resched) {
		unload(v);
		pv_leave(v);
		if (v->yields) {
			v->yields = false;
			sched_give_way();
		}
		sched_preempt();
	}
	work = __atomic_exchange_n(&v->work, 0, __ATOMIC_ACQUIRE);
	if (work & WORK_INIT) {
		if (v->vapic.base & APIC_BASE_BSP) {
			to_user(t, v, EXIT_RESET);
		}
		take_init(v);
	}
	if (work & WORK_SIPI) {
		take_sipi(v);
	}
	if (work & WORK_KICK) {
		v->work |= work & ~(uint32_t)(WORK_KICK | WORK_INIT | WORK_SIPI);
		to_user(t, v, EXIT_KICKED);
	}
	if (v->state == VCPU_LOST) {
		v->page->exit.kind = EXIT_FAIL;
		to_user(t, v, EXIT_FAIL);
	}
	if (v->state == VCPU_HALTED && irq_wakes(v)) {
		v->state = VCPU_RUNNING;
		v->unhalted = false;
		work |= WORK_IRQ;
	}
	if (v->state != VCPU_RUNNING) {
		v->work |= work & WORK_IRQ;
		block(t, v);
	}
	if ((work & WORK_IRQ) && irq_choose(v)) {
		v->work |= WORK_IRQ;
		to_user(t, v, EXIT_EXTINT);
	}
	if ((work & WORK_IRQ) && v->kvm_eoi) {
		pv_eoi_choose(v);
	}
}

_Noreturn void vcpu_run(struct thread *t, struct vcpu *v)
{
	struct cpu *c = cpu_this();
	struct vm_exit e;

	load(t, v);
	for (;;) {
		if (__builtin_expect((v->work | v->state | c->need_resched) != 0, 0)) {
			look_around(t, v);
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

void vcpu_notify(struct vcpu *v, uint32_t work)
{
	struct thread *t = v->thread;

	__atomic_fetch_or(&v->work, work, __ATOMIC_SEQ_CST);
	if (t && t->state == THREAD_BLOCKED) {
		thread_wake(t);
	}
}

void vcpu_thread_gone(struct thread *t)
{
	if (t->vcpu) {
		t->vcpu->thread = NULL;
		t->vcpu = NULL;
	}
}
