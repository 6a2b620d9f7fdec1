/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's local APIC. SDM 3A 11. */
#include "arch/x86/vcpu/vapic.h"

#include "arch/x86/time/clock.h"

enum {
	VERSION = 0x14 | 6 << 16,        /* integrated, 7 LVT entries                                  */
	LVT_PENDING = 1 << 12, LVT_REMOTE_IRR = 1 << 14, LVT_LEVEL = 1 << 15, LVT_MASKED = 1 << 16,
	LVT_VECTOR = 0xff, LVT_MODE_SHIFT = 8,
	TIMER_PERIODIC = 1, TIMER_DEADLINE = 2,
	ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6, ESR_REGISTER = 1 << 7,
	DFR_FLAT = 0xf, SELF_IPI_ICR = 1 << 18,
	ICR_NO_VECTOR = 0x600,           /* delivery modes but fixed and lowest priority (0, 1)         */
	BASE_MODE = APIC_BASE_ENABLE | APIC_BASE_X2APIC,
};

/* The timer counts nanoseconds (bus clock 1 GHz); a period below the floor would cost the host more than the guest. */
#define PERIOD_FLOOR_NS 100000ull
/* Deadlines further away, in ticks, are taken for this: a century at least. */
#define DEADLINE_MAX    (1ull << 60)
/* Ticks come no faster than this while the guest takes none: they would cost others, and mean nothing. */
#define PERIOD_IDLE_NS  10000000ull
#define BASE_VALID      (APIC_BASE_BSP | BASE_MODE | 0x000ffffffffff000ull)

/*
 * Who may read and write a register: the page of xAPIC mode (R, W), the MSRs of x2APIC mode (R2, W2; SDM 3A table 11-6).
 * mask: the bits of it that exist. A register without a row is not there.
 */
enum { R = 1, W = 2, R2 = 4, W2 = 8, READ = R | R2, BOTH = READ | W | W2 };

static const struct {
	uint32_t mask;
	uint8_t how;
} table[APIC_REGS] = {
	[APIC_ID] = { 0, READ | W },
	[APIC_VERSION] = { 0, READ },
	[APIC_TPR] = { 0xff, BOTH },
	[APIC_PPR] = { 0, READ },
	[APIC_EOI] = { 0, R | W | W2 },
	[APIC_LDR] = { 0xff000000, READ | W },
	[APIC_DFR] = { ~0u, R | W },
	[APIC_SVR] = { 0x1ff, BOTH },
	[APIC_ISR ... APIC_ESR - 1] = { ~0u, READ },   /* ISR, TMR, IRR */
	[APIC_ESR] = { 0xff, BOTH },
	[APIC_LVT_CMCI] = { 0x107ff, BOTH },
	[APIC_ICR] = { 0xccfff, BOTH },
	[APIC_ICR2] = { ~0u, R | W },
	[APIC_LVT_TIMER] = { 0x700ff, BOTH },
	[APIC_LVT_THERMAL ... APIC_LVT_PERF] = { 0x107ff, BOTH },
	[APIC_LVT_LINT0 ... APIC_LVT_LINT1] = { 0x1a7ff, BOTH },
	[APIC_LVT_ERROR] = { 0x100ff, BOTH },
	[APIC_TIMER_INIT] = { ~0u, BOTH },
	[APIC_TIMER_COUNT] = { 0, READ },
	[APIC_TIMER_DIVIDE] = { 0xb, BOTH },
	[APIC_SELF_IPI] = { 0xff, W2 },
};

static bool allowed(const struct vapic *l, unsigned reg, unsigned how)
{
	return reg < APIC_REGS && (table[reg].how & how & (vapic_x2(l) ? R2 | W2 : R | W));
}

static bool is_lvt(unsigned reg)
{
	return reg == APIC_LVT_CMCI || (reg >= APIC_LVT_TIMER && reg <= APIC_LVT_ERROR);
}

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

/* Atomic: other CPUs post interrupts meanwhile. */
static void put_bit(uint64_t set[4], uint8_t n, bool on)
{
	uint64_t bit = 1ull << (n & 63);

	if (on) {
		__atomic_fetch_or(&set[n >> 6], bit, __ATOMIC_SEQ_CST);
	} else {
		__atomic_fetch_and(&set[n >> 6], ~bit, __ATOMIC_SEQ_CST);
	}
}

static bool is_set(const uint64_t set[4], uint8_t n)
{
	return set[n >> 6] >> (n & 63) & 1;
}

