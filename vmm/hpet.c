/* SPDX-License-Identifier: Apache-2.0 */
/* High precision event timers. IA-PC HPET 1.0a: 2.3 (registers), 2.3.9.2 (comparators), 2.4.1 (legacy replacement). */
#include "vmm/hpet.h"

#include "vmm/hooks.h"
#include "vmm/platform.h"

/* Registers are qwords. */
enum { REG_CAPABILITIES = 0x00, REG_CONFIG = 0x10, REG_STATUS = 0x20, REG_COUNTER = 0xf0, REG_TIMERS = 0x100 };
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_STRIDE = 0x20 };

enum { CONFIG_ENABLE = 1 << 0, CONFIG_LEGACY = 1 << 1 };

/* A timer's configuration and capability register. */
enum {
	T_LEVEL = 1 << 1, T_INTERRUPT = 1 << 2, T_PERIODIC = 1 << 3, T_PERIODIC_CAP = 1 << 4, T_64_CAP = 1 << 5,
	T_SET_VALUE = 1 << 6, T_32 = 1 << 8, T_ROUTE = 0x1f << 9, T_ROUTE_SHIFT = 9,
	T_WRITABLE = T_LEVEL | T_INTERRUPT | T_PERIODIC | T_SET_VALUE | T_32 | T_ROUTE,
};
#define T_CONSTANT ((uint64_t)HPET_ROUTES << 32 | T_PERIODIC_CAP | T_64_CAP)

static bool runs(const struct hpet *h)
{
	return h->config & CONFIG_ENABLE;
}

/* now: of vm_now(). What is decided together looks at the clock once, or a match could fall in between and be lost. */
static uint64_t count(const struct hpet *h, uint64_t now)
{
	return h->counter + (runs(h) ? (now - h->start_ns) / HPET_TICK_NS : 0);
}

static unsigned index_of(const struct hpet_timer *t)
{
	return (unsigned)(t - t->hpet->timer);
}

/* ---- lines ---- */

/* With legacy replacement the first two take the lines of PIT and RTC. */
static bool is_legacy(const struct hpet_timer *t)
{
	return (t->hpet->config & CONFIG_LEGACY) && index_of(t) < 2;
}

static void drive(const struct hpet_timer *t, bool level)
{
	unsigned route = (unsigned)(t->config & T_ROUTE) >> T_ROUTE_SHIFT;

	if (is_legacy(t)) {
		vm_irq_legacy(index_of(t) == 0 ? GSI_PIT : GSI_RTC, level);
	} else if (HPET_ROUTES >> route & 1) {
		vm_irq(route, level);
	}
}

static bool is_pending(const struct hpet_timer *t)
{
	return t->hpet->status >> index_of(t) & 1;
}

/* A level line follows the status bit; an edge is a line that goes down for a moment. */
static void update_level(const struct hpet_timer *t)
{
	if (t->config & T_LEVEL) {
		drive(t, is_pending(t) && (t->config & T_INTERRUPT));
	}
}

static void signal(struct hpet_timer *t)
{
	if (t->config & T_LEVEL) {
		t->hpet->status |= 1u << index_of(t);
		update_level(t);
	} else if (t->config & T_INTERRUPT) {
		drive(t, false);
		drive(t, true);
	}
}

/* ---- comparators ---- */

static uint64_t wrapped(const struct hpet_timer *t, uint64_t ticks)
{
	return t->config & T_32 ? (uint32_t)ticks : ticks;
}

static bool is_periodic(const struct hpet_timer *t)
{
	return (t->config & T_PERIODIC) && wrapped(t, t->period);
}

/* Steps the comparator over all matches up to now. */
static void catch_up(struct hpet_timer *t, uint64_t now)
{
	uint64_t late = wrapped(t, count(t->hpet, now) - t->comparator), period = wrapped(t, t->period);
	bool passed = late <= (t->config & T_32 ? UINT32_MAX / 2 : UINT64_MAX / 2);

	if (is_periodic(t) && passed && runs(t->hpet)) {
		t->comparator = wrapped(t, t->comparator + (late / period + 1) * period);
	}
}

/*
 * Arms the timer for the next match, past ticks from now at the soonest. One that can tell nobody anything is not armed: the
 * comparator of a period is caught up when it is looked at. Farther away than half of all time means that it has passed.
 */
static void arm_past(struct hpet_timer *t, uint64_t past, uint64_t now)
{
	uint64_t ticks = wrapped(t, t->comparator - count(t->hpet, now) - past) + past, due, floor;

	vm_timer_cancel(&t->timer);
	if (!runs(t->hpet) || !(t->config & T_INTERRUPT) || ticks > UINT64_MAX / 2 / HPET_TICK_NS) {
		return;
	}
	due = now + ticks * HPET_TICK_NS;
	floor = t->last_ns + HPET_FLOOR_NS;
	vm_timer_set(&t->timer, due > floor ? due : floor);
}

/* A short period may have passed since it was armed before. */
static void arm(struct hpet_timer *t, uint64_t now)
{
	catch_up(t, now);
	arm_past(t, 0, now);
}

