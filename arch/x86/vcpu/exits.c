/* SPDX-License-Identifier: Apache-2.0 */
/* Exit handlers: what the kernel finishes itself, and what it hands to the vmm through the shared page. */
#include "arch/x86/vcpu/exits.h"

#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/irq.h"
#include "arch/x86/vcpu/mmio.h"
#include "arch/x86/vcpu/msr.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/log.h"

enum { VECTOR_DB = 1, VECTOR_UD = 6, VECTOR_GP = 13, KVM_ENOSYS = 1000, FAIL_LOG_MAX = 16, DR6_BS = 1 << 14 };

void vcpu_step_trap(struct vcpu *v)
{
	vcpu_ops->set_dr6(v, DR6_BS);
	irq_raise(v, VECTOR_DB, false, 0);
}

static enum exit_action general_protection(struct vcpu *v)
{
	irq_raise(v, VECTOR_GP, true, 0);
	return EXIT_RESUME;
}

/* What of CPUID depends on the vCPU at this moment. */
static void __attribute__((noinline)) cpuid_now(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
						uint32_t out[CPUID_REGS])
{
	struct cpuid_context c = {
		.xcr0 = v->xcr0, .apic_id = v->vapic.id, .vcpus = v->vm->vcpu_count, .hide = v->vm->hide,
		.apic_on = vapic_on(&v->vapic),
	};
	struct guest_mode m;

	vcpu_ops->mode(v, &m);
	c.cr4 = m.cr4;
	cpuid_dynamic(&c, leaf, subleaf, out);
}

static enum exit_action on_cpuid(struct vcpu *v, struct vm_exit *e)
{
	uint64_t *gpr = v->page->gpr;
	uint32_t out[CPUID_REGS], leaf = (uint32_t)gpr[GPR_RAX], subleaf = (uint32_t)gpr[GPR_RCX];

	if (!cpuid_fixed(leaf, subleaf, out)) {
		cpuid_now(v, leaf, subleaf, out);
	}
	gpr[GPR_RAX] = out[REG_EAX];
	gpr[GPR_RBX] = out[REG_EBX];
	gpr[GPR_RCX] = out[REG_ECX];
	gpr[GPR_RDX] = out[REG_EDX];
	vcpu_skip(v, e->inst_len);
	return EXIT_RESUME;
}

/* A vector left service: the IOAPIC hears of those it asked for. */
static enum exit_action after_eoi(struct vcpu *v)
{
	uint8_t vector = v->vapic.eoi_vector;

	if (!(v->page->eoi_exit_bitmap[vector >> 6] >> (vector & 63) & 1)) {
		return EXIT_RESUME;
	}
	v->page->exit.kind = EXIT_EOI;
	v->page->exit.eoi.vector = vector;
	return EXIT_TO_USER;
}

static enum exit_action on_msr(struct vcpu *v, struct vm_exit *e)
{
	uint64_t *gpr = v->page->gpr, val;
	uint32_t index = (uint32_t)gpr[GPR_RCX];
	bool eoi;

	if (e->msr.write) {
		val = gpr[GPR_RDX] << 32 | (uint32_t)gpr[GPR_RAX];
		if (!msr_write(v, index, val, &eoi)) {
			return general_protection(v);
		}
		vcpu_skip(v, e->inst_len);
		return eoi ? after_eoi(v) : EXIT_RESUME;
	}
	if (!msr_read(v, index, &val)) {
		return general_protection(v);
	}
	gpr[GPR_RAX] = (uint32_t)val;
	gpr[GPR_RDX] = val >> 32;
	vcpu_skip(v, e->inst_len);
	return EXIT_RESUME;
}

static enum exit_action on_hlt(struct vcpu *v, struct vm_exit *e)
{
	vcpu_skip(v, e->inst_len);
	if (v->virq && (v->rflags & RFLAGS_IF)) {
		return EXIT_RESUME;
	}
	v->state = VCPU_HALTED;
	return EXIT_BLOCK;
}

