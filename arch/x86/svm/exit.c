/* SPDX-License-Identifier: Apache-2.0 */
/* From VMCB exit codes to neutral exits. APM 2 appendix C. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/svm/svm.h"

enum {
	IOIO_IN = 1 << 0, IOIO_STRING = 1 << 2, IOIO_REP = 1 << 3,
	NPF_WRITE = 1 << 1, NPF_FETCH = 1 << 4,
};
#define NPF_WALK (1ull << 33)

static void fail(struct vcpu *v, struct vm_exit *e, const char *why)
{
	const struct vmcb *c = svm_vmcb(v);

	e->kind = EXIT_FAIL;
	e->fail = (struct exit_fail){ c->exit_code, c->exit_info1, c->exit_info2 };
	e->why = why;
}

/*
 * What exited is not what stands there: the CPU read the code through a stale translation, or another processor of the guest
 * changed it meanwhile. The CPU looks again with nothing cached, and does what it finds then, an exit or not. That every form
 * which exits is known here is for a unit test; so what never agrees is code that changes all the time, on the guest's own time.
 */
static void look_again(struct vcpu *v, struct vm_exit *e)
{
	svm_vmcb(v)->host_asid_generation = 0;
	e->kind = EXIT_OTHER;
}

/* Without prefixes, little-endian under a mask: nearly all. */
static const struct {
	uint32_t bytes, mask, length;
} usual[] = {
	[INSN_CPUID] = { 0xa20f, 0xffff, 2 }, [INSN_RDMSR] = { 0x320f, 0xffff, 2 }, [INSN_WRMSR] = { 0x300f, 0xffff, 2 },
	[INSN_HLT] = { 0xf4, 0xff, 1 }, [INSN_HYPERCALL] = { 0xd9010f, 0xffffff, 3 },
	[INSN_XSETBV] = { 0xd1010f, 0xffffff, 3 }, [INSN_WBINVD] = { 0x090f, 0xffff, 2 }, [INSN_INVD] = { 0x080f, 0xffff, 2 },
};

/* By what the vmm told; its answer comes with the same exit again. */
static const struct insn_info *__attribute__((noinline)) measure(struct vcpu *v, struct vm_exit *e, enum insn_kind kind, uint64_t value)
{
	const struct insn_info *i = fetch_insn(v);

	if (!i) {
		e->kind = EXIT_DECODE;
	} else if (i->kind != kind || i->value != value) {
		look_again(v, e);
	} else {
		e->inst_len = i->length;
	}
	return i;
}

/* An exit of kind by that instruction, which the kernel will step over. */
static void instruction(struct vcpu *v, struct vm_exit *e, uint32_t kind, enum insn_kind insn)
{
	e->kind = kind;
	if (svm_has_next_rip) {
		e->inst_len = (uint32_t)(svm_vmcb(v)->next_rip - v->rip);
	} else if (svm_mode_is(v, &v->fetch.mode) && (fetch_hit(v).low & usual[insn].mask) == usual[insn].bytes) {
		e->inst_len = usual[insn].length;
	} else {
		(void)measure(v, e, insn, 0);
	}
}

/* IN, OUT, INS, OUTS: the CPU gives the next RIP on every model (APM 2 15.10.2). */
static void port(const struct vmcb *c, struct vm_exit *e)
{
	uint64_t info = c->exit_info1;

	e->kind = EXIT_PIO;
	e->pio = (struct exit_pio){
		.port = (uint16_t)(info >> 16), .size = info >> 4 & 7, .in = (info & IOIO_IN) != 0,
		.string = (info & IOIO_STRING) != 0, .rep = (info & IOIO_REP) != 0, .next_rip = c->exit_info2,
	};
}

static void nested_fault(const struct vmcb *c, struct vm_exit *e)
{
	uint64_t info = c->exit_info1;

	e->kind = EXIT_MMIO;
	e->mmio = (struct exit_mmio){
		.gpa = c->exit_info2, .write = (info & NPF_WRITE) != 0, .fetch = (info & NPF_FETCH) != 0,
		.walk = (info & NPF_WALK) != 0,
	};
}