/* ---- timer ---- */

static unsigned timer_mode(uint32_t lvt)
{
	return lvt >> 17 & 3;
}

static unsigned divide_shift(const struct vapic *l)
{
	uint32_t divide = l->reg[APIC_TIMER_DIVIDE];

	return (((divide & 3) | (divide >> 1 & 4)) + 1) & 7;
}

static void timer_arm(struct vapic *l, uint64_t deadline_ns)
{
	l->expiry_ns = deadline_ns;
	timer_set(&l->timer, deadline_ns);
}

static uint64_t deadline_ns(const struct vapic *l)
{
	uint64_t now = rdtsc() + l->tsc_offset, ahead = l->tsc_deadline > now ? l->tsc_deadline - now : 0;

	return clock_ticks_to_ns(ahead < DEADLINE_MAX ? ahead : DEADLINE_MAX);
}

void vapic_timer_start(struct vapic *l)
{
	uint64_t ns = (uint64_t)l->reg[APIC_TIMER_INIT] << divide_shift(l);
	unsigned mode = timer_mode(l->reg[APIC_LVT_TIMER]);

	timer_cancel(&l->timer);
	l->expiry_ns = l->period_ns = 0;
	if (mode == TIMER_DEADLINE ? !l->tsc_deadline : !ns) {
		return;
	}
	if (mode == TIMER_DEADLINE) {
		ns = deadline_ns(l);
	} else if (mode == TIMER_PERIODIC) {
		ns = ns < PERIOD_FLOOR_NS ? PERIOD_FLOOR_NS : ns;
		l->period_ns = ns;
	}
	timer_arm(l, clock_ns() + ns);
}

void vapic_write_deadline(struct vapic *l, uint64_t guest_tsc)
{
	if (timer_mode(l->reg[APIC_LVT_TIMER]) == TIMER_DEADLINE && vapic_on(l)) {
		l->tsc_deadline = guest_tsc;
		vapic_timer_start(l);
	}
}

/* The LVT's vector arrives, if it is not masked. */
static void post_local(struct vapic *l, uint32_t lvt)
{
	if (!(lvt & LVT_MASKED) && vapic_post(l, (uint8_t)lvt, false)) {
		vapic_raised(l);
	}
}

void vapic_timer_fired(struct timer *t)
{
	struct vapic *l = container_of(t, struct vapic, timer);
	uint32_t lvt = l->reg[APIC_LVT_TIMER];

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
	post_local(l, lvt);
}

static uint32_t timer_count(const struct vapic *l)
{
	uint64_t now = clock_ns();

	if (timer_mode(l->reg[APIC_LVT_TIMER]) == TIMER_DEADLINE || l->expiry_ns <= now) {
		return 0;
	}
	return (uint32_t)((l->expiry_ns - now) >> divide_shift(l));
}

/* ---- interrupts ---- */

static void report_error(struct vapic *l, uint32_t bit)
{
	uint32_t lvt = l->reg[APIC_LVT_ERROR];

	if (!(__atomic_fetch_or(&l->errors, bit, __ATOMIC_RELAXED) & bit) && (lvt & LVT_VECTOR) >= 16) {
		post_local(l, lvt);
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
	if (is_set(l->tmr, vector) != level) {
		put_bit(l->tmr, vector, level);
	}
	put_bit(l->post, vector, true);
	if (l->post != l->irr) {
		__atomic_fetch_or(&l->post[4], 1, __ATOMIC_SEQ_CST);
	}
	return true;
}

uint8_t vapic_ppr(const struct vapic *l)
{
	uint32_t serving = l->isr_top & 0xf0, tpr = l->reg[APIC_TPR];

	return (uint8_t)((tpr & 0xf0) >= serving ? tpr : serving);
}

uint8_t vapic_pending(const struct vapic *l)
{
	uint8_t v = top_vector(l->irr);

	return (v & 0xf0) > (vapic_ppr(l) & 0xf0) && vapic_on(l) ? v : 0;
}

uint8_t vapic_only(const struct vapic *l)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t word = l->irr[i] | l->isr[i];

		if ((l->irr[i] & l->isr[i]) || (word & (word - 1)) || (word && seen)) {
			return 0;
		}
		seen |= word;
	}
	return l->isr_top ? l->isr_top : top_vector(l->irr);
}