static void match(void *arg)
{
	struct hpet_timer *t = arg;
	uint64_t now = vm_now();

	t->last_ns = now;
	signal(t);
	if (is_periodic(t)) {
		arm(t, now);
	} else if (t->config & T_32) {
		arm_past(t, 1, now);              /* matches again when the counter has gone round */
	}
}

/* ---- registers ---- */

static uint64_t read_timer(struct hpet_timer *t, unsigned reg)
{
	if (reg == TIMER_CONFIG) {
		return t->config | T_CONSTANT;
	}
	if (reg == TIMER_COMPARATOR) {
		catch_up(t, vm_now());
		return t->comparator;
	}
	return 0;
}

static uint64_t hpet_read(struct hpet *h, unsigned reg)
{
	switch (reg) {
	case REG_CAPABILITIES:
		return HPET_CAPABILITIES;
	case REG_CONFIG:
		return h->config;
	case REG_STATUS:
		return h->status;
	case REG_COUNTER:
		return count(h, vm_now());
	default:
		break;
	}
	if (reg < REG_TIMERS || reg >= REG_TIMERS + HPET_TIMERS * TIMER_STRIDE) {
		return 0;
	}
	return read_timer(&h->timer[(reg - REG_TIMERS) / TIMER_STRIDE], reg % TIMER_STRIDE);
}

static void write_timer_config(struct hpet_timer *t, uint64_t value)
{
	drive(t, false);                     /* off the line that it may leave now */
	t->config = value & T_WRITABLE;
	t->comparator = wrapped(t, t->comparator);
	if (!(t->config & T_LEVEL)) {
		t->hpet->status &= ~(1ull << index_of(t));
	}
	update_level(t);
	arm(t, vm_now());
}

/* A period is given by writing the comparator; with SET_VALUE the same write moves the next match too (2.3.9.2.2). */
static void write_comparator(struct hpet_timer *t, uint64_t value)
{
	uint64_t now = vm_now();

	catch_up(t, now);            /* by the period until now */
	if (!(t->config & T_PERIODIC) || (t->config & T_SET_VALUE)) {
		t->comparator = wrapped(t, value);
	}
	if (t->config & T_PERIODIC) {
		t->period = wrapped(t, value);
	}
	t->config &= ~(uint64_t)T_SET_VALUE;
	arm(t, now);
}

static void arm_all(struct hpet *h, uint64_t now)
{
	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		arm(&h->timer[i], now);
	}
}

static void write_config(struct hpet *h, uint64_t value)
{
	uint64_t now = vm_now(), counter = count(h, now);

	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		drive(&h->timer[i], false);
	}
	h->counter = counter;
	h->start_ns = now;
	h->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
	vm_irq_replace(h->config & CONFIG_LEGACY);
	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		update_level(&h->timer[i]);
	}
	arm_all(h, now);
}

static void write_status(struct hpet *h, uint64_t value)
{
	h->status &= ~value;
	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		update_level(&h->timer[i]);
	}
}

static void hpet_write(struct hpet *h, unsigned reg, uint64_t value)
{
	struct hpet_timer *t;

	switch (reg) {
	case REG_CONFIG:
		write_config(h, value);
		return;
	case REG_STATUS:
		write_status(h, value);
		return;
	case REG_COUNTER:
		h->counter = value;
		h->start_ns = vm_now();
		arm_all(h, h->start_ns);
		return;
	default:
		break;
	}
	if (reg < REG_TIMERS || reg >= REG_TIMERS + HPET_TIMERS * TIMER_STRIDE) {
		return;
	}
	t = &h->timer[(reg - REG_TIMERS) / TIMER_STRIDE];
	if (reg % TIMER_STRIDE == TIMER_CONFIG) {
		write_timer_config(t, value);
	} else if (reg % TIMER_STRIDE == TIMER_COMPARATOR) {
		write_comparator(t, value);
	}
}

/* Any part of one qword; an access over the end of a qword is no register's (2.3.1). */
static void hpet_access(void *dev, struct io_access *io)
{
	struct hpet *h = dev;
	unsigned reg = (unsigned)io->addr & ~7u, shift = (unsigned)(io->addr & 7) * 8;
	uint64_t lanes = (io->size == 8 ? UINT64_MAX : (1ull << io->size * 8) - 1) << shift, old;

	if (shift / 8 + io->size > 8) {
		io->value = 0;
	} else if (!io->write) {
		io->value = hpet_read(h, reg) >> shift;
	} else {
		/* Bytes that are not written keep their value; in the status register they write zero. */
		old = reg == REG_STATUS ? 0 : hpet_read(h, reg);
		hpet_write(h, reg, (old & ~lanes) | (io->value << shift & lanes));
	}
}

int hpet_init(struct hpet *hpet, struct bus *mmio, uint64_t addr)
{
	*hpet = (struct hpet){ 0 };
	for (unsigned i = 0; i < HPET_TIMERS; i++) {
		hpet->timer[i] = (struct hpet_timer){ .comparator = UINT64_MAX, .hpet = hpet, .timer = { .fn = match, .arg = &hpet->timer[i] } };
	}
	return bus_add(mmio, addr, PLATFORM_HPET_SIZE, hpet_access, hpet, "hpet");
}
