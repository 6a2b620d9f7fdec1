/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt messages and the choice of the next event. SDM 3A 11.6, 11.11, 6.15; APM 2 15.20, 15.21. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/space.h"

enum { TO_DEST, TO_SELF, TO_ALL, TO_OTHERS };
enum { ICR_LOGICAL = 1 << 11, ICR_ASSERT = 1 << 14, ICR_LEVEL = 1 << 15, KVM_EINVAL = 22 };

/* ---- messages ---- */

struct message {
	uint32_t dest;
	uint8_t vector, mode;        /* enum vapic_delivery */
	bool logical, level, asserted;
};

static void deliver(struct vcpu *v, const struct message *m)
{
	switch (m->mode) {
	case DM_FIXED:
	case DM_LOWEST:
		if (vapic_post(&v->vapic, m->vector, m->level)) {
			/* Who wants to hear of its end must be asked first, by an exit. */
			vcpu_notify(v, m->level ? WORK_IRQ : WORK_IRQ | WORK_POSTED);
		}
		return;
	case DM_NMI:
		v->nmi_pending = true;
		vcpu_notify(v, WORK_IRQ);
		return;
	case DM_INIT:
		vcpu_notify(v, m->asserted ? WORK_INIT : 0);
		return;
	case DM_SIPI:
		v->sipi_vector = m->vector;
		vcpu_notify(v, WORK_SIPI);
		return;
	default:
		return;              /* SMI, ExtINT and reserved: not on this platform */
	}
}

/* Lowest priority: among the addressed, the one with the lowest PPR; ties go round. */
static void deliver_lowest(struct vm *vm, const struct message *m)
{
	struct vcpu *best = NULL;

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpu[(vm->lowest_turn + i) % vm->vcpu_count];

		if (vapic_soft_on(&v->vapic) && vapic_matches(&v->vapic, m->dest, m->logical) &&
		    (!best || vapic_ppr(&v->vapic) < vapic_ppr(&best->vapic))) {
			best = v;
		}
	}
	if (best) {
		vm->lowest_turn = best->index + 1;
		deliver(best, m);
	}
}

static void send(struct vm *vm, const struct message *m, const struct vcpu *except)
{
	if (m->mode == DM_LOWEST) {
		deliver_lowest(vm, m);
		return;
	}
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (v != except && vapic_matches(&v->vapic, m->dest, m->logical)) {
			deliver(v, m);
		}
	}
}

void irq_send_ipi(struct vcpu *v)
{
	uint64_t icr = v->vapic.icr;
	unsigned shorthand = icr >> 18 & 3;
	struct message m = {
		.dest = vapic_x2(&v->vapic) ? (uint32_t)(icr >> 32) : (uint32_t)(icr >> 56),
		.vector = (uint8_t)icr, .mode = icr >> 8 & 7, .logical = (icr & ICR_LOGICAL) != 0,
		.asserted = !(icr & ICR_LEVEL) || (icr & ICR_ASSERT),
	};

	if (shorthand == TO_SELF) {
		if (m.mode == DM_FIXED || m.mode == DM_NMI) {
			deliver(v, &m);
		}
		return;
	}
	if (shorthand != TO_DEST) {
		m.dest = 0xffffffff;
	}
	send(v->vm, &m, shorthand == TO_OTHERS ? v : NULL);
}

int64_t irq_send_many(struct vm *vm, const uint64_t map[2], unsigned width, uint32_t first, uint32_t icr)
{
	struct message m = { .vector = (uint8_t)icr, .mode = icr >> 8 & 7, .asserted = true };
	int64_t count = 0;

	if (icr >> 11 || (m.mode != DM_FIXED && m.mode != DM_NMI)) {
		return -KVM_EINVAL;
	}
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		uint32_t n = vm->vcpu[i]->vapic.id - first;

		if (n < 2 * width && map[n / width] >> n % width & 1) {
			deliver(vm->vcpu[i], &m);
			count++;
		}
	}
	return count;
}

void irq_unhalt(struct vm *vm, uint32_t apic_id)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (v->vapic.id == apic_id) {
			v->unhalted = true;
			vcpu_notify(v, WORK_IRQ);
		}
	}
}

void vm_msi(struct space *s, uint64_t addr, uint32_t data)
{
	struct message m = {
		.dest = addr >> 12 & 0xff, .logical = (addr & 4) != 0, .vector = (uint8_t)data, .mode = data >> 8 & 7,
		.level = (data & ICR_LEVEL) != 0, .asserted = true,
	};

	if (addr >> 20 == 0xfee && s->vm) {
		send(s->vm, &m, NULL);
	}
}

