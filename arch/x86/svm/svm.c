/* SPDX-License-Identifier: Apache-2.0 */
/* AMD-V: switching it on, and running one vCPU. APM 2 15. */
#include "arch/x86/svm/svm.h"

#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/space.h"

#define MSR_VM_CR       0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define LEAF_SVM        0x8000000au

enum {
	ECX_SVM = 1 << 2,            /* CPUID 80000001h                        */
	EDX_NPT = 1 << 0, EDX_NRIPS = 1 << 3,        /* CPUID 8000000Ah        */
	VM_CR_SVMDIS = 1 << 4,
	MSRPM_BYTES = 8192, IOPM_BYTES = 12288,
};

/* Always in force: physical interrupts obey the host's IF, priorities are decided by the local APIC model. */
#define VINTR_ALWAYS (VINTR_MASKING | VINTR_IGN_TPR)

bool svm_has_next_rip;

/* One of each for all VMs: every port exits, and all MSRs but those whose guest value VMLOAD and VMSAVE switch. */
static uint8_t msrpm[MSRPM_BYTES] __attribute__((aligned(PAGE_SIZE)));
static uint8_t iopm[IOPM_BYTES] __attribute__((aligned(PAGE_SIZE)));

/* An ASID is valid on a CPU while its generation is the CPU's. */
struct svm_cpu {
	hpa_t host_vmcb;             /* what VMLOAD brings back                    */
	uint64_t generation;
	uint32_t next_asid;
};

static struct svm_cpu svm_cpus[CPU_MAX];
static uint32_t asid_count;          /* ASIDs 1 .. asid_count - 1 are usable */

static bool present(void)
{
	return cpuid(0x80000000, 0).eax >= LEAF_SVM && (cpuid(0x80000001, 0).ecx & ECX_SVM);
}

static const char *missing(void)
{
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
		return "AMD-V (SVM) is switched off by the firmware: enable it in the machine's setup.";
	}
	if (!(cpuid(LEAF_SVM, 0).edx & EDX_NPT)) {
		return "This processor has AMD-V but no nested paging (NPT), which Brume needs.";
	}
	return NULL;
}

/* Two bits per MSR, read then write; three blocks of 8192 MSRs (APM 2 15.11). */
static void build_maps(void)
{
	__builtin_memset(iopm, 0xff, sizeof(iopm));
	__builtin_memset(msrpm, 0xff, sizeof(msrpm));
	for (unsigned i = 0; i < MSR_OPEN_COUNT; i++) {
		uint32_t msr = msr_open[i], bit = (msr >= 0xc0000000 ? 0x2000 + (msr & 0x1fff) : msr) * 2;

		msrpm[bit / 8] &= (uint8_t) ~(3u << bit % 8);
	}
}

