/* SPDX-License-Identifier: Apache-2.0 */
/* From exit reasons to neutral exits. SDM 3C 28.2, appendix C. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vmx/vmx.h"

enum {
	VECTOR_DB = 1, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_GP = 13, VECTOR_MC = 18,
	TYPE_MASK = 7, TYPE_PRIVILEGED = 5,          /* of an event word; 5: INT1                    */
	DR6_TRAPS = 0xf, DR6_FIXED = 0xffff0ff0, DR7_GD = 1 << 13,
	/* Qualifications. */
	CR_NUMBER = 0xf, CR_TO = 0, CR_FROM = 1, CR_CLTS = 2,
	IO_SIZE = 7, IO_IN = 1 << 3, IO_STRING = 1 << 4, IO_REP = 1 << 5,
	EPT_WRITE = 1 << 1, EPT_FETCH = 1 << 2, EPT_LINEAR = 1 << 7, EPT_FINAL = 1 << 8,
};

/* What is to be done with an exit; most are told whole by their reason. */
enum how {
	UNKNOWN, DONE, INSTRUCTION, UNDEFINED, FORBIDDEN,
	EXCEPTION, CONTROL, DEBUG, PORT, MEMORY, TASK, MISCONFIGURED,
};

static const struct {
	uint8_t how, kind;           /* enum exit_kind of DONE and INSTRUCTION */
} exits[REASON_COUNT] = {
	[REASON_EXCEPTION] = { EXCEPTION, 0 },
	[REASON_INTERRUPT] = { DONE, EXIT_INTERRUPT },
	[REASON_TRIPLE_FAULT] = { DONE, EXIT_SHUTDOWN },
	[REASON_INIT] = { DONE, EXIT_INTERRUPT },
	[REASON_INTERRUPT_WINDOW] = { DONE, EXIT_IRQ_WINDOW },
	[REASON_NMI_WINDOW] = { DONE, EXIT_IRQ_WINDOW },
	[REASON_TASK_SWITCH] = { TASK, 0 },
	[REASON_CPUID] = { INSTRUCTION, EXIT_CPUID },
	[REASON_GETSEC] = { UNDEFINED, 0 },
	[REASON_HLT] = { INSTRUCTION, EXIT_HLT },
	[REASON_INVD] = { INSTRUCTION, EXIT_OTHER },
	[REASON_RDPMC] = { FORBIDDEN, 0 },
	[REASON_RSM] = { UNDEFINED, 0 },
	[REASON_VMCALL] = { INSTRUCTION, EXIT_HYPERCALL },
	[REASON_VMCLEAR ... REASON_VMXON] = { UNDEFINED, 0 },
	[REASON_CR] = { CONTROL, 0 },
	[REASON_DR] = { DEBUG, 0 },
	[REASON_IO] = { PORT, 0 },
	[REASON_RDMSR] = { INSTRUCTION, EXIT_MSR },
	[REASON_WRMSR] = { INSTRUCTION, EXIT_MSR },
	[REASON_MWAIT] = { UNDEFINED, 0 },
	[REASON_MONITOR] = { UNDEFINED, 0 },
	[REASON_EPT_VIOLATION] = { MEMORY, 0 },
	[REASON_EPT_MISCONFIG] = { MISCONFIGURED, 0 },
	[REASON_INVEPT] = { UNDEFINED, 0 },
	[REASON_PREEMPTION_TIMER] = { DONE, EXIT_INTERRUPT },
	[REASON_INVVPID] = { UNDEFINED, 0 },
	[REASON_WBINVD] = { INSTRUCTION, EXIT_OTHER },
	[REASON_XSETBV] = { INSTRUCTION, EXIT_XSETBV },
};

/* Those that can come up while the CPU delivers an event (SDM 3C 28.2.4). */
#define IN_DELIVERY \
	(1ull << REASON_EXCEPTION | 1ull << REASON_TASK_SWITCH | 1ull << REASON_EPT_VIOLATION | 1ull << REASON_EPT_MISCONFIG)

bool vmx_control(uint64_t capability, uint32_t must, uint32_t may, uint32_t never, uint32_t *out)
{
	uint32_t ones = (uint32_t)capability, allowed = (uint32_t)(capability >> 32);

	*out = ones | must | (may & allowed);
	return !(must & ~allowed) && !(ones & never);
}

void vmx_fail(struct vcpu *v, struct vm_exit *e, const char *why)
{
	(void)v;
	e->kind = EXIT_FAIL;
	e->inst_len = 0;
	e->fail = (struct exit_fail){ vmread(VMCS_REASON), vmread(VMCS_QUALIFICATION), vmread(VMCS_INSTRUCTION_ERROR) };
	e->why = why;
}

static void raise(struct vm_exit *e, uint8_t vector, bool has_error, uint32_t error)
{
	e->kind = EXIT_EXCEPTION;
	e->exception = (struct vcpu_event){ .vector = vector, .has_error = has_error, .error = error };
}

/* An exit leaves DR6 and DR7.GD alone and tells what DR6 would hold (SDM 3C 28.2.1). */
static void debug_exception(struct vcpu *v, struct vm_exit *e, uint32_t word)
{
	const size_t dr6 = offsetof(struct vcpu_state, dr6);

	if ((word >> 8 & TYPE_MASK) == TYPE_PRIVILEGED) {
		v->rip += vmread(VMCS_LENGTH);       /* INT1: a trap */
	} else {
		vmx_set_word(v, dr6, (vmx_get_word(v, dr6) & ~(uint64_t)DR6_TRAPS) | DR6_FIXED | vmread(VMCS_QUALIFICATION));
		vmwrite(VMCS_GUEST_DR7, vmread(VMCS_GUEST_DR7) & ~(uint64_t)DR7_GD);
	}
	raise(e, VECTOR_DB, false, 0);
}