static void mov_cr(struct vcpu *v, struct vm_exit *e, uint8_t cr)
{
	const struct insn_info *i;

	e->kind = EXIT_CR;
	i = measure(v, e, INSN_MOV_CR, cr);
	if (e->kind == EXIT_CR) {
		e->cr.number = cr;
		e->cr.value = v->page->gpr[i->reg & 15];
	}
}

/* The exits that every guest makes are told apart first; these are the others. */
static void __attribute__((noinline)) decode_rest(struct vcpu *v, struct vm_exit *e, uint32_t code)
{
	switch (code) {
	case VMEXIT_DR0_READ ... VMEXIT_DR15_WRITE:
		vcpu_load_dr(v);
		e->kind = EXIT_DR;
		return;
	case VMEXIT_EXCP_0 + VECTOR_MC:
		fail(v, e, "machine check while the guest ran");
		return;
	case VMEXIT_EXCP_0 ... VMEXIT_EXCP_0 + VECTOR_AC:
		exit_exception(e, (uint8_t)(code - VMEXIT_EXCP_0), code == VMEXIT_EXCP_0 + VECTOR_AC,
			  (uint32_t)svm_vmcb(v)->exit_info1);
		return;
	case VMEXIT_INVLPGA: case VMEXIT_VMRUN: case VMEXIT_VMLOAD ... VMEXIT_SKINIT:
	case VMEXIT_MONITOR ... VMEXIT_MWAIT_ARMED: case VMEXIT_RDPRU:
		exit_exception(e, VECTOR_UD, false, 0);
		return;
	case VMEXIT_RDPMC:       exit_exception(e, VECTOR_GP, true, 0); return;
	case VMEXIT_FERR_FREEZE: e->kind = EXIT_OTHER; return;
	case VMEXIT_SHUTDOWN:    e->kind = EXIT_SHUTDOWN; return;
	case VMEXIT_IRET:        e->kind = EXIT_NMI; return;
	case VMEXIT_CR4_WRITE:   mov_cr(v, e, 4); return;
	case VMEXIT_CR8_WRITE:   mov_cr(v, e, 8); return;
	case VMEXIT_XSETBV:      instruction(v, e, EXIT_XSETBV, INSN_XSETBV); return;
	case VMEXIT_WBINVD:      instruction(v, e, EXIT_OTHER, INSN_WBINVD); return;
	case VMEXIT_INVD:        instruction(v, e, EXIT_OTHER, INSN_INVD); return;
	case VMEXIT_INVALID:     fail(v, e, "the CPU refuses the guest's state"); return;
	default:                 fail(v, e, "exit of unknown kind"); return;
	}
}

void svm_decode(struct vcpu *v, struct vm_exit *e)
{
	const struct vmcb *c = svm_vmcb(v);
	uint32_t code = (uint32_t)c->exit_code;

	e->inst_len = 0;
	switch (code) {
	case VMEXIT_IOIO:    port(c, e); return;
	case VMEXIT_NPF:     nested_fault(c, e); return;
	case VMEXIT_MSR:
		instruction(v, e, EXIT_MSR, c->exit_info1 ? INSN_WRMSR : INSN_RDMSR);
		if (e->kind == EXIT_MSR) {
			e->write = c->exit_info1 != 0;
		}
		return;
	case VMEXIT_CPUID:   instruction(v, e, EXIT_CPUID, INSN_CPUID); return;
	case VMEXIT_HLT:     instruction(v, e, EXIT_HLT, INSN_HLT); return;
	case VMEXIT_VMMCALL: instruction(v, e, EXIT_HYPERCALL, INSN_HYPERCALL); return;
	case VMEXIT_INTR:
	case VMEXIT_NMI:     e->kind = EXIT_INTERRUPT; return;
	case VMEXIT_VINTR:   e->kind = EXIT_IRQ_WINDOW; return;
	default:             decode_rest(v, e, code); return;
	}
}
