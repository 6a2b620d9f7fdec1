/* SPDX-License-Identifier: Apache-2.0 */
/* 8254 interval timer. Intel 8254 data sheet (231164); port 61h: ICH9 13.8.1. All times are ticks of the PIT's clock. */
#include "vmm/pit.h"
#include "vmm/platform.h"
#include "vmm/regs.h"
#include "vmm/ticks.h"

enum { MODE_TERMINAL_COUNT, MODE_ONE_SHOT, MODE_RATE, MODE_SQUARE, MODE_STROBE, MODE_HW_STROBE };
enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };
enum { CONTROL = 3, SELECT_READ_BACK = 3, READ_BACK_NO_COUNT = 1 << 5, READ_BACK_NO_STATUS = 1 << 4 };
enum { STATUS_OUT = 1 << 7, STATUS_NULL = 1 << 6 };
enum { B_GATE2 = 1 << 0, B_WRITABLE = 0x0f, B_REFRESH = 1 << 4, B_OUT2 = 1 << 5 };
enum { COUNT_BINARY = 65536, COUNT_BCD = 10000 };
enum { REFRESH_NS = 15085 };

static uint64_t now_ticks(void)
{
	return ns_to_ticks(vm_now(), PIT_HZ);
}

/* Rate generator and square wave start again by themselves. */
static bool is_periodic(const struct pit_channel *c)
{
	return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

/* These start at a rising gate and ignore its level. */
static bool is_triggered(const struct pit_channel *c)
{
	return c->mode == MODE_ONE_SHOT || c->mode == MODE_HW_STROBE;
}

static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
	return c->counting ? now - c->start : c->paused;
}

/* Puts a count that waits for the end of the period into effect once that has come. */
static void settle(struct pit_channel *c, uint64_t now)
{
	if (c->next && c->counting && is_periodic(c) && now - c->start >= c->count) {
		c->start += c->count;
		c->count = c->next;
		c->next = 0;
	}
}

static uint32_t to_bcd(uint32_t v)
{
	return v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12;
}

/* Digits above 9 count as what they weigh; the result is bounded all the same. */
static uint32_t from_bcd(uint32_t v)
{
	return (v & 15) + (v >> 4 & 15) * 10 + (v >> 8 & 15) * 100 + (v >> 12 & 15) * 1000;
}

/* What the counting element shows. */
static uint16_t count_now(struct pit_channel *c, uint64_t now)
{
	uint32_t wrap = c->bcd ? COUNT_BCD : COUNT_BINARY;
	uint32_t high = (c->count + 1) / 2;
	uint32_t phase, v;

	settle(c, now);
	switch (c->mode) {
	case MODE_RATE:
		v = c->count - (uint32_t)(elapsed(c, now) % c->count);
		break;
	case MODE_SQUARE:
		phase = (uint32_t)(elapsed(c, now) % c->count);
		v = (c->count & ~1u) - 2 * (phase < high ? phase : phase - high);
		break;
	default:
		v = (c->count + wrap - (uint32_t)(elapsed(c, now) % wrap)) % wrap;
		break;
	}
	return (uint16_t)(c->bcd ? to_bcd(v) : v);
}

/* The OUT pin. */
static bool out_now(struct pit_channel *c, uint64_t now)
{
	uint64_t t;

	settle(c, now);
	t = elapsed(c, now);
	switch (c->mode) {
	case MODE_TERMINAL_COUNT:
		return c->loaded && t >= c->count;
	case MODE_ONE_SHOT:
		return !c->counting || t >= c->count;
	case MODE_RATE:
		return !c->counting || t % c->count != c->count - 1;
	case MODE_SQUARE:
		return !c->counting || t % c->count < (c->count + 1) / 2;
	default:
		return !c->counting || t != c->count;
	}
}

static void start(struct pit_channel *c, uint64_t now)
{
	if (c->next) {
		c->count = c->next;
		c->next = 0;
	}
	c->start = now;
	c->paused = 0;
	c->counting = true;
}

/* ---- channel 0's interrupt ---- */

