/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's local APIC: registers, priorities, timer. SDM 3A 11 (APIC), APM 2 16.
 *
 * The model knows one APIC. Messages between APICs and from MSIs are routed in irq.c. Everything here runs on the
 * CPU that owns the vCPU, interrupts off; a register value is the guest's and never trusted.
 */
#pragma once

#include "kernel/timer.h"
#include "lib/base.h"

#define APIC_BASE_DEFAULT 0xfee00000ull

enum apic_base_bits { APIC_BASE_BSP = 1 << 8, APIC_BASE_X2APIC = 1 << 10, APIC_BASE_ENABLE = 1 << 11 };

/* Register numbers: the offset in the xAPIC page divided by 16, and the x2APIC MSR minus 800h. */
enum lapic_reg {
	LAPIC_ID = 0x02, LAPIC_VERSION = 0x03, LAPIC_TPR = 0x08, LAPIC_APR = 0x09, LAPIC_PPR = 0x0a, LAPIC_EOI = 0x0b,
	LAPIC_RRD = 0x0c, LAPIC_LDR = 0x0d, LAPIC_DFR = 0x0e, LAPIC_SVR = 0x0f, LAPIC_ISR = 0x10, LAPIC_TMR = 0x18,
	LAPIC_IRR = 0x20, LAPIC_ESR = 0x28, LAPIC_LVT_CMCI = 0x2f, LAPIC_ICR = 0x30, LAPIC_ICR2 = 0x31,
	LAPIC_LVT_TIMER = 0x32, LAPIC_LVT_THERMAL = 0x33, LAPIC_LVT_PERF = 0x34, LAPIC_LVT_LINT0 = 0x35,
	LAPIC_LVT_LINT1 = 0x36, LAPIC_LVT_ERROR = 0x37, LAPIC_TIMER_INIT = 0x38, LAPIC_TIMER_COUNT = 0x39,
	LAPIC_TIMER_DIVIDE = 0x3e, LAPIC_SELF_IPI = 0x3f,
	LAPIC_REGS = 0x40
};

enum lapic_delivery { DM_FIXED, DM_LOWEST, DM_SMI, DM_RESERVED, DM_NMI, DM_INIT, DM_SIPI, DM_EXTINT };

/* What a register write asks of the caller beside the change of the model itself. */
enum lapic_effect {
	LAPIC_DONE,          /* nothing more                                                        */
	LAPIC_FAULT,         /* x2APIC: the access is a #GP                                         */
	LAPIC_SEND,          /* route l->icr (irq_send)                                             */
	LAPIC_EOI_EXIT,      /* the vector in l->eoi_vector left service and was level-triggered or watched */
};

struct lapic {
	uint64_t base;                   /* MSR 1Bh                                                 */
	uint32_t id;                     /* the vCPU's APIC id; fixed                               */
	uint32_t tpr, ldr, dfr, svr, esr, esr_next, timer_init, timer_divide;
	uint32_t lvt[7];                 /* CMCI, timer, thermal, performance, LINT0, LINT1, error  */
	uint64_t icr;                    /* destination in the upper half: xAPIC bits 56-63, x2APIC bits 32-63 */
	uint64_t irr[4], isr[4], tmr[4]; /* 256 bits each                                           */
	uint64_t tsc_deadline;           /* guest TSC; 0: off                                       */
	uint64_t period_ns;              /* periodic mode, after the floor; 0: one shot             */
	uint64_t expiry_ns;              /* host clock: when the running count reaches zero; 0: idle */
	int64_t tsc_offset;              /* guest TSC minus host TSC, kept by the vcpu              */
	uint8_t isr_top;                 /* highest vector in service, 0: none                      */
	uint8_t eoi_vector;
	bool extint;                     /* level of the PIC's INTR line                            */
	struct timer timer;              /* fires lapic_timer_fired                                 */
};

/* Power-on state; bsp is the boot processor. The caller set l->timer.cpu. */
void lapic_init(struct lapic *l, uint32_t id, bool bsp);

/* State after INIT (SDM 3A 11.4.7.3): as power-on but for id, base. Cancels the timer. */
void lapic_reset(struct lapic *l);

/* Cancels the timer; the model is dead. */
void lapic_fini(struct lapic *l);

static inline bool lapic_x2(const struct lapic *l)
{
	return (l->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

static inline bool lapic_on(const struct lapic *l)
{
	return (l->base & APIC_BASE_ENABLE) != 0;
}

static inline bool lapic_soft_on(const struct lapic *l)
{
	return (l->svr & 0x100) != 0;
}

/*
 * One aligned 32-bit access of the xAPIC page; reg is an enum lapic_reg below LAPIC_REGS. Never faults: unknown
 * registers read 0, writes to them set "illegal register address" in ESR.
 */
uint32_t lapic_read(struct lapic *l, unsigned reg);
enum lapic_effect lapic_write(struct lapic *l, unsigned reg, uint32_t val);

/* RDMSR and WRMSR of 800h + reg in x2APIC mode. false / LAPIC_FAULT: #GP. */
bool lapic_read_x2(struct lapic *l, unsigned reg, uint64_t *val);
enum lapic_effect lapic_write_x2(struct lapic *l, unsigned reg, uint64_t val);

/* WRMSR of 1Bh. false: #GP (reserved bits, x2APIC to xAPIC, x2APIC not offered when x2 is false). */
bool lapic_write_base(struct lapic *l, uint64_t val, bool x2);

/* MSR 6E0h. Reads 0 outside TSC-deadline mode, writes are ignored there. */
void lapic_write_deadline(struct lapic *l, uint64_t guest_tsc);

/* A message arrives. Vectors below 16 set "received illegal vector". True when IRR changed. */
bool lapic_post(struct lapic *l, uint8_t vector, bool level);

/* The vector to deliver now (above PPR, APIC enabled), or 0. */
uint8_t lapic_pending(const struct lapic *l);

/* The CPU took vector: IRR to ISR. */
void lapic_accept(struct lapic *l, uint8_t vector);

uint8_t lapic_ppr(const struct lapic *l);

/* Would the PIC's line reach this CPU: APIC off, or LINT0 unmasked in ExtINT mode. */
bool lapic_takes_extint(const struct lapic *l);

/* Is this APIC addressed: dest as in the ICR or an MSI, 8 bits in xAPIC mode or for MSIs. */
bool lapic_matches(const struct lapic *l, uint32_t dest, bool logical);

/* Timer callback; posts the LVT's vector and starts the next period. Calls lapic_raised (irq.c). */
void lapic_timer_fired(struct timer *t);

/* Starts the timer again after tsc_offset, base or the whole state was replaced. */
void lapic_timer_restart(struct lapic *l);

/* Images of registers for vcpu_get and vcpu_set: regs[i] is register i * 10h. E_INVAL: a state that cannot be. */
void lapic_save(struct lapic *l, uint32_t regs[LAPIC_REGS]);
int lapic_restore(struct lapic *l, const uint32_t regs[LAPIC_REGS], uint64_t base, uint64_t deadline, bool x2) MUST_CHECK;

/* Provided by irq.c: IRR of l changed outside of its vCPU's own exit. */
void lapic_raised(struct lapic *l);