void vapic_raised(struct vapic *l)
{
	vcpu_notify(container_of(l, struct vcpu, vapic), WORK_IRQ);
}

/* ---- what is injected ---- */

static bool nmi_open(const struct vcpu *v)
{
	return !v->nmi_blocked && !v->shadow && v->rip != v->nmi_iret_rip;
}

static void inject_nmi(struct vcpu *v)
{
	v->event = (struct vcpu_event){ .valid = true, .type = EVENT_NMI, .vector = 2 };
	v->nmi_pending = false;
	v->nmi_blocked = true;
	v->nmi_iret_rip = ~0ull;
	vcpu_ops->update(v);
}

/* The PIC's interrupt: asks the vmm for the vector when the guest can take it, and injects the answer. */
static bool choose_extint(struct vcpu *v)
{
	uint32_t vector;

	if (!vcpu_interruptible(v) || v->event.valid) {
		v->window = true;
		return false;
	}
	if (!v->extint_asked) {
		v->extint_asked = true;
		return true;
	}
	vector = __atomic_load_n(&v->page->extint_vector, __ATOMIC_RELAXED);
	v->extint_asked = false;
	v->window |= v->vapic.extint;       /* the line is still up: after this one, again */
	if (vector <= 0xff) {
		v->event = (struct vcpu_event){ .valid = true, .type = EVENT_INTERRUPT, .vector = (uint8_t)vector };
	}
	return false;
}

bool irq_choose(struct vcpu *v)
{
	v->window = false;
	if (v->nmi_pending && !v->event.valid && nmi_open(v)) {
		inject_nmi(v);
	} else if (v->nmi_pending && !v->nmi_blocked) {
		/* Behind a shadow or the IRET of the one before: after the next exit, which the window hastens. */
		vcpu_add_work(v, WORK_IRQ);
		v->window = true;
	}
	v->virq = 0;
	if (!vcpu_has_apicv(v)) {
		vcpu_take_apic(v);
		v->virq = vapic_pending(&v->vapic);
	}
	if (v->extint_asked || (v->vapic.extint && vapic_takes_extint(&v->vapic))) {
		return choose_extint(v);
	}
	return false;
}

bool irq_wakes(struct vcpu *v)
{
	vcpu_take_apic(v);
	if (v->unhalted || (v->nmi_pending && !v->nmi_blocked)) {
		return true;
	}
	return (v->rflags & RFLAGS_IF) &&
	       (vapic_pending(&v->vapic) || (v->vapic.extint && vapic_takes_extint(&v->vapic)));
}

void irq_taken(struct vcpu *v)
{
	vapic_accept(&v->vapic, (uint8_t)v->virq);
	v->virq = 0;
	vcpu_add_work(v, WORK_IRQ);
}

void irq_redeliver(struct vcpu *v, uint32_t word, uint32_t error)
{
	uint8_t type = word >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK, vector = (uint8_t)word;

	if (!(word & EVENT_VALID) || type >= EVENT_SOFTWARE || (type == EVENT_EXCEPTION && (vector == 3 || vector == 4))) {
		return;
	}
	v->event = (struct vcpu_event){ .valid = true, .type = type, .vector = vector,
					.has_error = (word & EVENT_HAS_ERROR) != 0, .error = error };
}

/* Contributory exceptions: divide error and segment faults. */
static bool contributory(uint8_t vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

void irq_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error)
{
	struct vcpu_event *e = &v->event;
	bool first = e->valid && e->type == EVENT_EXCEPTION;

	if (first && ((contributory(e->vector) && contributory(vector)) ||
		      (e->vector == 14 && (contributory(vector) || vector == 14)))) {
		vector = VECTOR_DF;
		has_error = true;
		error = 0;
	} else if (e->valid && e->type == EVENT_INTERRUPT) {
		/* It was accepted before the exception came up: back to where it was. */
		vcpu_take_apic(v);
		vapic_return(&v->vapic, e->vector);
		vcpu_add_work(v, WORK_IRQ);
	} else if (e->valid && e->type == EVENT_NMI) {
		v->nmi_pending = true;
		v->nmi_blocked = false;
	}
	*e = (struct vcpu_event){ .valid = true, .type = EVENT_EXCEPTION, .vector = vector, .has_error = has_error,
				  .error = error };
	v->shadow = 0;
}