/* The time of the next edge, no sooner after the last than the floor. */
static void arm(struct pit *pit)
{
	uint64_t due = ticks_to_ns(pit->next_tick, PIT_HZ);
	uint64_t floor = pit->last_ns + PIT_FLOOR_NS;

	vm_timer_set(&pit->timer, due > floor ? due : floor);
}

static void pulse(const struct pit *pit)
{
	vm_irq(pit->gsi, false);
	vm_irq(pit->gsi, true);
}

/* Steps next_tick to the next period, and over those that are too many to be made up for. */
static void next_period(struct pit *pit, uint64_t now)
{
	struct pit_channel *c = &pit->channel[0];
	uint64_t late;

	settle(c, now);
	if (c->start > pit->next_tick) {
		/* The guest changed the period meanwhile: its new boundaries count. */
		pit->next_tick = c->start;
	}
	pit->next_tick += c->count;
	late = now > pit->next_tick ? (now - pit->next_tick) / c->count : 0;
	if (late > PIT_BACKLOG) {
		pit->next_tick += (late - PIT_BACKLOG) * c->count;
	}
}

static void tick(void *arg)
{
	struct pit *pit = arg;
	struct pit_channel *c = &pit->channel[0];

	pit->last_ns = vm_now();
	if (c->mode == MODE_TERMINAL_COUNT) {
		vm_irq(pit->gsi, true);
		return;
	}
	pulse(pit);
	if (is_periodic(c)) {
		next_period(pit, now_ticks());
		arm(pit);
	}
}

/* After a control word or a count for channel 0: the line as OUT is now, the timer for its next rise. */
static void restart_irq(struct pit *pit, uint64_t now)
{
	struct pit_channel *c = &pit->channel[0];

	vm_timer_cancel(&pit->timer);
	vm_irq(pit->gsi, out_now(c, now));
	if (c->counting && !is_triggered(c)) {
		pit->next_tick = c->start + c->count;
		arm(pit);
	}
}

/* ---- registers ---- */

static void set_count(struct pit *pit, struct pit_channel *c, uint32_t raw)
{
	uint64_t now = now_ticks();
	uint32_t count = c->bcd ? from_bcd(raw) : raw;

	if (!count) {
		count = c->bcd ? COUNT_BCD : COUNT_BINARY;
	}
	c->loaded = true;
	if (is_triggered(c) || (is_periodic(c) && c->counting)) {
		if (is_periodic(c)) {
			c->start += (now - c->start) / c->count * c->count;
		}
		c->next = count;
		return;
	}
	c->count = count;
	start(c, now);
	c->counting = c->gate;
	if (c == &pit->channel[0]) {
		restart_irq(pit, now);
	}
}

static void write_count(struct pit *pit, struct pit_channel *c, uint8_t val)
{
	if (c->access == ACCESS_LOW) {
		set_count(pit, c, val);
	} else if (c->access == ACCESS_HIGH) {
		set_count(pit, c, (uint32_t)val << 8);
	} else if (c->write_high) {
		c->write_high = false;
		set_count(pit, c, c->write_low | (uint32_t)val << 8);
	} else {
		c->write_low = val;
		c->write_high = true;
		if (c->mode == MODE_TERMINAL_COUNT) {
			/* Half a count stops mode 0 with OUT low. */
			c->loaded = c->counting = false;
			if (c == &pit->channel[0]) {
				restart_irq(pit, now_ticks());
			}
		}
	}
}

static uint8_t read_count(struct pit_channel *c)
{
	uint16_t v;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	v = c->latched ? c->latch : count_now(c, now_ticks());
	if (c->access == ACCESS_BOTH && !c->read_high) {
		c->read_high = true;
		return (uint8_t)v;
	}
	c->latched = false;
	c->read_high = false;
	return (uint8_t)(c->access == ACCESS_LOW ? v : v >> 8);
}

static void latch_count(struct pit_channel *c)
{
	if (!c->latched) {
		c->latch = count_now(c, now_ticks());
		c->latched = true;
	}
}

