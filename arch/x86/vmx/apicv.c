/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's x2APIC in the CPU: priorities, interrupts, their ends and messages to itself without exits. SDM 3C 30.
 *
 * Where the vCPU has a page for it (v->apic_page), TPR, ISR and IRR are in that page while v->apic_in is set: enter() puts them
 * there, take() back into the model (vapic.h), for who has to look at them. What others post goes into the model's IRR, and from
 * there into the page's at the next entry. Where the CPU can do that they post into a record (vapic.post; SDM 3C 30.6): a
 * guest that runs gets it by an interrupt of the host that does not end its run. All other registers are the model's; reading
 * them exits, but for those that never change. In xAPIC mode, or switched off, the model does it all.
 */
#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/vmx/vmx.h"
#include "kernel/arena.h"
#include "kernel/space.h"

#define BIT(reg)  (1ull << (reg))
/* ISR, TMR and IRR have eight registers each. */
#define READABLE  (BIT(APIC_ID) | BIT(APIC_VERSION) | BIT(APIC_TPR) | BIT(APIC_PPR) | BIT(APIC_LDR) | 0xffffffull << APIC_ISR)
#define WRITABLE  (BIT(APIC_TPR) | BIT(APIC_EOI) | BIT(APIC_SELF_IPI))

enum { SET_WORDS = 8, STATUS_SVI_SHIFT = 8, BITMAP_APIC = MSR_X2APIC / 8 };
enum { NEEDS = PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS };

static uint8_t bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static const uint8_t *plain;
static bool has_all, has_posting;

static bool may(uint32_t msr, uint32_t bits)
{
	return (rdmsr(msr) >> 32 & bits) == bits;
}

void vmx_apicv_prepare(const uint8_t *plain_bitmap)
{
	const uint64_t readable = ~READABLE, writable = ~WRITABLE;

	plain = plain_bitmap;
	__builtin_memcpy(bitmap, plain, sizeof(bitmap));
	__builtin_memcpy(bitmap + BITMAP_APIC, &readable, sizeof(readable));
	__builtin_memcpy(bitmap + MSR_BITMAP_WRITES + BITMAP_APIC, &writable, sizeof(writable));
	has_all = may(MSR_PROC, PROC_TPR_SHADOW) && may(MSR_PROC2, NEEDS);
	has_posting = may(MSR_PIN, PIN_POSTED) && may(MSR_EXIT, EXIT_TAKE_INTERRUPT);
}

/* Where there is no memory for a page the vCPU does without. Bochs wants the record at the start of one. */
void vmx_apicv_init(struct vcpu *v)
{
	v->apic_page = has_all && vcpu_apicv ? arena_page_alloc(v->space->pt.arena) : NULL;
	if (v->apic_page && has_posting) {
		uint64_t *record = arena_page_alloc(v->space->pt.arena);

		v->vapic.post = record ? record : v->vapic.irr;
	}
}

static bool posts(const struct vcpu *v)
{
	return v->vapic.post != v->vapic.irr;
}

/* A register's place in the page. */
static uint32_t *at(const struct vcpu *v, unsigned reg)
{
	return (uint32_t *)v->apic_page + 4 * reg;
}

static void use(struct vcpu *v, struct vmx *x, bool on)
{
	x->apicv = on;
	x->proc_base ^= PROC_CR8_LOAD | PROC_CR8_STORE | PROC_TPR_SHADOW;
	vmwrite(VMCS_PROC2, vmread(VMCS_PROC2) ^ NEEDS);
	vmwrite(VMCS_MSR_BITMAP, image_pa(on ? bitmap : plain).v);
	vmwrite(VMCS_VIRTUAL_APIC, kmap_hpa(v->apic_page).v);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	if (posts(v)) {
		vmwrite(VMCS_PIN, vmread(VMCS_PIN) ^ PIN_POSTED);
		vmwrite(VMCS_EXIT, vmread(VMCS_EXIT) ^ EXIT_TAKE_INTERRUPT);
		vmwrite(VMCS_POSTED_VECTOR, VECTOR_POSTED);
		vmwrite(VMCS_POSTED, kmap_hpa(v->vapic.post).v);
	}
}

