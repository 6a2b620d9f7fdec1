/* SPDX-License-Identifier: Apache-2.0 */
/* From exit reasons to neutral exits. SDM 3C 28.2, appendix C. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vmx/vmx.h"

enum {
	/* Qualifications. */
	CR_NUMBER = 0xf, CR_TO = 0, CR_CLTS = 2, CR_LMSW = 3, LMSW_BITS = CR0_PE | CR0_MP | CR0_EM | CR0_TS,
	IO_SIZE = 7, IO_IN = 1 << 3, IO_STRING = 1 << 4, IO_REP = 1 << 5,
	EPT_WRITE = 1 << 1, EPT_FETCH = 1 << 2, EPT_LINEAR = 1 << 7, EPT_FINAL = 1 << 8,
};

bool vmx_control(uint64_t capability, uint32_t must, uint32_t may, uint32_t never, uint32_t *out)
{
	uint32_t ones = (uint32_t)capability, allowed = (uint32_t)(capability >> 32);

	*out = ones | must | (may & allowed);
	return !(must & ~allowed) && !(ones & never);
}

static void fail(struct vm_exit *e, const char *why)
{
	e->kind = EXIT_FAIL;
	e->inst_len = 0;
	e->fail = (struct exit_fail){ vmread(VMCS_REASON), vmread(VMCS_QUALIFICATION), vmread(VMCS_INSTRUCTION_ERROR) };
	e->why = why;
	vmwrite(VMCS_ENTRY_EVENT, 0);        /* a failed entry leaves it */
}

/* An instruction that the kernel completes. */
static void instruction(struct vm_exit *e, uint32_t kind)
{
	e->kind = kind;
	e->inst_len = (uint32_t)vmread(VMCS_LENGTH);
}

/* Exceptions and violations can come up while the CPU delivers an event (SDM 3C 28.2.4). */
static void redeliver(struct vcpu *v)
{
	uint32_t word = (uint32_t)vmread(VMCS_VECTORING);

	if (word & EVENT_VALID) {
		irq_redeliver(v, word, (uint32_t)vmread(VMCS_VECTORING_ERROR));
	}
}

/* An exit leaves DR6 and DR7.GD alone and tells what DR6 would hold (SDM 3C 28.2.1). INT1 is a trap without that. */
static void debug_exception(struct vcpu *v, uint32_t type)
{
	uint64_t dr6 = vmx_get_word(v, offsetof(struct vcpu_state, dr6)) & ~(uint64_t)DR6_TRAPS;

	if (type == EVENT_EXCEPTION) {
		vmx_set_word(v, offsetof(struct vcpu_state, dr6), dr6 | DR6_FIXED | vmread(VMCS_QUALIFICATION));
		vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~(uint64_t)DR7_GD);
	} else {
		v->rip += vmread(VMCS_LENGTH);
	}
}

/* An NMI is the host's: it was consumed by the exit, and further ones wait for an IRET. */
static void __attribute__((noinline)) exception(struct vcpu *v, struct vm_exit *e)
{
	uint32_t word = (uint32_t)vmread(VMCS_EXIT_EVENT), type = word >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK;
	uint8_t vector = (uint8_t)word;

	redeliver(v);
	v->nmi_blocked |= (word & NMI_UNBLOCKED) && vector != VECTOR_DF && !v->event.valid;
	if (type == EVENT_NMI) {
		__asm__ volatile("int $2" : : : "memory");
		e->kind = EXIT_INTERRUPT;
		return;
	}
	if (vector == VECTOR_MC) {
		fail(e, "machine check while the guest ran");
		return;
	}
	if (vector == VECTOR_DB) {
		debug_exception(v, type);
	}
	exit_exception(e, vector, (word & EVENT_HAS_ERROR) != 0, (uint32_t)vmread(VMCS_EXIT_ERROR));
}

/* CR8 goes both ways, CR0 and CR4 only inwards: MOV, CLTS, and LMSW, which cannot clear PE. */
static void __attribute__((noinline)) control_register(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_QUALIFICATION), cr0 = vmx_of(v)->cr0, *gpr = &v->page->gpr[q >> 8 & 15];

	instruction(e, EXIT_CR);
	e->cr.number = q & CR_NUMBER;
	switch (q >> 4 & 3) {
	case CR_TO:   e->cr.value = *gpr; return;
	case CR_CLTS: e->cr.value = cr0 & ~(uint64_t)CR0_TS; return;
	case CR_LMSW: e->cr.value = (cr0 & ~(uint64_t)(LMSW_BITS ^ CR0_PE)) | (q >> 16 & LMSW_BITS); return;
	default:
		*gpr = v->vapic.reg[APIC_TPR] >> 4;
		e->kind = EXIT_OTHER;
	}
}