static void latch_status(struct pit_channel *c)
{
	if (!c->status_latched) {
		c->status = (uint8_t)((out_now(c, now_ticks()) ? STATUS_OUT : 0) |
				      (!c->loaded || c->next ? STATUS_NULL : 0) | c->access << 4 | c->mode << 1 | c->bcd);
		c->status_latched = true;
	}
}

static void read_back(struct pit *pit, uint8_t val)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pit->channel); i++) {
		if (!(val >> (i + 1) & 1)) {
			continue;
		}
		if (!(val & READ_BACK_NO_COUNT)) {
			latch_count(&pit->channel[i]);
		}
		if (!(val & READ_BACK_NO_STATUS)) {
			latch_status(&pit->channel[i]);
		}
	}
}

static void write_control(struct pit *pit, uint8_t val)
{
	unsigned select = val >> 6;
	struct pit_channel *c;

	if (select == SELECT_READ_BACK) {
		read_back(pit, val);
		return;
	}
	c = &pit->channel[select];
	if ((val >> 4 & 3) == ACCESS_LATCH) {
		latch_count(c);
		return;
	}
	*c = (struct pit_channel){
		.gate = c->gate, .access = val >> 4 & 3, .bcd = val & 1, .count = val & 1 ? COUNT_BCD : COUNT_BINARY,
		/* Modes 6 and 7 are 2 and 3. */
		.mode = (val >> 1 & 7) > MODE_HW_STROBE ? val >> 1 & 3 : val >> 1 & 7,
	};
	if (select == 0) {
		restart_irq(pit, now_ticks());
	}
}

static void set_gate(struct pit_channel *c, bool level)
{
	uint64_t now = now_ticks();

	if (c->gate == level) {
		return;
	}
	c->gate = level;
	settle(c, now);
	if (is_triggered(c)) {
		if (level && c->loaded) {
			start(c, now);
		}
	} else if (!level) {
		c->paused = elapsed(c, now);
		c->counting = false;
	} else if (c->loaded && is_periodic(c)) {
		start(c, now);
	} else if (c->loaded) {
		c->start = now - c->paused;
		c->counting = true;
	}
}

static uint8_t pit_read(void *dev, unsigned off)
{
	struct pit *pit = dev;

	return off == CONTROL ? 0xff : read_count(&pit->channel[off]);
}

static void pit_write(void *dev, unsigned off, uint8_t val)
{
	struct pit *pit = dev;

	if (off == CONTROL) {
		write_control(pit, val);
	} else {
		write_count(pit, &pit->channel[off], val);
	}
}

static uint8_t port_b_read(void *dev, unsigned off)
{
	struct pit *pit = dev;
	unsigned v = pit->port_b;

	(void)off;
	if (vm_now() / REFRESH_NS & 1) {
		v |= B_REFRESH;
	}
	if (out_now(&pit->channel[2], now_ticks())) {
		v |= B_OUT2;
	}
	return (uint8_t)v;
}

static void port_b_write(void *dev, unsigned off, uint8_t val)
{
	struct pit *pit = dev;

	(void)off;
	pit->port_b = val & B_WRITABLE;
	set_gate(&pit->channel[2], val & B_GATE2);
}

static const struct byte_ops pit_ops = { pit_read, pit_write };
static const struct byte_ops port_b_ops = { port_b_read, port_b_write };

static void pit_access(void *dev, struct io_access *io)
{
	bytes_access(&pit_ops, dev, io);
}

static void port_b_access(void *dev, struct io_access *io)
{
	bytes_access(&port_b_ops, dev, io);
}

int pit_init(struct pit *pit, struct bus *ports, unsigned gsi)
{
	int r;

	*pit = (struct pit){ .gsi = gsi, .timer = { .fn = tick, .arg = pit } };
	for (unsigned i = 0; i < ARRAY_SIZE(pit->channel); i++) {
		pit->channel[i] = (struct pit_channel){ .access = ACCESS_BOTH, .count = COUNT_BINARY, .gate = i != 2 };
	}
	r = bus_add(ports, PORT_PIT, 4, pit_access, pit, "pit");
	if (r == OK) {
		r = bus_add(ports, PORT_SYSTEM_B, 1, port_b_access, pit, "port61");
	}
	return r;
}