void vapic_accept(struct vapic *l, uint8_t vector)
{
	put_bit(l->irr, vector, false);
	put_bit(l->isr, vector, true);
	l->isr_top = vector > l->isr_top ? vector : l->isr_top;
}

void vapic_return(struct vapic *l, uint8_t vector)
{
	if (is_set(l->isr, vector)) {
		put_bit(l->isr, vector, false);
		put_bit(l->irr, vector, true);
		l->isr_top = top_vector(l->isr);
	}
}

static enum vapic_effect end_of_interrupt(struct vapic *l)
{
	uint8_t v = l->isr_top;

	if (v == 0) {
		return VAPIC_DONE;
	}
	put_bit(l->isr, v, false);
	l->isr_top = top_vector(l->isr);
	l->eoi_vector = v;
	return VAPIC_EOI_EXIT;
}

bool vapic_takes_extint(const struct vapic *l)
{
	uint32_t lint0 = l->reg[APIC_LVT_LINT0];

	return !vapic_on(l) || (!(lint0 & LVT_MASKED) && (lint0 >> LVT_MODE_SHIFT & 7) == DM_EXTINT);
}

bool vapic_matches(const struct vapic *l, uint32_t dest, bool logical)
{
	uint32_t ldr = l->reg[APIC_LDR];

	if (dest == 0xff || dest == 0xffffffff) {
		return vapic_on(l);
	}
	if (!logical) {
		return dest == l->id;
	}
	if (vapic_x2(l)) {
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
	}
	ldr >>= 24;
	if (l->reg[APIC_DFR] >> 28 == DFR_FLAT) {
		return (ldr & dest) != 0;
	}
	return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf);
}

/* ---- registers ---- */

/* A software-disabled APIC keeps its LVT masked (SDM 3A 11.4.7.2). */
static void store(struct vapic *l, unsigned reg, uint32_t val)
{
	l->reg[reg] = val & table[reg].mask;
	if (is_lvt(reg) && !vapic_soft_on(l)) {
		l->reg[reg] |= LVT_MASKED;
	} else if (reg == APIC_DFR) {
		l->reg[reg] |= 0x0fffffff;
	}
}

/* What follows from id and mode and cannot be written. */
static void store_fixed(struct vapic *l)
{
	l->reg[APIC_ID] = vapic_x2(l) ? l->id : l->id << 24;
	l->reg[APIC_VERSION] = VERSION;
	if (vapic_x2(l)) {
		l->reg[APIC_LDR] = (l->id >> 4) << 16 | 1u << (l->id & 15);
	}
}

static uint32_t load(const struct vapic *l, unsigned reg)
{
	if (reg == APIC_PPR) {
		return vapic_ppr(l);
	}
	return reg == APIC_TIMER_COUNT ? timer_count(l) : l->reg[reg];
}

uint32_t vapic_read(struct vapic *l, unsigned reg)
{
	if (!allowed(l, reg, READ)) {
		report_error(l, ESR_REGISTER);
		return 0;
	}
	return load(l, reg);
}

/* A change between deadline mode and the counting modes stops the timer (SDM 3A 11.5.4.1). */
static void timer_lvt_written(struct vapic *l, uint32_t old)
{
	unsigned was = timer_mode(old), is = timer_mode(l->reg[APIC_LVT_TIMER]);

	if (was == is) {
		return;
	}
	if (was == TIMER_DEADLINE || is == TIMER_DEADLINE) {
		l->tsc_deadline = 0;
		l->reg[APIC_TIMER_INIT] = 0;
	}
	vapic_timer_start(l);
}

/* What a write does beside changing the register from old. */
static enum vapic_effect written(struct vapic *l, unsigned reg, uint32_t old)
{
	switch (reg) {
	case APIC_SVR:
		for (unsigned i = APIC_LVT_CMCI; i <= APIC_LVT_ERROR; i++) {
			store(l, i, l->reg[i]);
		}
		return VAPIC_DONE;
	case APIC_ESR:
		l->reg[APIC_ESR] = __atomic_exchange_n(&l->errors, 0, __ATOMIC_RELAXED);
		return VAPIC_DONE;
	case APIC_LVT_TIMER:
		timer_lvt_written(l, old);
		return VAPIC_DONE;
	case APIC_TIMER_INIT:
		vapic_timer_start(l);
		return VAPIC_DONE;
	case APIC_SELF_IPI:
		l->icr = SELF_IPI_ICR | l->reg[APIC_SELF_IPI];
		/* fall through */
	case APIC_ICR:
		if (!(l->icr & (ICR_NO_VECTOR | 0xf0))) {
			report_error(l, ESR_SEND_ILLEGAL);
		}
		return VAPIC_SEND;
	default:
		return VAPIC_DONE;
	}
}