static enum exit_action on_hypercall(struct vcpu *v, struct vm_exit *e)
{
	v->page->gpr[GPR_RAX] = (uint64_t)-KVM_ENOSYS;
	vcpu_skip(v, e->inst_len);
	return EXIT_RESUME;
}

/* ---- to the vmm ---- */

/* What an instruction decoder needs. */
static void fill_context(struct vcpu *v, struct vcpu_exit *x)
{
	const struct guest_mode *m = &v->fetch.mode;

	x->inst_bytes = (uint8_t)fetch_code(v, x->inst);
	x->cpl = m->cpl;
	x->cs_attr = m->cs_attr;
	x->cs_base = m->cs_base;
	x->cr0 = m->cr0;
	x->cr3 = m->cr3;
	x->cr4 = m->cr4;
	x->efer = m->efer;
}

static enum exit_action on_pio(struct vcpu *v, struct vm_exit *e)
{
	struct vcpu_exit *x = &v->page->exit;
	uint32_t value = (uint32_t)v->page->gpr[GPR_RAX];

	if (!e->pio.string) {
		vcpu_skip(v, e->pio.next_rip - v->rip);
		if (e->pio.size < 4) {
			value &= (1u << 8 * e->pio.size) - 1;
		}
		if (!e->pio.in && v->vm->doorbell_count &&
		    vm_doorbell_ring(v->vm, DOORBELL_PIO, e->pio.port, e->pio.size, value)) {
			v->page->exits[EXIT_DOORBELL]++;
			return EXIT_RESUME;
		}
	} else {
		fill_context(v, x);
	}
	x->kind = EXIT_PIO;
	x->inst_len = 0;
	x->pio.port = e->pio.port;
	x->pio.size = e->pio.size;
	x->pio.in = e->pio.in;
	x->pio.string = e->pio.string;
	x->pio.rep = e->pio.rep;
	x->pio.value = value;
	x->pio.next_rip = e->pio.next_rip;
	return EXIT_TO_USER;
}

/* The VM is lost; the vmm learns why. Each one is logged, but not without end. */
static enum exit_action fail(struct vcpu *v, uint64_t code, uint64_t info1, uint64_t info2, const char *why)
{
	static unsigned logged;
	struct vcpu_exit *x = &v->page->exit;

	if (logged < FAIL_LOG_MAX) {
		logged++;
		log_printf("vcpu %u failed: %s (code %#lx info %#lx %#lx)", v->vapic.id, why, code, info1, info2);
		vcpu_ops->dump(v);
	}
	v->state = VCPU_LOST;
	x->kind = EXIT_FAIL;
	x->fail.code = code;
	x->fail.info1 = info1;
	x->fail.info2 = info2;
	return EXIT_TO_USER;
}

static enum exit_action on_mmio(struct vcpu *v, struct vm_exit *e)
{
	struct vcpu_exit *x = &v->page->exit;

	switch (mmio_in_kernel(v, e->mmio.gpa, e->mmio.write)) {
	case MMIO_DONE:
		return EXIT_RESUME;
	case MMIO_EOI:
		return after_eoi(v);
	case MMIO_FAILED:
		return fail(v, EXIT_MMIO, e->mmio.gpa, v->rip, "instruction on the APIC page is not a plain MOV");
	case MMIO_OTHER:
		break;
	}
	x->kind = EXIT_MMIO;
	x->inst_len = 0;
	x->mmio.gpa = e->mmio.gpa;
	x->mmio.write = e->mmio.write;
	x->mmio.fetch = e->mmio.fetch;
	x->mmio.walk = e->mmio.walk;
	fill_context(v, x);
	return EXIT_TO_USER;
}

static enum exit_action on_shutdown(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	v->event.valid = false;
	v->state = VCPU_LOST;
	v->page->exit.kind = EXIT_SHUTDOWN;
	return EXIT_TO_USER;
}

