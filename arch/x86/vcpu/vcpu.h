/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual CPU: neutral state, and the entry points of the portable kernel. */
#pragma once

#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/fetch.h"
#include "arch/x86/vcpu/ops.h"
#include "arch/x86/vcpu/vapic.h"
#include "arch/x86/vcpu/vm.h"
#include "kernel/abi.h"
#include "kernel/cpu.h"
#include "kernel/object.h"
#include "kernel/thread.h"
#include "lib/base.h"

struct space;

/* Bits of vcpu.work: why the loop must look around before it enters the guest. Set atomically (vcpu_add_work), by any CPU. */
enum vcpu_work {
	WORK_KICK = 1 << 0,          /* return EXIT_KICKED                                          */
	WORK_IRQ = 1 << 1,           /* interrupt state changed: choose again what to inject        */
	WORK_INIT = 1 << 2,          /* return EXIT_INIT                                            */
	WORK_POSTED = 1 << 4,        /* beside IRQ: a CPU that keeps the APIC learns it without an exit */
	WORK_SIPI = 1 << 3,          /* return EXIT_SIPI, if it is waited for; vcpu.sipi_vector     */
};

/* RUNNING --HLT--> HALTED --interrupt--> RUNNING. To and from the others the vmm brings it, by setting the whole state. */
enum vcpu_state_kind {
	VCPU_RUNNING, VCPU_HALTED, VCPU_WAIT_SIPI,
	VCPU_LOST,           /* new, or after EXIT_SHUTDOWN or EXIT_FAIL                            */
};

/*
 * While a vCPU is in vcpu_run and loaded (on_cpu), all of it is the CPU's on which it runs, without a lock, but for what others
 * may do at any time by atomics: work, IRR, TMR and errors of the vapic; nmi_pending, sipi_vector and vapic.extint are single
 * bytes, written before work. Else it is the kernel lock's. thread goes from NULL under the kernel lock and back without.
 */
struct vcpu {
	struct object object;
	uint32_t work;                   /* enum vcpu_work                                          */
	uint32_t virq;                   /* vector offered to the CPU as virtual interrupt, 0: none */
	struct vcpu_page *page;          /* shared with the vmm: nothing in it is trusted           */
	uint64_t rip, rflags;
	struct vcpu_event event;         /* injected at the next entry                              */
	union {
		uint64_t rare;               /* any of these is set: looked at by each entry            */
		struct {
			uint8_t shadow;      /* STI or MOV SS shadow                                    */
			bool window;         /* exit when the guest can take an interrupt               */
			bool nmi_pending, nmi_blocked;
			bool dr_loaded;      /* DR0 to DR3 of the CPU are the guest's                   */
		};
	};
	bool extint_asked;               /* EXIT_EXTINT was returned, the answer is in the page     */
	bool xcr0_loaded;                /* XCR0 of the CPU is the guest's and not the host's       */
	bool unhalted;                   /* another vCPU ended this one's present or next HLT       */
	bool eoi_armed;                  /* the guest may end its interrupt by the bit at kvm_eoi   */
	bool yields;                     /* with need_resched: the guest gives its turn away        */
	bool off_cpu;                    /* the guest's page of steal time says "preempted"         */
	uint8_t state;                   /* enum vcpu_state_kind                                    */
	uint8_t sipi_vector;
	bool apic_in;                    /* TPR, ISR and IRR are in apic_page: vcpu_take_apic()     */
	uint64_t nmi_iret_rip;           /* the IRET that opens NMIs                                */

	struct space *space;
	struct vm *vm;
	struct thread *thread;           /* in vcpu_run, running or blocked; else NULL              */
	struct cpu *on_cpu;              /* loaded there: a kick makes it look at work; else NULL   */
	void *backend;                   /* the back end's own page                                 */
	void *apic_page;                 /* for the APIC that the CPU keeps in x2APIC mode, or NULL */
	struct fetch_cache fetch;
	struct insn_memo memo[INSN_MEMO_COUNT], *asked;      /* the one that the vmm is to fill     */

	struct vapic vapic;
	uint64_t xcr0, tsc_aux, mtrr_def, dr[4];
	uint64_t kvm_system_time, kvm_wall_clock, kvm_steal_time, kvm_eoi;     /* MSRs as written   */
	uint64_t stolen_ns;              /* steal time that the guest was told                      */
	uint64_t entered_tsc, guest_tsc; /* when vcpu_run began; TSC ticks spent in it               */
	uint64_t told_tsc;               /* the guest's TSC as the vmm last read it                  */
	void *xsave;                     /* guest's vector state while it is not in the registers   */
	uint32_t index;                  /* in vm->vcpu[]                                           */
};