enum vapic_effect vapic_write(struct vapic *l, unsigned reg, uint32_t val)
{
	uint32_t old;

	if (!allowed(l, reg, W | W2)) {
		report_error(l, ESR_REGISTER);
		return VAPIC_DONE;
	}
	if (reg == APIC_EOI) {
		return end_of_interrupt(l);
	}
	if (reg == APIC_ID) {
		return VAPIC_DONE;   /* fixed, as on recent processors */
	}
	old = l->reg[reg];
	store(l, reg, val);
	return written(l, reg, old);
}

bool vapic_read_x2(struct vapic *l, unsigned reg, uint64_t *val)
{
	if (!allowed(l, reg, R2)) {
		return false;
	}
	*val = reg == APIC_ICR ? l->icr : load(l, reg);
	return true;
}

enum vapic_effect vapic_write_x2(struct vapic *l, unsigned reg, uint64_t val)
{
	uint64_t mask = reg < APIC_REGS ? table[reg].mask : 0;

	/* Reserved bits fault in this mode; of the ESR all are. Those of an LVT that are read-only do not: kernels write them. */
	mask |= is_lvt(reg) ? LVT_PENDING | (mask & LVT_LEVEL ? LVT_REMOTE_IRR : 0) : 0;
	if (!allowed(l, reg, W2) || ((reg == APIC_ICR ? (uint32_t)val : val) & ~mask) || (val && reg == APIC_ESR)) {
		return VAPIC_FAULT;
	}
	if (reg == APIC_ICR) {
		l->reg[APIC_ICR2] = (uint32_t)(val >> 32);
	}
	return vapic_write(l, reg, (uint32_t)val);
}

static bool base_valid(uint64_t val)
{
	return !(val & ~BASE_VALID) && (val & BASE_MODE) != APIC_BASE_X2APIC;
}

/* x2APIC is entered from xAPIC only, and left only by switching off (SDM 3A 11.12.5). */
bool vapic_write_base(struct vapic *l, uint64_t val)
{
	uint64_t was = l->base & BASE_MODE, to = val & BASE_MODE;

	if (!base_valid(val) || (was == BASE_MODE && to == APIC_BASE_ENABLE) || (!was && to == BASE_MODE)) {
		return false;
	}
	l->base = val;
	if (!vapic_on(l)) {
		vapic_reset(l);
	}
	store_fixed(l);
	return true;
}

void vapic_reset(struct vapic *l)
{
	timer_cancel(&l->timer);
	__builtin_memset(l->reg, 0, sizeof(l->reg));
	l->period_ns = l->expiry_ns = l->tsc_deadline = 0;
	l->errors = l->isr_top = 0;
	for (unsigned i = APIC_LVT_CMCI; i <= APIC_LVT_ERROR; i++) {
		store(l, i, 0);
	}
	l->reg[APIC_DFR] = 0xffffffff;
	l->reg[APIC_SVR] = 0xff;
	store_fixed(l);
}

void vapic_init(struct vapic *l, uint32_t id, bool bsp)
{
	l->id = id;
	l->timer.fn = vapic_timer_fired;
	l->post = l->irr;
	l->base = APIC_BASE_DEFAULT | APIC_BASE_ENABLE | (bsp ? APIC_BASE_BSP : 0);
	vapic_reset(l);
}

/* ---- whole state ---- */

void vapic_save(struct vapic *l, uint32_t regs[APIC_REGS])
{
	for (unsigned i = 0; i < APIC_REGS; i++) {
		regs[i] = load(l, i);
	}
}

int vapic_restore(struct vapic *l, const uint32_t regs[APIC_REGS], uint64_t base, uint64_t deadline)
{
	if (!base_valid(base)) {
		return E_INVAL;
	}
	vapic_reset(l);
	l->base = base;
	for (unsigned i = 0; i < APIC_REGS; i++) {
		store(l, i, regs[i]);
	}
	store_fixed(l);
	l->irr[0] &= ~0xffffull;
	l->isr[0] &= ~0xffffull;
	l->isr_top = top_vector(l->isr);
	l->tsc_deadline = deadline;
	return OK;
}
