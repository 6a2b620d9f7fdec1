/* SPDX-License-Identifier: Apache-2.0 */
/* Reset states: see reset.h. */
#include "lib/user/reset.h"

#include <string.h>

/* CR0, segment access rights (SDM 3A 3.4.5.1), and APIC registers by their offset divided by 16. */
enum {
	CR0_ET = 1 << 4, CR0_NW = 1 << 29, CR0_CD = 1 << 30,
	DATA = 0x93, CODE = 0x9b, LDT = 0x82, TSS_BUSY = 0x8b, LIMIT = 0xffff,
	APIC_DFR = 0x0e, APIC_SVR = 0x0f,
	RESET_SELECTOR = 0xf000, RESET_RIP = 0xfff0, FAMILY_6 = 0x600,
};
#define RESET_BASE 0xffff0000ull
#define RESET_PAT  0x0007040600070406ull

static void set_registers(struct vcpu_state *s)
{
	memset(s->gpr, 0, sizeof(s->gpr));
	s->gpr[GPR_RDX] = FAMILY_6;
	s->rip = RESET_RIP;
	s->rflags = 2;
	/* INIT leaves caches and PAT as they were; ET says that this is not power-on. */
	s->pat = s->cr0 & CR0_ET ? s->pat : RESET_PAT;
	s->cr0 = (s->cr0 & CR0_ET ? s->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW) | CR0_ET;
	s->cr2 = s->cr3 = s->cr4 = s->cr8 = s->efer = 0;
	memset(s->dr, 0, sizeof(s->dr));
	s->dr6 = 0xffff0ff0;
	s->dr7 = 0x400;
}

static void set_segments(struct vcpu_state *s)
{
	const struct vcpu_segment data = { .limit = LIMIT, .attr = DATA }, table = { .limit = LIMIT };

	s->es = s->ss = s->ds = s->fs = s->gs = data;
	s->cs = (struct vcpu_segment){ .base = RESET_BASE, .limit = LIMIT, .selector = RESET_SELECTOR, .attr = CODE };
	s->ldtr = (struct vcpu_segment){ .limit = LIMIT, .attr = LDT };
	s->tr = (struct vcpu_segment){ .limit = LIMIT, .attr = TSS_BUSY };
	s->gdtr = s->idtr = table;
}

/* Identity and mode of the APIC stay, the kernel sees to that; local vectors are masked as long as it is off. */
static void reset_apic(struct vcpu_state *s)
{
	memset(s->apic, 0, sizeof(s->apic));
	s->apic[APIC_DFR] = 0xffffffff;
	s->apic[APIC_SVR] = 0xff;
	s->tsc_deadline = 0;
}

void vcpu_state_init(struct vcpu_state *s)
{
	set_registers(s);
	set_segments(s);
	reset_apic(s);
	s->kvm_system_time = s->kvm_steal_time = s->kvm_eoi = 0;
	s->nmi_pending = s->nmi_blocked = s->shadow = s->exception_pending = s->interrupt_pending = 0;
	s->halted = VCPU_WAITS_FOR_SIPI;
}

void vcpu_state_startup(struct vcpu_state *s, uint8_t vector)
{
	s->cs.selector = (uint16_t)(vector << 8);
	s->cs.base = (uint64_t)vector << 12;
	s->rip = 0;
	s->halted = VCPU_RUNS;
}