/* The back end's state: vcpu_ops->own_bytes, 8-byte aligned. */
static inline void *vcpu_own(const struct vcpu *v)
{
	return (void *)(uintptr_t)(v + 1);
}

/* The guest takes maskable interrupts now. */
static inline bool vcpu_interruptible(const struct vcpu *v)
{
	return (v->rflags & RFLAGS_IF) && !v->shadow;
}

/* Before who is not the back end looks at TPR, ISR or IRR of v->vapic, or changes its mode. */
static inline void vcpu_take_apic(struct vcpu *v)
{
	if (v->apic_page) {
		vcpu_ops->take_apic(v);
	}
}

/* The CPU delivers the APIC's interrupts, or will from the next entry on. */
static inline bool vcpu_has_apicv(const struct vcpu *v)
{
	return v->apic_page && vapic_x2(&v->vapic);
}

/* The vCPU's part of object_destroy(): no thread is in it any more. Frees all its memory. */
void vcpu_destroy(struct object *o);

/* t has ended and is no CPU's current thread, perhaps while in vcpu_run (t->vcpu): nobody wakes it again. */
void vcpu_thread_gone(struct thread *t);

/*
 * Runs the guest until user level must act: then sets t's system-call result and returns to its user mode. Blocks in
 * sched_run, t->vcpu still set, when the guest halts or the time slice ends; the scheduler calls it again. Called with the kernel
 * lock, which it gives back when the vCPU is loaded.
 */
_Noreturn void vcpu_run(struct thread *t, struct vcpu *v);

/* The calling CPU has done with v for now: where there are others, or at v's end, it keeps nothing of it. */
static inline void vcpu_release(struct vcpu *v, bool for_ever)
{
	if (vcpu_ops->release && (for_ever || cpu_count > 1)) {
		vcpu_ops->release(v);
	}
}

/* Brings v->tsc_aux into the CPU, where it has that register. */
static inline void vcpu_load_aux(const struct vcpu *v)
{
	if (cpu_features.rdtscp && v->tsc_aux != cpu_this()->tsc_aux) {
		cpu_this()->tsc_aux = v->tsc_aux;
		wrmsr(MSR_TSC_AUX, v->tsc_aux);
	}
}

/* DR0 to DR3 of the CPU become the guest's, or are taken back. */
void vcpu_load_dr(struct vcpu *v);
void vcpu_save_dr(struct vcpu *v);

/*
 * Sets work bits and makes the vCPU notice: wakes its blocked thread or interrupts the CPU it runs on. Any context, with or
 * without the kernel lock, which is taken when a thread may have to be woken.
 */
void vcpu_notify(struct vcpu *v, uint32_t work);

/* Only sets them: by the CPU that runs the vCPU. */
static inline void vcpu_add_work(struct vcpu *v, uint32_t work)
{
	__atomic_fetch_or(&v->work, work, __ATOMIC_RELAXED);
}

/* ---- exits.c ---- */

/* The guest single-steps: #DB with DR6.BS after the instruction that was completed for it. */
void vcpu_step_trap(struct vcpu *v);

/* The instruction at rip, length bytes, is done. */
static inline void vcpu_skip(struct vcpu *v, uint64_t length)
{
	v->rip += length;
	v->rflags &= ~(uint64_t)RFLAGS_RF;
	v->shadow = 0;
	if (__builtin_expect((v->rflags & RFLAGS_TF) != 0, 0)) {
		vcpu_step_trap(v);
	}
}

/* ---- msr.c: RDMSR and WRMSR that exit, but for writes of x2APIC registers ---- */

/* false: the instruction is a #GP. */
bool msr_read(struct vcpu *v, uint32_t index, uint64_t *val);
bool msr_write(struct vcpu *v, uint32_t index, uint64_t val);

/* Those that do not exit: the back end switches their values. With VMX writes of STAR, LSTAR and SFMASK do. */
enum { MSR_OPEN_COUNT = 9 };
extern const uint32_t msr_open[MSR_OPEN_COUNT];

/* A value that PAT may hold (SDM 3A 12.12.2). */
bool msr_pat_valid(uint64_t val);