/* An NMI is the host's: it was consumed by the exit, and further ones wait for an IRET. */
static void exception(struct vcpu *v, struct vm_exit *e)
{
	uint32_t word = (uint32_t)vmread(VMCS_EXIT_EVENT);
	uint8_t vector = (uint8_t)word;

	v->nmi_blocked |= (word & NMI_UNBLOCKED) && vector != VECTOR_DF && !v->event.valid;
	if ((word >> 8 & TYPE_MASK) == EVENT_NMI) {
		__asm__ volatile("int $2" : : : "memory");
		e->kind = EXIT_INTERRUPT;
	} else if (vector == VECTOR_MC) {
		vmx_fail(v, e, "machine check while the guest ran");
	} else if (vector == VECTOR_DB) {
		debug_exception(v, e, word);
	} else {
		raise(e, vector, (word & EVENT_HAS_ERROR) != 0, (uint32_t)vmread(VMCS_EXIT_ERROR));
	}
}

/* CR8 goes both ways, CR0 and CR4 only inwards: MOV, CLTS, and LMSW, which cannot clear PE. */
static void control_register(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_QUALIFICATION), old = vmx_of(v)->cr0, val;
	unsigned cr = q & CR_NUMBER, access = q >> 4 & 3;
	uint64_t *gpr = &v->page->gpr[q >> 8 & 15];
	struct guest_mode m;

	e->inst_len = (uint32_t)vmread(VMCS_LENGTH);
	e->kind = EXIT_OTHER;
	if (cr == 8 && access == CR_FROM) {
		*gpr = v->vapic.reg[VAPIC_TPR] >> 4;
		return;
	}
	if (cr == 8) {
		e->kind = EXIT_CR;
		e->cr.number = 8;
		e->cr.source = q >> 8 & 15;
		return;
	}
	vmx_mode(v, &m);
	if (access == CR_TO) {
		val = guest_insn_mode(&m) == INSN_64 ? *gpr : (uint32_t)*gpr;
	} else if (access == CR_CLTS) {
		val = old & ~(uint64_t)CR0_TS;
	} else {
		val = (old & ~(uint64_t)(CR0_MP | CR0_EM | CR0_TS)) | (q >> 16 & (CR0_PE | CR0_MP | CR0_EM | CR0_TS));
	}
	if (!vmx_write_cr(v, cr, val)) {
		e->inst_len = 0;
		raise(e, VECTOR_GP, true, 0);
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

/* Bits above FINAL tell more on some CPUs only. */
static void memory(struct vcpu *v, struct vm_exit *e)
{
	uint64_t q = vmread(VMCS_QUALIFICATION);

	v->nmi_blocked |= (q & NMI_UNBLOCKED) && !v->event.valid;
	e->kind = EXIT_MMIO;
	e->mmio = (struct exit_mmio){
		.gpa = vmread(VMCS_GUEST_PHYSICAL), .write = (q & EPT_WRITE) != 0, .fetch = (q & EPT_FETCH) != 0,
		.walk = (q & (EPT_LINEAR | EPT_FINAL)) == EPT_LINEAR,
	};
}

static void __attribute__((noinline)) decode_rest(struct vcpu *v, struct vm_exit *e, uint32_t reason)
{
	switch (reason < REASON_COUNT ? exits[reason].how : UNKNOWN) {
	case UNDEFINED: raise(e, VECTOR_UD, false, 0); return;
	case FORBIDDEN: raise(e, VECTOR_GP, true, 0); return;
	case EXCEPTION: exception(v, e); return;
	case CONTROL:   control_register(v, e); return;
	case DEBUG:
		vmx_load_debug(v);
		e->kind = EXIT_DR;
		return;
	case TASK:          vmx_fail(v, e, "the guest switches tasks, which VT-x leaves to the hypervisor"); return;
	case MISCONFIGURED: vmx_fail(v, e, "the CPU refuses the nested page table"); return;
	default: break;
	}
	vmx_fail(v, e, reason & REASON_ENTRY_FAILED ? "the CPU refuses the guest's state" : "exit of unknown kind");
	vmwrite(VMCS_ENTRY_EVENT, 0);        /* a failed entry leaves it */
}

void vmx_decode(struct vcpu *v, struct vm_exit *e, uint32_t reason)
{
	unsigned how = reason < REASON_COUNT ? exits[reason].how : UNKNOWN;

	if (how == INSTRUCTION) {
		e->kind = exits[reason].kind;
		e->inst_len = (uint32_t)vmread(VMCS_LENGTH);
		if (e->kind == EXIT_MSR) {
			e->write = reason == REASON_WRMSR;
		}
		return;
	}
	if (how == PORT) {
		port(v, e);
		return;
	}
	if (how == DONE) {
		e->kind = exits[reason].kind;
		return;
	}
	if (reason < REASON_COUNT && (IN_DELIVERY >> reason & 1)) {
		irq_redeliver(v, (uint32_t)vmread(VMCS_VECTORING), (uint32_t)vmread(VMCS_VECTORING_ERROR));
	}
	if (how == MEMORY) {
		memory(v, e);
		return;
	}
	decode_rest(v, e, reason);
}
