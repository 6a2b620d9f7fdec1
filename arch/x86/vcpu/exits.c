/* SPDX-License-Identifier: Apache-2.0 */
/* Exit handlers: what the kernel finishes itself, and what it hands to the vmm through the shared page. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"
#include "lib/fmt.h"

void vcpu_step_trap(struct vcpu *v)
{
	size_t dr6 = offsetof(struct vcpu_state, dr6);

	vcpu_ops->set_word(v, dr6, vcpu_ops->get_word(v, dr6) | DR6_BS);
	irq_raise(v, VECTOR_DB, false, 0);
}

static bool general_protection(struct vcpu *v)
{
	irq_raise(v, VECTOR_GP, true, 0);
	return false;
}

/* EDX:EAX */
static uint64_t wide_value(const struct vcpu *v)
{
	return v->page->gpr[GPR_RDX] << 32 | (uint32_t)v->page->gpr[GPR_RAX];
}

static bool on_cpuid(struct vcpu *v, struct vm_exit *e)
{
	uint64_t *gpr = v->page->gpr;
	uint32_t out[CPUID_REGS];

	cpuid_guest(v, (uint32_t)gpr[GPR_RAX], (uint32_t)gpr[GPR_RCX], out);
	gpr[GPR_RAX] = out[REG_EAX];
	gpr[GPR_RBX] = out[REG_EBX];
	gpr[GPR_RCX] = out[REG_ECX];
	gpr[GPR_RDX] = out[REG_EDX];
	vcpu_skip(v, e->inst_len);
	return false;
}

/* After a write to the guest's APIC. A vector that left service: the IOAPIC hears of those it asked for. */
static bool apic_written(struct vcpu *v, enum vapic_effect effect)
{
	uint8_t vector = v->vapic.eoi_vector;

	vcpu_add_work(v, WORK_IRQ);
	if (effect == VAPIC_SEND) {
		irq_send_ipi(v);
	}
	if (effect != VAPIC_EOI_EXIT || !(v->page->eoi_exit_bitmap[vector >> 6] >> (vector & 63) & 1)) {
		return false;
	}
	v->page->exit.kind = EXIT_EOI;
	v->page->exit.eoi.vector = vector;
	return true;
}

static bool wrmsr_exit(struct vcpu *v, uint32_t index, uint32_t length)
{
	enum vapic_effect effect;

	if (index - MSR_X2APIC < APIC_REGS) {
		effect = vapic_write_x2(&v->vapic, index - MSR_X2APIC, wide_value(v));
		if (effect == VAPIC_FAULT) {
			return general_protection(v);
		}
		vcpu_skip(v, length);
		return apic_written(v, effect);
	}
	if (!msr_write(v, index, wide_value(v))) {
		return general_protection(v);
	}
	vcpu_skip(v, length);
	return false;
}

static bool on_msr(struct vcpu *v, struct vm_exit *e)
{
	uint64_t *gpr = v->page->gpr, val;
	uint32_t index = (uint32_t)gpr[GPR_RCX];

	if (e->write) {
		return wrmsr_exit(v, index, e->inst_len);
	}
	if (!msr_read(v, index, &val)) {
		return general_protection(v);
	}
	gpr[GPR_RAX] = (uint32_t)val;
	gpr[GPR_RDX] = val >> 32;
	vcpu_skip(v, e->inst_len);
	return false;
}

/* The loop's look around blocks, if nothing has come in the meantime. */
static bool on_hlt(struct vcpu *v, struct vm_exit *e)
{
	vcpu_skip(v, e->inst_len);
	if (!v->virq || !(v->rflags & RFLAGS_IF)) {
		v->state = VCPU_HALTED;
	}
	return false;
}

