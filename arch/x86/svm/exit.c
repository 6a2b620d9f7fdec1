/* SPDX-License-Identifier: Apache-2.0 */
/* From VMCB exit codes to neutral exits. APM 2 appendix C. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/svm/svm.h"

enum {
	IOIO_IN = 1 << 0, IOIO_STRING = 1 << 2, IOIO_REP = 1 << 3,
	NPF_PRESENT = 1 << 0, NPF_WRITE = 1 << 1, NPF_FETCH = 1 << 4,
	VECTOR_DB = 1, VECTOR_AC = 17, VECTOR_MC = 18,
};
#define NPF_WALK (1ull << 33)

static void fail(struct vcpu *v, struct vm_exit *e, const char *why)
{
	const struct vmcb *c = svm_vmcb(v);

	e->kind = EXIT_FAIL;
	e->fail.code = c->exit_code;
	e->fail.info1 = c->exit_info1;
	e->fail.info2 = c->exit_info2;
	e->fail.why = why;
}

/* An exit of kind by instruction op, which the kernel will step over. */
static void __attribute__((noinline)) instruction_slow(struct vcpu *v, struct vm_exit *e, enum insn_op op)
{
	uint8_t code[16];
	unsigned n = fetch_code(v, code);

	e->inst_len = insn_length(code, n, op, guest_insn_mode(&v->fetch.mode));
	if (e->inst_len == 0) {
		fail(v, e, "the instruction that exited cannot be read");
	}
}

static void instruction(struct vcpu *v, struct vm_exit *e, uint32_t kind, enum insn_op op)
{
	const struct insn_opcode *o = &insn_opcodes[op];
	const struct vmcb *c = svm_vmcb(v);

	e->kind = kind;
	if (svm_has_next_rip) {
		e->inst_len = (uint32_t)(c->next_rip - v->rip);
	} else if (svm_mode_is(v, &v->fetch.mode) && (fetch_hit(v).low & o->mask) == o->bytes) {
		e->inst_len = o->length;
	} else {
		instruction_slow(v, e, op);
	}
}

/* IN, OUT, INS, OUTS: the CPU gives the next RIP on every model (APM 2 15.10.2). */
static void port(const struct vmcb *c, struct vm_exit *e)
{
	uint64_t info = c->exit_info1;

	e->kind = EXIT_PIO;
	e->pio.port = (uint16_t)(info >> 16);
	e->pio.size = info >> 4 & 7;
	e->pio.in = (info & IOIO_IN) != 0;
	e->pio.string = (info & IOIO_STRING) != 0;
	e->pio.rep = (info & IOIO_REP) != 0;
	e->pio.next_rip = c->exit_info2;
}

static void nested_fault(const struct vmcb *c, struct vm_exit *e)
{
	uint64_t info = c->exit_info1;

	e->kind = EXIT_MMIO;
	e->mmio.gpa = c->exit_info2;
	e->mmio.present = (info & NPF_PRESENT) != 0;
	e->mmio.write = (info & NPF_WRITE) != 0;
	e->mmio.fetch = (info & NPF_FETCH) != 0;
	e->mmio.walk = (info & NPF_WALK) != 0;
}

static void exception(struct vcpu *v, struct vm_exit *e)
{
	const struct vmcb *c = svm_vmcb(v);

	e->kind = EXIT_EXCEPTION;
	e->exception.vector = (uint8_t)(c->exit_code - VMEXIT_EXCP_0);
	e->exception.has_error = e->exception.vector == VECTOR_AC;
	e->exception.error = (uint32_t)c->exit_info1;
	if (e->exception.vector == VECTOR_MC) {
		fail(v, e, "machine check while the guest ran");
	}
}

static void __attribute__((noinline)) mov_cr8(struct vcpu *v, struct vm_exit *e)
{
	uint8_t code[16];
	unsigned n = fetch_code(v, code);

	e->kind = EXIT_CR;
	e->inst_len = insn_decode_mov_cr8(code, n, guest_insn_mode(&v->fetch.mode), &e->cr.number);
	if (e->inst_len == 0) {
		fail(v, e, "the write of CR8 cannot be decoded");
	}
}

static void other(struct vm_exit *e, uint32_t kind, enum other_exit code)
{
	e->kind = kind;
	e->other.code = code;
}

/* Exits that are neither instructions to step over nor events. */
static void decode_rest(struct vcpu *v, struct vm_exit *e, uint32_t code)
{
	if (code >= VMEXIT_DR0_READ && code <= VMEXIT_DR15_WRITE) {
		svm_load_debug(v);
		other(e, EXIT_DR, OTHER_NONE);
	} else if (code >= VMEXIT_EXCP_0 && code <= VMEXIT_EXCP_31) {
		exception(v, e);
	} else if (code == VMEXIT_INVLPGA || code == VMEXIT_RDPRU || (code >= VMEXIT_VMRUN && code <= VMEXIT_SKINIT) ||
		   (code >= VMEXIT_MONITOR && code <= VMEXIT_MWAIT_ARMED)) {
		other(e, EXIT_OTHER, OTHER_UNDEFINED);
	} else if (code == VMEXIT_INVALID) {
		fail(v, e, "the CPU refuses the guest's state");
	} else {
		fail(v, e, "exit of unknown kind");
	}
}

void svm_decode(struct vcpu *v, struct vm_exit *e)
{
	const struct vmcb *c = svm_vmcb(v);
	uint32_t code = (uint32_t)c->exit_code;

	switch (code) {
	case VMEXIT_IOIO:     port(c, e); return;
	case VMEXIT_NPF:      nested_fault(c, e); return;
	case VMEXIT_MSR:
		instruction(v, e, EXIT_MSR, c->exit_info1 ? INSN_WRMSR : INSN_RDMSR);
		e->msr.write = c->exit_info1 != 0;
		return;
	case VMEXIT_CPUID:    instruction(v, e, EXIT_CPUID, INSN_CPUID); return;
	case VMEXIT_HLT:      instruction(v, e, EXIT_HLT, INSN_HLT); return;
	case VMEXIT_VMMCALL:  instruction(v, e, EXIT_HYPERCALL, INSN_HYPERCALL); return;
	case VMEXIT_XSETBV:   instruction(v, e, EXIT_XSETBV, INSN_XSETBV); return;
	case VMEXIT_INTR:     e->kind = EXIT_INTERRUPT; return;
	case VMEXIT_VINTR:    e->kind = EXIT_IRQ_WINDOW; return;
	case VMEXIT_NMI:      e->kind = EXIT_INTERRUPT; return;
	case VMEXIT_SHUTDOWN: e->kind = EXIT_SHUTDOWN; return;
	case VMEXIT_CR8_WRITE: mov_cr8(v, e); return;
	case VMEXIT_IRET:     other(e, EXIT_OTHER, OTHER_IRET); return;
	case VMEXIT_RDPMC:    other(e, EXIT_OTHER, OTHER_FORBIDDEN); return;
	case VMEXIT_FERR_FREEZE: other(e, EXIT_OTHER, OTHER_NONE); return;
	case VMEXIT_WBINVD:
		instruction(v, e, EXIT_OTHER, INSN_WBINVD);
		break;
	case VMEXIT_INVD:
		instruction(v, e, EXIT_OTHER, INSN_INVD);
		break;
	default:
		decode_rest(v, e, code);
		return;
	}
	if (e->kind == EXIT_OTHER) {
		e->other.code = OTHER_SKIP;
	}
}
