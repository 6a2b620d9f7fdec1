/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's local APIC. SDM 3A 11. */
#include "arch/x86/vcpu/vapic.h"

#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/kvmclock.h"

enum {
	VERSION = 0x14 | 6 << 16,        /* integrated, 7 LVT entries                                  */
	LVT_MASKED = 1 << 16, LVT_LEVEL = 1 << 15, LVT_VECTOR = 0xff, LVT_MODE_SHIFT = 8,
	TIMER_ONE_SHOT = 0, TIMER_PERIODIC = 1, TIMER_DEADLINE = 2,
	ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6, ESR_REGISTER = 1 << 7,
	DFR_FLAT = 0xf,
};

/* The timer counts nanoseconds (bus clock 1 GHz); a period below the floor would cost the host more than the guest. */
#define PERIOD_FLOOR_NS 100000ull
/* Ticks come no faster than this while the guest takes none: they would cost others, and mean nothing. */
#define PERIOD_IDLE_NS  10000000ull
#define BASE_VALID      (APIC_BASE_BSP | APIC_BASE_X2APIC | APIC_BASE_ENABLE | 0x000ffffffffff000ull)

/* Order of struct vapic.lvt. */
enum { LVT_CMCI, LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

/* Bits of each LVT entry that can be written. */
static const uint32_t lvt_mask[LVT_COUNT] = {
	[LVT_CMCI] = 0x107ff, [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERF] = 0x107ff,
	[LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff, [LVT_ERROR] = 0x100ff,
};

/* Highest set bit of 256, or 0: vectors below 16 never get in. */
static uint8_t top_vector(const uint64_t set[4])
{
	for (int i = 3; i >= 0; i--) {
		if (set[i]) {
			return (uint8_t)(i * 64 + 63 - __builtin_clzll(set[i]));
		}
	}
	return 0;
}

static void set_bit(uint64_t set[4], uint8_t n)
{
	set[n >> 6] |= 1ull << (n & 63);
}

static bool is_set(const uint64_t set[4], uint8_t n)
{
	return set[n >> 6] >> (n & 63) & 1;
}

static void clear_bit(uint64_t set[4], uint8_t n)
{
	set[n >> 6] &= ~(1ull << (n & 63));
}

static uint32_t word_of(const uint64_t set[4], unsigned i)
{
	return (uint32_t)(set[i >> 1] >> 32 * (i & 1));
}

static int lvt_index(unsigned reg)
{
	if (reg == VAPIC_LVT_CMCI) {
		return LVT_CMCI;
	}
	return reg >= VAPIC_LVT_TIMER && reg <= VAPIC_LVT_ERROR ? (int)(reg - VAPIC_LVT_TIMER) + LVT_TIMER : -1;
}

static unsigned timer_mode(const struct vapic *l)
{
	return l->lvt[LVT_TIMER] >> 17 & 3;
}

static unsigned divide_shift(const struct vapic *l)
{
	return (((l->timer_divide & 3) | (l->timer_divide >> 1 & 4)) + 1) & 7;
}

/* ---- timer ---- */

static void timer_stop(struct vapic *l)
{
	timer_cancel(&l->timer);
	l->expiry_ns = 0;
	l->period_ns = 0;
}

static void timer_arm(struct vapic *l, uint64_t deadline_ns)
{
	l->expiry_ns = deadline_ns;
	timer_set(&l->timer, deadline_ns);
}

/* Starts counting from the initial count. */
static void timer_start(struct vapic *l)
{
	uint64_t ns = (uint64_t)l->timer_init << divide_shift(l);

	timer_stop(l);
	if (l->timer_init == 0 || timer_mode(l) == TIMER_DEADLINE) {
		return;
	}
	if (timer_mode(l) == TIMER_PERIODIC) {
		ns = ns < PERIOD_FLOOR_NS ? PERIOD_FLOOR_NS : ns;
		l->period_ns = ns;
	}
	timer_arm(l, clock_ns() + ns);
}

static void deadline_start(struct vapic *l)
{
	uint64_t now = rdtsc() + (uint64_t)l->tsc_offset;
	int64_t ahead = (int64_t)(l->tsc_deadline - now);

	timer_stop(l);
	if (l->tsc_deadline == 0) {
		return;
	}
	timer_arm(l, clock_ns() + (ahead > 0 ? clock_ticks_to_ns((uint64_t)ahead) : 0));
}

void vapic_write_deadline(struct vapic *l, uint64_t guest_tsc)
{
	if (timer_mode(l) != TIMER_DEADLINE || !vapic_on(l)) {
		return;
	}
	l->tsc_deadline = guest_tsc;
	deadline_start(l);
}

void vapic_timer_restart(struct vapic *l)
{
	if (timer_mode(l) == TIMER_DEADLINE) {
		deadline_start(l);
	} else {
		timer_start(l);
	}
}

void vapic_timer_fired(struct timer *t)
{
	struct vapic *l = container_of(t, struct vapic, timer);
	uint32_t lvt = l->lvt[LVT_TIMER];

	l->tsc_deadline = 0;
	if (l->period_ns) {
		uint64_t now = clock_ns(), next = l->expiry_ns + l->period_ns;

		if ((lvt & LVT_MASKED) || is_set(l->irr, (uint8_t)lvt)) {
			next = next > now + PERIOD_IDLE_NS ? next : now + PERIOD_IDLE_NS;
		}

		/* A guest that was not run for long gets one tick, not a flood. */
		timer_arm(l, next > now ? next : now + l->period_ns);
	} else {
		l->expiry_ns = 0;
	}
	if (!(lvt & LVT_MASKED) && vapic_post(l, (uint8_t)lvt, false)) {
		vapic_raised(l);
	}
}

static uint32_t timer_count(const struct vapic *l)
{
	uint64_t now = clock_ns();

	if (timer_mode(l) == TIMER_DEADLINE || l->expiry_ns <= now) {
		return 0;
	}
	return (uint32_t)((l->expiry_ns - now) >> divide_shift(l));
}

/* ---- interrupts ---- */

static void report_error(struct vapic *l, uint32_t bit)
{
	uint32_t lvt = l->lvt[LVT_ERROR];

	if (l->esr_next & bit) {
		return;
	}
	l->esr_next |= bit;
	if (!(lvt & LVT_MASKED) && (lvt & LVT_VECTOR) >= 16 && vapic_post(l, (uint8_t)lvt, false)) {
		vapic_raised(l);
	}
}

bool vapic_post(struct vapic *l, uint8_t vector, bool level)
{
	if (!vapic_soft_on(l) || !vapic_on(l)) {
		return false;
	}
	if (vector < 16) {
		report_error(l, ESR_RECEIVE_ILLEGAL);
		return false;
	}
	set_bit(l->irr, vector);
	if (level) {
		set_bit(l->tmr, vector);
	} else {
		clear_bit(l->tmr, vector);
	}
	return true;
}

uint8_t vapic_ppr(const struct vapic *l)
{
	uint32_t serving = l->isr_top & 0xf0;

	return (uint8_t)((l->tpr & 0xf0) >= serving ? l->tpr : serving);
}

uint8_t vapic_pending(const struct vapic *l)
{
	uint8_t v = top_vector(l->irr);

	return (v & 0xf0) > (vapic_ppr(l) & 0xf0) && vapic_on(l) ? v : 0;
}

void vapic_accept(struct vapic *l, uint8_t vector)
{
	clear_bit(l->irr, vector);
	set_bit(l->isr, vector);
	l->isr_top = vector > l->isr_top ? vector : l->isr_top;
}

void vapic_return(struct vapic *l, uint8_t vector)
{
	if (is_set(l->isr, vector)) {
		clear_bit(l->isr, vector);
		set_bit(l->irr, vector);
		l->isr_top = top_vector(l->isr);
	}
}

static enum vapic_effect end_of_interrupt(struct vapic *l)
{
	uint8_t v = l->isr_top;

	if (v == 0) {
		return VAPIC_DONE;
	}
	clear_bit(l->isr, v);
	l->isr_top = top_vector(l->isr);
	l->eoi_vector = v;
	return VAPIC_EOI_EXIT;
}

bool vapic_takes_extint(const struct vapic *l)
{
	uint32_t lint0 = l->lvt[LVT_LINT0];

	return !vapic_on(l) || (!(lint0 & LVT_MASKED) && (lint0 >> LVT_MODE_SHIFT & 7) == DM_EXTINT);
}

static bool matches_logical_x2(const struct vapic *l, uint32_t dest)
{
	return dest >> 16 == l->id >> 4 && (dest & 1u << (l->id & 15));
}

bool vapic_matches(const struct vapic *l, uint32_t dest, bool logical)
{
	uint32_t ldr = l->ldr >> 24;

	if (dest == 0xff || dest == 0xffffffff) {
		return vapic_on(l);
	}
	if (!logical) {
		return dest == l->id;
	}
	if (vapic_x2(l)) {
		return matches_logical_x2(l, dest);
	}
	if (l->dfr >> 28 == DFR_FLAT) {
		return (ldr & dest) != 0;
	}
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

/* ---- registers ---- */

uint32_t vapic_read(struct vapic *l, unsigned reg)
{
	int lvt = lvt_index(reg);

	if (lvt >= 0) {
		return l->lvt[lvt];
	}
	switch (reg) {
	case VAPIC_ID:           return vapic_x2(l) ? l->id : l->id << 24;
	case VAPIC_VERSION:      return VERSION;
	case VAPIC_TPR:          return l->tpr;
	case VAPIC_PPR:          return vapic_ppr(l);
	case VAPIC_LDR:          return vapic_x2(l) ? (l->id >> 4) << 16 | 1u << (l->id & 15) : l->ldr;
	case VAPIC_DFR:          return l->dfr;
	case VAPIC_SVR:          return l->svr;
	case VAPIC_ESR:          return l->esr;
	case VAPIC_ICR:          return (uint32_t)l->icr;
	case VAPIC_ICR2:         return (uint32_t)(l->icr >> 32);
	case VAPIC_TIMER_INIT:   return l->timer_init;
	case VAPIC_TIMER_COUNT:  return timer_count(l);
	case VAPIC_TIMER_DIVIDE: return l->timer_divide;
	case VAPIC_APR: case VAPIC_EOI: case VAPIC_RRD: return 0;
	default:
		break;
	}
	if (reg >= VAPIC_ISR && reg < VAPIC_ISR + 8) {
		return word_of(l->isr, reg - VAPIC_ISR);
	}
	if (reg >= VAPIC_TMR && reg < VAPIC_TMR + 8) {
		return word_of(l->tmr, reg - VAPIC_TMR);
	}
	if (reg >= VAPIC_IRR && reg < VAPIC_IRR + 8) {
		return word_of(l->irr, reg - VAPIC_IRR);
	}
	report_error(l, ESR_REGISTER);
	return 0;
}

static void write_svr(struct vapic *l, uint32_t val)
{
	l->svr = val & 0x1ff;
	if (vapic_soft_on(l)) {
		return;
	}
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		l->lvt[i] |= LVT_MASKED;
	}
}

/* A change between deadline mode and the counting modes stops the timer (SDM 3A 11.5.4.1). */
static void write_lvt(struct vapic *l, unsigned i, uint32_t val)
{
	uint32_t old = l->lvt[i];

	l->lvt[i] = (val & lvt_mask[i]) | (vapic_soft_on(l) ? 0 : (uint32_t)LVT_MASKED);
	if (i != LVT_TIMER || (old >> 17 & 3) == timer_mode(l)) {
		return;
	}
	if ((old >> 17 & 3) == TIMER_DEADLINE || timer_mode(l) == TIMER_DEADLINE) {
		l->tsc_deadline = 0;
		timer_stop(l);
	} else {
		timer_start(l);
	}
}

enum vapic_effect vapic_write(struct vapic *l, unsigned reg, uint32_t val)
{
	int lvt = lvt_index(reg);

	if (lvt >= 0) {
		write_lvt(l, (unsigned)lvt, val);
		return VAPIC_DONE;
	}
	switch (reg) {
	case VAPIC_EOI:
		return end_of_interrupt(l);
	case VAPIC_TPR:
		l->tpr = val & 0xff;
		break;
	case VAPIC_LDR:
		l->ldr = val & 0xff000000;
		break;
	case VAPIC_DFR:
		l->dfr = val | 0x0fffffff;
		break;
	case VAPIC_SVR:
		write_svr(l, val);
		break;
	case VAPIC_ESR:
		l->esr = l->esr_next;
		l->esr_next = 0;
		break;
	case VAPIC_ICR:
		l->icr = (l->icr & ~0xffffffffull) | (val & 0xccfff);
		return VAPIC_SEND;
	case VAPIC_ICR2:
		l->icr = (uint64_t)(val & 0xff000000) << 32 | (uint32_t)l->icr;
		break;
	case VAPIC_TIMER_INIT:
		l->timer_init = val;
		timer_start(l);
		break;
	case VAPIC_TIMER_DIVIDE:
		l->timer_divide = val & 0xb;
		break;
	case VAPIC_ID:
		break;               /* fixed, as on recent processors */
	default:
		report_error(l, ESR_REGISTER);
	}
	return VAPIC_DONE;
}

/* Registers that x2APIC mode has (SDM 3A table 11-6). */
static bool x2_has(unsigned reg)
{
	return reg < VAPIC_REGS && reg != VAPIC_APR && reg != VAPIC_RRD && reg != VAPIC_DFR && reg != VAPIC_ICR2 &&
	       reg > 1 && (reg < 4 || reg > 7) && reg != 0xe && (reg < 0x29 || reg >= VAPIC_LVT_CMCI) &&
	       (reg < 0x3a || reg > 0x3d);
}

bool vapic_read_x2(struct vapic *l, unsigned reg, uint64_t *val)
{
	if (!x2_has(reg) || reg == VAPIC_EOI || reg == VAPIC_SELF_IPI) {
		return false;
	}
	*val = reg == VAPIC_ICR ? l->icr : vapic_read(l, reg);
	return true;
}

enum vapic_effect vapic_write_x2(struct vapic *l, unsigned reg, uint64_t val)
{
	bool readonly = reg == VAPIC_ID || reg == VAPIC_VERSION || reg == VAPIC_PPR || reg == VAPIC_LDR ||
			(reg >= VAPIC_ISR && reg < VAPIC_ESR) || reg == VAPIC_TIMER_COUNT;

	if (reg == VAPIC_ICR) {
		l->icr = val & 0xffffffff000ccfff;
		return VAPIC_SEND;
	}
	if (!x2_has(reg) || readonly || val >> 32) {
		return VAPIC_FAULT;
	}
	if ((reg == VAPIC_EOI || reg == VAPIC_ESR) && val) {
		return VAPIC_FAULT;
	}
	if (reg == VAPIC_SELF_IPI) {
		if (val > 0xff) {
			return VAPIC_FAULT;
		}
		l->icr = 0x40000 | val;
		return VAPIC_SEND;
	}
	return vapic_write(l, reg, (uint32_t)val);
}

bool vapic_write_base(struct vapic *l, uint64_t val, bool x2)
{
	uint32_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	bool to_x2 = (val & mode) == mode;

	if ((val & ~BASE_VALID) || (val & mode) == APIC_BASE_X2APIC || (to_x2 && !x2)) {
		return false;
	}
	/* x2APIC is entered from xAPIC only, and left only by switching off. */
	if (vapic_x2(l) && (val & mode) == APIC_BASE_ENABLE) {
		return false;
	}
	if (to_x2 && !vapic_on(l)) {
		return false;
	}
	l->base = val;
	if (!vapic_on(l)) {
		uint64_t keep = l->base;

		vapic_reset(l);
		l->base = keep;
	}
	return true;
}

void vapic_reset(struct vapic *l)
{
	timer_stop(l);
	l->tpr = l->ldr = l->esr = l->esr_next = l->timer_init = l->timer_divide = 0;
	l->dfr = 0xffffffff;
	l->svr = 0xff;
	l->icr = 0;
	l->tsc_deadline = 0;
	for (unsigned i = 0; i < 4; i++) {
		l->irr[i] = l->isr[i] = l->tmr[i] = 0;
	}
	l->isr_top = 0;
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		l->lvt[i] = LVT_MASKED;
	}
}

void vapic_init(struct vapic *l, uint32_t id, bool bsp)
{
	l->id = id;
	l->timer.fn = vapic_timer_fired;
	vapic_reset(l);
	l->base = APIC_BASE_DEFAULT | APIC_BASE_ENABLE | (bsp ? APIC_BASE_BSP : 0);
}

void vapic_fini(struct vapic *l)
{
	timer_stop(l);
}

/* ---- whole state ---- */

void vapic_save(struct vapic *l, uint32_t regs[VAPIC_REGS])
{
	uint32_t esr_next = l->esr_next;

	for (unsigned i = 0; i < VAPIC_REGS; i++) {
		regs[i] = vapic_read(l, i);
	}
	l->esr_next = esr_next;
}

static void load_words(uint64_t set[4], const uint32_t *w)
{
	for (unsigned i = 0; i < 4; i++) {
		set[i] = w[2 * i] | (uint64_t)w[2 * i + 1] << 32;
	}
	set[0] &= ~0xffffull;
}

int vapic_restore(struct vapic *l, const uint32_t regs[VAPIC_REGS], uint64_t base, uint64_t deadline, bool x2)
{
	uint32_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

	if ((base & ~BASE_VALID) || (base & mode) == APIC_BASE_X2APIC || ((base & mode) == mode && !x2)) {
		return E_INVAL;
	}
	timer_stop(l);
	l->base = base;
	l->svr = regs[VAPIC_SVR] & 0x1ff;
	l->tpr = regs[VAPIC_TPR] & 0xff;
	l->ldr = regs[VAPIC_LDR] & 0xff000000;
	l->dfr = regs[VAPIC_DFR] | 0x0fffffff;
	l->esr = regs[VAPIC_ESR];
	l->icr = (uint64_t)regs[VAPIC_ICR2] << 32 | (regs[VAPIC_ICR] & 0xccfff);
	l->timer_init = regs[VAPIC_TIMER_INIT];
	l->timer_divide = regs[VAPIC_TIMER_DIVIDE] & 0xb;
	for (unsigned i = 0; i < LVT_COUNT; i++) {
		unsigned reg = i == LVT_CMCI ? (unsigned)VAPIC_LVT_CMCI : VAPIC_LVT_TIMER + i - LVT_TIMER;

		l->lvt[i] = (regs[reg] & lvt_mask[i]) | (vapic_soft_on(l) ? 0 : (uint32_t)LVT_MASKED);
	}
	load_words(l->irr, regs + VAPIC_IRR);
	load_words(l->isr, regs + VAPIC_ISR);
	load_words(l->tmr, regs + VAPIC_TMR);
	l->isr_top = top_vector(l->isr);
	l->tsc_deadline = deadline;
	return OK;
}