static bool on_hypercall(struct vcpu *v, struct vm_exit *e)
{
	v->page->gpr[GPR_RAX] = (uint64_t)pv_hypercall(v);
	vcpu_skip(v, e->inst_len);
	return false;
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

static uint64_t size_mask(unsigned size)
{
	return size == 8 ? ~0ull : (1ull << 8 * size) - 1;
}

static bool on_pio(struct vcpu *v, struct vm_exit *e)
{
	struct vcpu_exit *x = &v->page->exit;

	e->pio.value = (uint32_t)(v->page->gpr[GPR_RAX] & size_mask(e->pio.size));
	if (e->pio.string) {
		fill_context(v, x);
	} else {
		vcpu_skip(v, e->pio.next_rip - v->rip);
		if (!e->pio.in && vm_doorbell_ring(v->vm, DOORBELL_PIO, e->pio.port, e->pio.size, e->pio.value)) {
			v->page->exits[EXIT_DOORBELL]++;
			return false;
		}
	}
	x->kind = EXIT_PIO;
	x->pio = e->pio;
	return true;
}

/* The VM is lost; the vmm learns why. */
static bool on_fail(struct vcpu *v, struct vm_exit *e)
{
	v->state = VCPU_LOST;
	v->page->exit.kind = EXIT_FAIL;
	v->page->exit.fail = e->fail;
	fmt_print(v->page->exit.why, EXIT_WHY_MAX, "%s", e->why);
	return true;
}

static bool on_shutdown(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	v->event.valid = false;
	v->state = VCPU_LOST;
	v->page->exit.kind = EXIT_SHUTDOWN;
	return true;
}

/* The vmm does it; of a task switch the back end has filled in what there is to tell. */
static bool hand_over(struct vcpu *v, struct vm_exit *e)
{
	v->page->exit.kind = e->kind;
	fill_context(v, &v->page->exit);
	return true;
}

/* ---- memory-mapped: the APIC page (SDM 3A 11.4.1) and doorbells, by plain MOVs ---- */

/* The MOV at rip. NULL: the vmm has not decoded these bytes yet, or they are another instruction. */
static const struct insn_info *find_mov(struct vcpu *v)
{
	const struct insn_info *i = fetch_insn(v);

	return i && i->kind == INSN_MOV ? i : NULL;
}

static uint64_t source(const struct vcpu *v, const struct insn_info *m)
{
	uint64_t val = m->immediate ? m->value : v->page->gpr[m->reg & 15] >> (m->high ? 8 : 0);

	return val & size_mask(m->size);
}

/* Writes the loaded value as the CPU does: 32-bit results clear the upper half, smaller ones are merged. */
static void sink(struct vcpu *v, const struct insn_info *m, uint64_t val)
{
	uint64_t *reg = &v->page->gpr[m->reg & 15], mask = m->reg_size == 4 ? ~0ull : size_mask(m->reg_size);
	unsigned shift = m->high ? 8 : 0;

	val &= size_mask(m->size);
	if (m->sign && val >> (8 * m->size - 1)) {
		val |= ~size_mask(m->size);
		val &= size_mask(m->reg_size);
	}
	*reg = (*reg & ~(mask << shift)) | (val & mask) << shift;
}

/* By the vmm. */
static bool emulate(struct vcpu *v, struct vm_exit *e, enum mmio_asks asks)
{
	struct vcpu_exit *x = &v->page->exit;

	x->kind = EXIT_MMIO;
	x->mmio = e->mmio;
	x->mmio.asks = (uint8_t)asks;
	fill_context(v, x);
	return true;
}

/* Registers are 32 bits at multiples of 16; other widths and offsets inside of one read its bytes, writes are lost. */
static bool on_apic_page(struct vcpu *v, struct vm_exit *e)
{
	unsigned reg = e->mmio.gpa >> 4 & 0xff, inner = e->mmio.gpa & 15;
	const struct insn_info *m = find_mov(v);

	v->page->exits[EXIT_APIC]++;
	if (!m || m->write != e->mmio.write) {
		return emulate(v, e, MMIO_MUST_ANSWER);
	}
	vcpu_skip(v, m->length);
	if (m->write) {
		return apic_written(v, inner == 0 && m->size >= 4 ?
				    vapic_write(&v->vapic, reg, (uint32_t)source(v, m)) : VAPIC_DONE);
	}
	sink(v, m, inner < 4 ? vapic_read(&v->vapic, reg) >> 8 * inner : 0);
	return false;
}

static bool rings_doorbell(struct vcpu *v, uint64_t gpa)
{
	const struct insn_info *m = find_mov(v);

	if (!m || !m->write || !vm_doorbell_ring(v->vm, DOORBELL_MMIO, gpa, m->size, source(v, m))) {
		return false;
	}
	v->page->exits[EXIT_DOORBELL]++;
	vcpu_skip(v, m->length);
	return true;
}

static bool on_mmio(struct vcpu *v, struct vm_exit *e)
{
	bool bell = e->mmio.write && vm_doorbell_ring(v->vm, DOORBELL_MMIO, e->mmio.gpa, 0, 0);

	if ((e->mmio.gpa ^ v->vapic.base) >> PAGE_SHIFT == 0 && vapic_on(&v->vapic) && !vapic_x2(&v->vapic)) {
		return on_apic_page(v, e);
	}
	return !(bell && rings_doorbell(v, e->mmio.gpa)) && emulate(v, e, bell && v->asked ? MMIO_ANSWER : MMIO_ASKS_NOTHING);
}

/* ---- finished here ---- */

/* The host's interrupt is pending: one instruction with IF=1 lets it in. */
static bool on_interrupt(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	(void)e;
	cpu_let_interrupt();
	return false;
}

/* Beside values that always fault: 64-bit code cannot leave long mode, nor a segment with L enter it (SDM 2B MOV CRn). */
static bool may_change(const struct guest_mode *from, const struct guest_mode *to)
{
	return !((from->efer ^ to->efer) & EFER_LMA) || !(from->cs_attr & SEG_L);
}

/* Reserved bits of CR0's lower half are ignored. */
static bool write_mode(struct vcpu *v, const struct guest_mode *from, unsigned cr, uint64_t val)
{
	struct guest_mode to = *from;

	if (cr == 4) {
		to.cr4 = val;
	} else {
		to.cr0 = val >> 32 ? val : val & STATE_CR0_VALID;
	}
	return state_mode_valid(&to) && may_change(from, &to) && vcpu_ops->set_mode(v, &to);
}

static bool on_cr(struct vcpu *v, struct vm_exit *e)
{
	struct guest_mode m;
	uint64_t val;

	vcpu_ops->mode(v, &m);
	val = guest_insn_mode(&m) == INSN_64 ? e->cr.value : (uint32_t)e->cr.value;
	if (e->cr.number == 8 ? val > 15 : !write_mode(v, &m, e->cr.number, val)) {
		return general_protection(v);
	}
	vcpu_skip(v, e->inst_len);
	return e->cr.number == 8 && apic_written(v, vapic_write(&v->vapic, APIC_TPR, (uint32_t)val << 4));
}

static bool on_exception(struct vcpu *v, struct vm_exit *e)
{
	irq_raise(v, e->exception.vector, e->exception.has_error, e->exception.error);
	return false;
}

/* QEMU exits before it looks at OSXSAVE and CPL, so both are checked here. */
static bool on_xsetbv(struct vcpu *v, struct vm_exit *e)
{
	uint64_t val = wide_value(v);
	struct guest_mode m;

	vcpu_ops->mode(v, &m);
	if (!(m.cr4 & CR4_OSXSAVE)) {
		irq_raise(v, VECTOR_UD, false, 0);
		return false;
	}
	if (m.cpl != 0 || (uint32_t)v->page->gpr[GPR_RCX] != 0 || !cpuid_xcr0_valid(val)) {
		return general_protection(v);
	}
	v->xcr0 = val;
	write_xcr0(val);
	v->xcr0_loaded = true;
	vcpu_skip(v, e->inst_len);
	return false;
}

/* NMIs are open again after this IRET. */
static bool on_iret(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	v->nmi_blocked = false;
	v->nmi_iret_rip = v->rip;
	vcpu_ops->update(v);
	vcpu_add_work(v, WORK_IRQ);
	return false;
}

/* The CPU ended an interrupt of which the IOAPIC wants to hear. */
static bool on_eoi(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	return apic_written(v, VAPIC_EOI_EXIT);
}

/* Finished by the back end (a window set WORK_IRQ), or an instruction to step over. */
static bool on_other(struct vcpu *v, struct vm_exit *e)
{
	if (e->inst_len) {
		vcpu_skip(v, e->inst_len);
	}
	return false;
}

exit_fn *const exit_handlers[EXIT_KIND_COUNT] = {
	[EXIT_PIO] = on_pio,
	[EXIT_MMIO] = on_mmio,
	[EXIT_TASK] = hand_over,
	[EXIT_DECODE] = hand_over,
	[EXIT_EOI] = on_eoi,
	[EXIT_SHUTDOWN] = on_shutdown,
	[EXIT_FAIL] = on_fail,
	[EXIT_CPUID] = on_cpuid,
	[EXIT_MSR] = on_msr,
	[EXIT_HLT] = on_hlt,
	[EXIT_HYPERCALL] = on_hypercall,
	[EXIT_INTERRUPT] = on_interrupt,
	[EXIT_IRQ_WINDOW] = on_other,
	[EXIT_CR] = on_cr,
	[EXIT_EXCEPTION] = on_exception,
	[EXIT_XSETBV] = on_xsetbv,
	[EXIT_DR] = on_other,
	[EXIT_NMI] = on_iret,
	[EXIT_OTHER] = on_other,
};