static int cpu_on(void)
{
	struct svm_cpu *c = &svm_cpus[cpu_this()->id];
	void *save = arena_page_alloc(cpu_this()->arena), *host = arena_page_alloc(cpu_this()->arena);

	if (!save || !host) {
		return E_NOMEM;
	}
	if (asid_count == 0) {
		svm_has_next_rip = (cpuid(LEAF_SVM, 0).edx & EDX_NRIPS) != 0;
		asid_count = cpuid(LEAF_SVM, 0).ebx;
		build_maps();
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	/* With an address of zero VMRUN would overwrite the first page of memory. */
	wrmsr(MSR_VM_HSAVE_PA, kmap_hpa(save).v);
	ASSERT(rdmsr(MSR_VM_HSAVE_PA) != 0 && asid_count > 1);
	c->host_vmcb = kmap_hpa(host);
	c->generation = 1;
	c->next_asid = 1;
	return OK;
}

static void update(struct vcpu *v)
{
	struct vmcb *c = svm_vmcb(v);

	c->tsc_offset = v->vapic.tsc_offset;
	c->icpt3 = v->nmi_blocked ? c->icpt3 | ICPT3_IRET : c->icpt3 & ~(uint32_t)ICPT3_IRET;
}

/* The next entry is with an ASID of which the TLB knows nothing. */
static void flush(struct vcpu *v)
{
	svm_vmcb(v)->host_asid_generation = 0;
}

static void init(struct vcpu *v)
{
	struct vmcb *c = svm_vmcb(v);

	c->icpt_cr_write = 1 << 4 | 1 << 8;          /* CR4: bits that CPUID does not offer stay off */
	/* #DB and #AC: a guest could make the CPU deliver them for ever. #MC: is the host's. */
	c->icpt_exceptions = 1u << 1 | 1u << 17 | 1u << 18;
	c->icpt3 = ICPT3_INTR | ICPT3_NMI | ICPT3_RDPMC | ICPT3_CPUID | ICPT3_INVD | ICPT3_HLT | ICPT3_INVLPGA |
		   ICPT3_IOIO | ICPT3_MSR | ICPT3_FERR_FREEZE | ICPT3_SHUTDOWN;
	c->icpt4 = ICPT4_VMRUN | ICPT4_VMMCALL | ICPT4_VMLOAD | ICPT4_VMSAVE | ICPT4_STGI | ICPT4_CLGI | ICPT4_SKINIT |
		   ICPT4_WBINVD | ICPT4_MONITOR | ICPT4_MWAIT | ICPT4_MWAIT_ARMED | ICPT4_XSETBV | ICPT4_RDPRU;
	c->iopm_pa = image_pa(iopm).v;
	c->msrpm_pa = image_pa(msrpm).v;
	c->nested_ctl = NESTED_PAGING;
	c->nested_cr3 = v->space->pt.root.v;
	update(v);
}

/* The host's FS, GS and system-call registers: ring 3 may have changed some since the last run. */
static void load(struct vcpu *v)
{
	__asm__ volatile("vmsave %0" : : "a"(svm_cpus[cpu_this()->id].host_vmcb.v) : "memory");
	if (svm_vmcb(v)->dr7 & DR7_ENABLES) {
		vcpu_load_dr(v);
	}
}

/* A guest with active breakpoints gets its registers back at its next run by their exit, or at once (load). */
static void unload(struct vcpu *v)
{
	if (v->dr_loaded) {
		vcpu_save_dr(v);
	}
}

/*
 * Gives v an ASID that holds nothing stale: a new one on another CPU, after a wrap-around, and when something was
 * unmapped from its space. An ASID never used since the last full flush needs no flush of its own.
 */
static void assign_asid(struct vcpu *v, struct vmcb *c, struct svm_cpu *cpu, uint32_t id)
{
	if (cpu->next_asid == asid_count) {
		cpu->generation++;
		cpu->next_asid = 1;
		c->tlb_control = TLB_FLUSH_ALL;
	}
	c->asid = cpu->next_asid++;
	c->host_asid_cpu = id;
	c->host_asid_generation = cpu->generation;
	c->host_space_generation = v->space->generation;
}

/*
 * V_IRQ makes the CPU deliver the vector itself, or exit when it could. It is in service from here on: another one of the same
 * vector, sent by another CPU while the guest runs, is one more. If it is an NMI that waits for an IRET, that exit may be
 * far: the IRET is stepped over, but not one that switches tasks and so would keep TF. One that faults shows the handler TF in the
 * flags it pushes; that is the price.
 */
static uint64_t virtual_interrupt(struct vcpu *v, struct vmcb *c)
{
	if (v->window) {
		c->icpt3 |= ICPT3_VINTR;
		c->host_steps = v->rip == v->nmi_iret_rip && !(v->rflags & (RFLAGS_TF | RFLAGS_NT));
		c->rflags |= c->host_steps ? RFLAGS_TF : 0;
		return VINTR_IRQ | VINTR_PRIO(15);
	}
	vapic_accept(&v->vapic, (uint8_t)v->virq);
	return VINTR_IRQ | VINTR_PRIO(v->virq >> 4) | VINTR_VECTOR(v->virq);
}

/*
 * EXITINTINFO: an event whose delivery was interrupted by the exit. QEMU reports a virtual interrupt as an exception and
 * leaves V_IRQ set: then it will come again by itself.
 */
static void requeue(struct vcpu *v, const struct vmcb *c)
{
	uint32_t word = (uint32_t)c->exit_int_info, exception = EVENT_EXCEPTION << EVENT_TYPE_SHIFT;

	if (c->exit_code == VMEXIT_SHUTDOWN || (uint32_t)c->exit_code == VMEXIT_INVALID) {
		return;
	}
	if ((word & EVENT_TYPE_MASK << EVENT_TYPE_SHIFT) == exception && (uint8_t)word >= 32) {
		if (c->vintr & VINTR_IRQ) {
			return;
		}
		word ^= exception;           /* to EVENT_INTERRUPT */
	}
	irq_redeliver(v, word, (uint32_t)(c->exit_int_info >> 32));
}

/* Everything that travels through the VMCB on the way in. */
static void enter_state(struct vcpu *v, struct vmcb *c)
{
	c->rip = v->rip;
	c->rflags = v->rflags;
	c->shadow = v->shadow;
	c->icpt_dr_read = c->icpt_dr_write = v->dr_loaded ? 0 : 0xffff;
	c->rax = v->page->gpr[GPR_RAX];
	c->rsp = v->page->gpr[GPR_RSP];
	c->vintr = VINTR_ALWAYS | v->vapic.reg[APIC_TPR] >> 4;
	if (v->virq | v->window) {
		c->vintr |= virtual_interrupt(v, c);
	}
	if (v->event.valid) {
		c->event_inj = event_word(&v->event) | (uint64_t)v->event.error << 32;
		v->event.valid = false;
	}
}

static void leave_state(struct vcpu *v, struct vmcb *c)
{
	v->rip = c->rip;
	v->rflags = c->rflags;
	v->shadow = c->shadow & 1;
	v->page->gpr[GPR_RAX] = c->rax;
	v->page->gpr[GPR_RSP] = c->rsp;
	c->event_inj = 0;
	c->tlb_control = TLB_NOTHING;
	if (v->window) {
		c->icpt3 &= ~(uint32_t)ICPT3_VINTR;
		v->window = false;
		vcpu_add_work(v, WORK_IRQ);
		if (c->host_steps && v->rip == v->nmi_iret_rip) {
			v->rflags &= ~(uint64_t)RFLAGS_TF;
		} else if (c->host_steps && c->exit_code == VMEXIT_EXCP_0 + VECTOR_DB) {
			c->dr6 &= ~(uint64_t)DR6_BS;
			c->exit_code = VMEXIT_VINTR;
		}
	} else if (v->virq && (c->vintr & VINTR_IRQ)) {
		vapic_return(&v->vapic, (uint8_t)v->virq);
	} else if (v->virq) {
		v->virq = 0;
		vcpu_add_work(v, WORK_IRQ);
	}
	if (c->exit_int_info & EVENT_VALID) {
		requeue(v, c);
	}
}

static void run(struct vcpu *v, struct vm_exit *e)
{
	struct vmcb *c = svm_vmcb(v);
	uint32_t id = cpu_this()->id;
	struct svm_cpu *cpu = &svm_cpus[id];

	if (c->host_asid_generation != cpu->generation || c->host_asid_cpu != id ||
	    c->host_space_generation != v->space->generation) {
		assign_asid(v, c, cpu, id);
	}
	enter_state(v, c);
	svm_enter(v->page->gpr, kmap_hpa(c).v, cpu->host_vmcb.v);
	leave_state(v, c);
	svm_decode(v, e);
}

const struct vcpu_ops svm_ops = {
	.name = "SVM",
	.present = present,
	.missing = missing,
	.cpu_on = cpu_on,
	.init = init,
	.load = load,
	.unload = unload,
	.run = run,
	.mode = svm_mode,
	.mode_is = svm_mode_is,
	.set_mode = svm_set_mode,
	.get = svm_get,
	.set = svm_set,
	.get_word = svm_get_word,
	.set_word = svm_set_word,
	.flush = flush,
	.update = update,
};