static void port(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	e->kind = EXIT_PIO;
	e->pio = (struct exit_pio){
		.port = (uint16_t)(q >> 16), .size = (uint8_t)((q & IO_SIZE) + 1), .in = (q & IO_IN) != 0,
		.string = (q & IO_STRING) != 0, .rep = (q & IO_REP) != 0, .next_rip = v->rip + vmread(VMCS_LENGTH),
	};
}

/*
 * Bits above FINAL tell more on some CPUs only. The CPU sets RF, as for a fault; who emulates the access completes the
 * instruction, and that clears RF.
 */
static void memory(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	redeliver(v);
	v->nmi_blocked |= (q & NMI_UNBLOCKED) && !v->event.valid;
	v->rflags &= ~(uint64_t)RFLAGS_RF;
	e->kind = EXIT_MMIO;
	e->mmio = (struct exit_mmio){
		.gpa = vmread(VMCS_GUEST_PHYSICAL), .write = (q & EPT_WRITE) != 0, .fetch = (q & EPT_FETCH) != 0,
		.walk = (q & (EPT_LINEAR | EPT_FINAL)) == EPT_LINEAR,
	};
}

/* The processor has checked the way to the new TSS and nothing else (SDM 3C 26.4.2). */
static void task(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	e->kind = EXIT_TASK;
	v->page->exit.task = (struct exit_task){
		.selector = (uint16_t)q, .source = q >> 30 & 3, .length = (uint8_t)vmread(VMCS_LENGTH),
		.event = (uint32_t)vmread(VMCS_VECTORING), .error = (uint32_t)vmread(VMCS_VECTORING_ERROR),
	};
}

void vmx_decode(struct vcpu *v, struct vm_exit *e, uint32_t reason)
{
	switch (reason) {
	case REASON_CPUID:  instruction(e, EXIT_CPUID); return;
	case REASON_HLT:    instruction(e, EXIT_HLT); return;
	case REASON_VMCALL: instruction(e, EXIT_HYPERCALL); return;
	case REASON_XSETBV: instruction(e, EXIT_XSETBV); return;
	case REASON_INVD: case REASON_WBINVD: instruction(e, EXIT_OTHER); return;
	case REASON_RDMSR: case REASON_WRMSR:
		instruction(e, EXIT_MSR);
		e->write = reason == REASON_WRMSR;
		return;
	case REASON_IO:            port(v, e); return;
	case REASON_EPT_VIOLATION: memory(v, e); return;
	case REASON_INTERRUPT:     vmx_apicv_interrupted(); e->kind = EXIT_INTERRUPT; return;
	case REASON_PREEMPTION_TIMER: case REASON_INIT: e->kind = EXIT_INTERRUPT; return;
	case REASON_INTERRUPT_WINDOW: case REASON_NMI_WINDOW: e->kind = EXIT_IRQ_WINDOW; return;
	case REASON_TRIPLE_FAULT:  e->kind = EXIT_SHUTDOWN; return;
	case REASON_EXCEPTION:     exception(v, e); return;
	case REASON_CR:            control_register(v, e); return;
	/* Both are behind their instruction. */
	case REASON_APIC_WRITE:    vmx_apicv_written(v); e->kind = EXIT_OTHER; return;
	case REASON_EOI:
		e->kind = EXIT_EOI;
		v->vapic.eoi_vector = (uint8_t)vmread(VMCS_QUALIFICATION);
		return;
	case REASON_DR:            vmx_load_debug(v); e->kind = EXIT_DR; return;
	case REASON_RDPMC:         exit_exception(e, VECTOR_GP, true, 0); return;
	case REASON_GETSEC: case REASON_RSM: case REASON_VMCLEAR ... REASON_VMXON: case REASON_MWAIT: case REASON_MONITOR:
	case REASON_INVEPT: case REASON_INVVPID: exit_exception(e, VECTOR_UD, false, 0); return;
	case REASON_TASK_SWITCH:   task(v, e); return;
	/* Only an event that no CPU has is refused so (SDM 3C 27.2.1.3): it came from the vmm. */
	case REASON_REFUSED: fail(e, "the CPU refuses the event to be delivered"); return;
	default:
		fail(e, reason & REASON_ENTRY_FAILED ? "the CPU refuses the guest's state" : "exit of unknown kind");
	}
}