/* The guest's TSC is the host's plus offset from now on: its timer and paravirtual clock follow. */
void vcpu_move_tsc(struct vcpu *v, uint64_t offset);

/* ---- state.c: all state as one record of kernel/abi.h ---- */

/*
 * v is out of the guest, and a thread in user mode made the call, so the vector registers hold the thread's state and
 * v->xsave the guest's. s: all of it is written.
 */
void state_get(struct vcpu *v, struct vcpu_state *s);

/*
 * Replaces v's state. Nothing is changed on error.
 *   E_PROTO   version or size       E_INVAL   a value that no CPU of this VM can have
 * s may be changed: what is corrected (fixed bits, LMA) is corrected in it.
 */
int state_set(struct vcpu *v, struct vcpu_state *s) MUST_CHECK;

/*
 * The mode's control registers and EFER go together, and with CS where that says so (SDM 3A 2.5, 4.1; 3C 27.3.1.1).
 * Corrects what follows from the rest: ET, LMA.
 */
bool state_mode_valid(struct guest_mode *m);

/* What CR0 has. */
#define STATE_CR0_VALID 0xe005003full

/* Takes over what the vmm changed in the shared page. */
void state_take_page(struct vcpu *v);

/* RFLAGS bits that the vmm may set: all that user code has, and IF, IOPL, NT, VM, RF. Bit 1 is always 1. */
#define RFLAGS_VMM 0x3f7fd5ull

/* ---- irq.c: messages between local APICs, and what is injected next ---- */

/* Routes the message in the vCPU's ICR (SDM 3A 11.6.1) after it was written. */
void irq_send_ipi(struct vcpu *v);

/*
 * Brings v->event, v->virq and v->window up to date with all that is pending. Called before entry when WORK_IRQ is set.
 * Returns true when the vmm must fetch the PIC's vector first (EXIT_EXTINT).
 */
bool irq_choose(struct vcpu *v);

/* Is there anything that ends HLT. */
bool irq_wakes(struct vcpu *v);

/* An exception that the exit's instruction raises; merges with an interrupted event (SDM 3A table 6-5). */
void irq_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);

/*
 * After an exit in the middle of an event's delivery: word and error as the CPU reports it. It is delivered again, but for
 * software interrupts and breakpoints: rip still points to them, they are executed again.
 */
void irq_redeliver(struct vcpu *v, uint32_t word, uint32_t error);

/* Books the virtual interrupt that the CPU is given, or took. */
void irq_taken(struct vcpu *v);

/*
 * Linux' IPI hypercall: delivers icr (fixed or NMI) to the APICs first + n whose bit n is set; width: bits in each word of
 * map. Returns how many there were, or a negative error number of Linux.
 */
int64_t irq_send_many(struct vm *vm, const uint64_t map[2], unsigned width, uint32_t first, uint32_t icr);

/* Ends the HLT in which that APIC's vCPU is, or its next one. */
void irq_unhalt(struct vm *vm, uint32_t apic_id);

/* ---- pv.c: Linux' paravirtual features, in pages that the guest names by MSR. The vCPU's process is current. ---- */

/* Writes the page named by v->kvm_system_time, if switched on. Again after the guest's TSC was moved. */
void kvmclock_update(struct vcpu *v);

/* Writes the wall clock at v->kvm_wall_clock: the time at which the guest's clock was zero. */
void kvmclock_write_wall(struct vcpu *v);

/* MSRs 4b564d03h and 4b564d04h. false: #GP. */
bool pv_write_steal(struct vcpu *v, uint64_t val);
bool pv_write_eoi(struct vcpu *v, uint64_t val);

/* v goes into the guest: steal time is brought up to date, "preempted" taken back, and a TLB flush that others left is done. */
void pv_tell_steal(struct vcpu *v);
static inline void pv_enter(struct vcpu *v)
{
	if ((v->kvm_steal_time & 1) && (v->off_cpu || v->stolen_ns != v->thread->waited_ns)) {
		pv_tell_steal(v);
	}
}

/* v's thread leaves the CPU, halted or preempted. */
void pv_leave(struct vcpu *v);

/* After interrupts were chosen: may the guest end the next one by the bit. Then, after each run: has it. */
void pv_eoi_choose(struct vcpu *v);
void pv_eoi_look(struct vcpu *v);

/* Does what the guest's registers ask for; returns what RAX gets. */
int64_t pv_hypercall(struct vcpu *v);
