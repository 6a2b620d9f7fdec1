/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's local APIC: registers, priorities, timer. SDM 3A 11 (APIC), APM 2 16.
 *
 * The model knows one APIC. Messages between APICs and from MSIs are routed in irq.c. Everything here runs on the
 * CPU that owns the vCPU, interrupts off; a register value is the guest's and never trusted. Only vapic_post(),
 * vapic_matches() and vapic_ppr() are called by other CPUs too: IRR, TMR and errors change by atomics.
 */
#pragma once

#include "arch/x86/apic/apic_regs.h"
#include "kernel/timer.h"
#include "lib/base.h"

#define APIC_BASE_DEFAULT 0xfee00000ull

enum vapic_delivery { DM_FIXED, DM_LOWEST, DM_SMI, DM_RESERVED, DM_NMI, DM_INIT, DM_SIPI, DM_EXTINT };

/* What a register write asks of the caller beside the change of the model itself. */
enum vapic_effect {
	VAPIC_DONE,          /* nothing more                                                        */
	VAPIC_FAULT,         /* x2APIC: the access is a #GP                                         */
	VAPIC_SEND,          /* route l->icr (irq_send)                                             */
	VAPIC_EOI_EXIT,      /* l->eoi_vector left service                                            */
};

struct vapic {
	uint64_t base;                   /* MSR 1Bh                                                 */
	uint64_t tsc_offset;             /* guest TSC minus host TSC                                */
	uint64_t tsc_deadline;           /* guest TSC; 0: off                                       */
	uint64_t period_ns;              /* periodic mode, after the floor; 0: one shot             */
	uint64_t expiry_ns;              /* host clock: when the running count reaches zero; 0: idle */
	union {
		uint32_t reg[APIC_REGS];    /* by enum apic_reg; PPR and TIMER_COUNT are computed     */
		struct {
			uint64_t first[8], isr[4], tmr[4], irr[4], rest[4];
			uint64_t icr;        /* destination in the upper half: xAPIC bits 56-63, x2APIC bits 32-63 */
		};
	};
	uint64_t *post;                  /* where vectors arrive: irr, or 256 bits elsewhere and bit 0 behind them */
	uint32_t id;                     /* the vCPU's APIC id; fixed                               */
	uint32_t errors;                 /* since ESR was written                                   */
	uint8_t isr_top;                 /* highest vector in service, 0: none                      */
	uint8_t eoi_vector;
	bool extint;                     /* level of the PIC's INTR line                            */
	struct timer timer;              /* fires vapic_timer_fired                                 */
};

_Static_assert(offsetof(struct vapic, irr) == offsetof(struct vapic, reg[APIC_IRR]), "one image");
_Static_assert(offsetof(struct vapic, icr) == offsetof(struct vapic, reg[APIC_ICR]), "one image");

/* Power-on state; bsp is the boot processor. The caller set l->timer.cpu. */
void vapic_init(struct vapic *l, uint32_t id, bool bsp);

/* State after INIT (SDM 3A 11.4.7.3): as power-on but for id, base. Cancels the timer; also the end of the model. */
void vapic_reset(struct vapic *l);

static inline bool vapic_x2(const struct vapic *l)
{
	return (l->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

static inline bool vapic_on(const struct vapic *l)
{
	return (l->base & APIC_BASE_ENABLE) != 0;
}

static inline bool vapic_soft_on(const struct vapic *l)
{
	return (l->reg[APIC_SVR] & 0x100) != 0;
}

/*
 * One aligned 32-bit access of the xAPIC page; reg is an enum apic_reg below APIC_REGS. Never faults: unknown
 * registers read 0, writes to them set "illegal register address" in ESR.
 */
uint32_t vapic_read(struct vapic *l, unsigned reg);
enum vapic_effect vapic_write(struct vapic *l, unsigned reg, uint32_t val);

/* RDMSR and WRMSR of 800h + reg in x2APIC mode. false / VAPIC_FAULT: #GP. */
bool vapic_read_x2(struct vapic *l, unsigned reg, uint64_t *val);
enum vapic_effect vapic_write_x2(struct vapic *l, unsigned reg, uint64_t val);

/* WRMSR of 1Bh. false: #GP (reserved bits, x2APIC to xAPIC, off to x2APIC). */
bool vapic_write_base(struct vapic *l, uint64_t val);

/* MSR 6E0h. Reads 0 outside TSC-deadline mode, writes are ignored there. */
void vapic_write_deadline(struct vapic *l, uint64_t guest_tsc);

/* A message arrives. Vectors below 16 set "received illegal vector". True when IRR changed. */
bool vapic_post(struct vapic *l, uint8_t vector, bool level);

/* The vector to deliver now (above PPR, APIC enabled), or 0. */
uint8_t vapic_pending(const struct vapic *l);

/* The vector, when exactly one interrupt is pending or in service; else 0. */
uint8_t vapic_only(const struct vapic *l);

/* The CPU took vector: IRR to ISR. */
void vapic_accept(struct vapic *l, uint8_t vector);

/* The delivery of an accepted vector was given up: back to IRR. Nothing if it is not in service. */
void vapic_return(struct vapic *l, uint8_t vector);

uint8_t vapic_ppr(const struct vapic *l);

/* Would the PIC's line reach this CPU: APIC off, or LINT0 unmasked in ExtINT mode. */
bool vapic_takes_extint(const struct vapic *l);

/* Is this APIC addressed: dest as in the ICR or an MSI, 8 bits in xAPIC mode or for MSIs. */
bool vapic_matches(const struct vapic *l, uint32_t dest, bool logical);

/* Timer callback; posts the LVT's vector and starts the next period. Calls vapic_raised (irq.c). */
void vapic_timer_fired(struct timer *t);

/* Starts the timer from its registers: they, tsc_offset, or the whole state were replaced. */
void vapic_timer_start(struct vapic *l);

/*
 * Images of registers for vcpu_get and vcpu_set: regs[i] is register i * 10h. E_INVAL: a state that cannot be. The timer
 * stands still until vapic_timer_start.
 */
void vapic_save(struct vapic *l, uint32_t regs[APIC_REGS]);
int vapic_restore(struct vapic *l, const uint32_t regs[APIC_REGS], uint64_t base, uint64_t deadline) MUST_CHECK;

/* Provided by irq.c: IRR of l changed outside of its vCPU's own exit. */
void vapic_raised(struct vapic *l);