static enum exit_action on_fail(struct vcpu *v, struct vm_exit *e)
{
	return fail(v, e->fail.code, e->fail.info1, e->fail.info2, e->fail.why);
}

/* ---- finished here ---- */

/* The host's interrupt is pending: one instruction with IF=1 lets it in. */
static enum exit_action on_interrupt(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	(void)e;
	__asm__ volatile("sti; nop; cli" : : : "memory");
	return EXIT_RESUME;
}

static enum exit_action on_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	v->work |= WORK_IRQ;
	return EXIT_RESUME;
}

/* A write of CR8; e->cr.number is the source register. */
static enum exit_action on_cr(struct vcpu *v, struct vm_exit *e)
{
	uint64_t val = v->page->gpr[e->cr.number & 15];

	if (val & ~0xfull) {
		return general_protection(v);
	}
	(void)vapic_write(&v->vapic, VAPIC_TPR, (uint32_t)val << 4);
	v->work |= WORK_IRQ;
	vcpu_skip(v, e->inst_len);
	return EXIT_RESUME;
}

static enum exit_action on_exception(struct vcpu *v, struct vm_exit *e)
{
	irq_raise(v, e->exception.vector, e->exception.has_error, e->exception.error);
	return EXIT_RESUME;
}

/*
 * XCR0 must hold x87, AVX only with SSE, and nothing that CPUID does not offer. QEMU exits before it looks at OSXSAVE
 * and CPL, so both are checked here.
 */
static enum exit_action on_xsetbv(struct vcpu *v, struct vm_exit *e)
{
	uint64_t *gpr = v->page->gpr, val = gpr[GPR_RDX] << 32 | (uint32_t)gpr[GPR_RAX];
	struct guest_mode m;

	vcpu_ops->mode(v, &m);
	if (!(m.cr4 & CR4_OSXSAVE)) {
		irq_raise(v, VECTOR_UD, false, 0);
		return EXIT_RESUME;
	}
	if (m.cpl != 0 || (uint32_t)gpr[GPR_RCX] != 0 || !(val & 1) || (val & ~cpuid_xcr0_allowed()) || (val & 6) == 4) {
		return general_protection(v);
	}
	v->xcr0 = val;
	write_xcr0(val);
	v->xcr0_loaded = true;
	vcpu_skip(v, e->inst_len);
	return EXIT_RESUME;
}

static enum exit_action on_other(struct vcpu *v, struct vm_exit *e)
{
	switch ((enum other_exit)e->other.code) {
	case OTHER_UNDEFINED:
		irq_raise(v, VECTOR_UD, false, 0);
		break;
	case OTHER_FORBIDDEN:
		return general_protection(v);
	case OTHER_SKIP:
		vcpu_skip(v, e->inst_len);
		break;
	case OTHER_IRET:
		v->nmi_blocked = false;
		v->nmi_iret_rip = v->rip;
		vcpu_ops->watch_iret(v, false);
		v->work |= WORK_IRQ;
		break;
	case OTHER_NONE:
		break;
	}
	return EXIT_RESUME;
}

exit_fn *const exit_handlers[EXIT_KIND_COUNT] = {
	[EXIT_PIO] = on_pio,
	[EXIT_MMIO] = on_mmio,
	[EXIT_SHUTDOWN] = on_shutdown,
	[EXIT_FAIL] = on_fail,
	[EXIT_CPUID] = on_cpuid,
	[EXIT_MSR] = on_msr,
	[EXIT_HLT] = on_hlt,
	[EXIT_HYPERCALL] = on_hypercall,
	[EXIT_INTERRUPT] = on_interrupt,
	[EXIT_IRQ_WINDOW] = on_window,
	[EXIT_CR] = on_cr,
	[EXIT_DR] = on_other,
	[EXIT_EXCEPTION] = on_exception,
	[EXIT_XSETBV] = on_xsetbv,
	[EXIT_PAUSE] = on_other,
	[EXIT_NMI] = on_other,
	[EXIT_OTHER] = on_other,
};