/* What the record has becomes the model's. */
static void drain(struct vapic *l)
{
	if (__atomic_load_n(&l->post[4], __ATOMIC_RELAXED) & 1) {
		__atomic_fetch_and(&l->post[4], ~1ull, __ATOMIC_SEQ_CST);
		for (unsigned i = 0; i < ARRAY_SIZE(l->irr); i++) {
			l->irr[i] |= __atomic_exchange_n(&l->post[i], 0, __ATOMIC_SEQ_CST);
		}
	}
}

/*
 * What was posted becomes the page's, and the CPU is told the highest that is requested. Vectors whose end the IOAPIC wants to
 * hear were named before they were posted.
 */
static void merge(struct vcpu *v, struct vmx *x, uint32_t serving, uint32_t top)
{
	uint32_t *posted = &v->vapic.reg[APIC_IRR];

	for (unsigned i = 0; i < SET_WORDS; i++) {
		uint32_t word = posted[i] ? __atomic_exchange_n(&posted[i], 0, __ATOMIC_SEQ_CST) : 0;

		if (word) {
			*at(v, APIC_IRR + i) |= word;
			*at(v, APIC_TMR + i) = v->vapic.reg[APIC_TMR + i];
			word = 32 * i + 31 - (uint32_t)__builtin_clz(word);
			top = word > top ? word : top;
		}
	}
	vmwrite(VMCS_INTERRUPT_STATUS, serving << STATUS_SVI_SHIFT | top);
	for (unsigned i = 0; i < ARRAY_SIZE(x->eoi_exits); i++) {
		uint64_t now = __atomic_load_n(&v->page->eoi_exit_bitmap[i], __ATOMIC_RELAXED);

		if (now != x->eoi_exits[i]) {
			x->eoi_exits[i] = now;
			vmwrite(VMCS_EOI_EXITS + 2 * i, now);
		}
	}
}

void vmx_apicv_enter(struct vcpu *v, struct vmx *x)
{
	struct vapic *l = &v->vapic;

	if (posts(v)) {
		drain(l);
	}
	if (vapic_x2(l) != x->apicv) {
		use(v, x, !x->apicv);
	}
	if (x->apicv && !v->apic_in) {
		for (unsigned i = 0; i < APIC_IRR; i++) {
			*at(v, i) = l->reg[i];
		}
		v->apic_in = true;
		merge(v, x, l->isr_top, 0);
	} else if (x->apicv && (l->irr[0] | l->irr[1] | l->irr[2] | l->irr[3])) {
		merge(v, x, l->isr_top, (uint8_t)vmread(VMCS_INTERRUPT_STATUS));
	}
}

/* Others compare priorities. */
void vmx_apicv_leave(struct vcpu *v)
{
	v->vapic.reg[APIC_TPR] = *at(v, APIC_TPR);
	v->vapic.isr_top = (uint8_t)(vmread(VMCS_INTERRUPT_STATUS) >> STATUS_SVI_SHIFT);
}

void vmx_apicv_take(struct vcpu *v)
{
	if (posts(v)) {
		drain(&v->vapic);
	}
	for (unsigned i = 0; v->apic_in && i < SET_WORDS; i++) {
		v->vapic.reg[APIC_ISR + i] = *at(v, APIC_ISR + i);
		__atomic_fetch_or(&v->vapic.reg[APIC_IRR + i], *at(v, APIC_IRR + i), __ATOMIC_SEQ_CST);
		*at(v, APIC_IRR + i) = 0;
	}
	v->apic_in = false;
}

/* A message to itself with a vector that the CPU leaves to us: none may have it. */
void vmx_apicv_written(struct vcpu *v)
{
	if (vapic_write(&v->vapic, APIC_SELF_IPI, *at(v, APIC_SELF_IPI)) == VAPIC_SEND) {
		irq_send_ipi(v);
	}
}

void vmx_apicv_interrupted(void)
{
	uint32_t word = (uint32_t)vmread(VMCS_EXIT_EVENT);

	if (word & EVENT_VALID) {
		irq_take((uint8_t)word);
	}
}
