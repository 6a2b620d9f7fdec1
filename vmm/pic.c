/* SPDX-License-Identifier: Apache-2.0 */
/* The pair of 8259A interrupt controllers. Intel 8259A data sheet (231468). */
#include "vmm/pic.h"
#include "vmm/platform.h"
#include "vmm/regs.h"

enum { MASTER, SLAVE, CASCADE = 2, SPURIOUS = 7, NONE = 8 };

/* OCW2 bits 5-7. */
enum { ROTATE_AEOI_OFF, EOI, NOP, EOI_SPECIFIC, ROTATE_AEOI_ON, EOI_ROTATE, SET_LOWEST, EOI_SPECIFIC_ROTATE };

enum {
	ICW1 = 1 << 4, ICW1_SINGLE = 1 << 1, ICW1_ICW4 = 1 << 0,
	ICW4_NESTED = 1 << 4, ICW4_AEOI = 1 << 1,
	OCW3 = 1 << 3, OCW3_SMM_SET = 1 << 6, OCW3_SMM = 1 << 5, OCW3_POLL = 1 << 2, OCW3_READ_SET = 1 << 1, OCW3_ISR = 1 << 0,
	POLL_REQUEST = 1 << 7,
};

/* Inputs that a PC lets ELCR make level triggered: not timer, keyboard, cascade, RTC, FPU (ICH9 13.4.10). */
static const uint8_t elcr_masks[2] = { 0xf8, 0xde };

static uint8_t bit(unsigned n)
{
	return (uint8_t)(1u << n);
}

/* How far the best input of mask is from the top of the rotation; NONE for an empty mask. */
static unsigned best_rank(const struct pic_chip *c, uint8_t mask)
{
	unsigned rank = 0;

	while (rank < NONE && !(mask & bit((c->lowest + 1 + rank) & 7))) {
		rank++;
	}
	return rank;
}

static unsigned input_of(const struct pic_chip *c, unsigned rank)
{
	return (c->lowest + 1 + rank) & 7;
}

/* The input to serve now, or NONE. */
static unsigned pending(const struct pic_chip *c)
{
	unsigned request = best_rank(c, c->irr & (uint8_t)~c->imr);
	uint8_t serving = c->isr;

	if (c->special_mask) {
		serving &= (uint8_t)~c->imr;
	}
	if (c->init_step || request == NONE) {
		return NONE;
	}
	if (c->special_nested && input_of(c, request) == CASCADE) {
		/* The slave may interrupt its own service routine: its own priorities decide. */
		serving &= (uint8_t)~bit(CASCADE);
	}
	return request < best_rank(c, serving) ? input_of(c, request) : NONE;
}

static void set_input(struct pic_chip *c, unsigned n, bool level)
{
	bool rises = level && !(c->lines & bit(n));

	if (rises) {
		c->lines |= bit(n);
	} else if (!level) {
		c->lines &= (uint8_t)~bit(n);
	}
	if (rises) {
		c->irr |= bit(n);
	} else if (!level) {
		/* A request must stay until it is acknowledged, edge triggered or not. */
		c->irr &= (uint8_t)~bit(n);
	}
}

/* Carries the slave's INT to the master and the master's to the CPU. */
static void update(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[MASTER], *slave = &pic->chip[SLAVE];
	bool intr;

	slave->int_out = pending(slave) != NONE;
	set_input(master, CASCADE, slave->int_out);
	intr = pending(master) != NONE;
	if (intr != master->int_out) {
		master->int_out = intr;
		vm_extint(intr);
	}
}

static uint8_t level_inputs(const struct pic *pic, const struct pic_chip *c)
{
	/* The slave holds INT as long as it wants service, so the cascade acts as a level. */
	return c == &pic->chip[MASTER] ? c->elcr | bit(CASCADE) : c->elcr;
}

static void acknowledge(const struct pic *pic, struct pic_chip *c, unsigned n)
{
	if (!c->auto_eoi) {
		c->isr |= bit(n);
	} else if (c->rotate_on_aeoi) {
		c->lowest = (uint8_t)n;
	}
	if (!(level_inputs(pic, c) & bit(n))) {
		c->irr &= (uint8_t)~bit(n);
	}
}

unsigned pic_ack(struct pic *pic)
{
	struct pic_chip *master = &pic->chip[MASTER], *slave = &pic->chip[SLAVE];
	unsigned n = pending(master);
	unsigned vector;

	if (n == NONE) {
		return master->base + SPURIOUS;
	}
	acknowledge(pic, master, n);
	vector = master->base + n;
	if (n == CASCADE) {
		n = pending(slave);
		if (n != NONE) {
			acknowledge(pic, slave, n);
		}
		vector = slave->base + (n == NONE ? SPURIOUS : n);
	}
	update(pic);
	return vector;
}

void pic_set(struct pic *pic, unsigned line, bool level)
{
	set_input(&pic->chip[line >> 3 & 1], line & 7, level);
	update(pic);
}

static void write_icw1(const struct pic *pic, struct pic_chip *c, uint8_t val)
{
	c->irr = c->lines & level_inputs(pic, c);
	c->isr = c->imr = 0;
	c->lowest = 7;
	c->auto_eoi = c->rotate_on_aeoi = c->special_mask = c->special_nested = false;
	c->read_isr = c->poll = false;
	c->init_icw4 = val & ICW1_ICW4;
	c->single = val & ICW1_SINGLE;
	c->init_step = 2;
}

/* Ends the service of the best input, or of the given one; returns it, or NONE. */
static unsigned end_service(struct pic_chip *c, bool specific, unsigned n)
{
	if (!specific) {
		/* In special mask mode a masked input's service is ended by name only. */
		uint8_t serving = c->special_mask ? c->isr & (uint8_t)~c->imr : c->isr;
		unsigned rank = best_rank(c, serving);

		if (rank == NONE) {
			return NONE;
		}
		n = input_of(c, rank);
	}
	c->isr &= (uint8_t)~bit(n);
	return n;
}

static void write_ocw2(struct pic_chip *c, uint8_t val)
{
	unsigned op = val >> 5, n = val & 7;

	switch (op) {
	case ROTATE_AEOI_OFF:
	case ROTATE_AEOI_ON:
		c->rotate_on_aeoi = op == ROTATE_AEOI_ON;
		break;
	case SET_LOWEST:
		c->lowest = (uint8_t)n;
		break;
	case EOI:
	case EOI_SPECIFIC:
		end_service(c, op == EOI_SPECIFIC, n);
		break;
	case EOI_ROTATE:
	case EOI_SPECIFIC_ROTATE:
		n = end_service(c, op == EOI_SPECIFIC_ROTATE, n);
		if (n != NONE) {
			c->lowest = (uint8_t)n;
		}
		break;
	default:
		break;
	}
}

static void write_ocw3(struct pic_chip *c, uint8_t val)
{
	if (val & OCW3_SMM_SET) {
		c->special_mask = val & OCW3_SMM;
	}
	c->poll = val & OCW3_POLL;
	if (!c->poll && (val & OCW3_READ_SET)) {
		c->read_isr = val & OCW3_ISR;
	}
}

/* Port 1: ICW2 to ICW4 while initializing, then the mask. */
static void write_data(struct pic_chip *c, uint8_t val)
{
	uint8_t after = c->init_icw4 ? 4 : 0;

	switch (c->init_step) {
	case 2:
		c->base = val & 0xf8;
		c->init_step = c->single ? after : 3;
		break;
	case 3:
		c->init_step = after;
		break;
	case 4:
		c->auto_eoi = val & ICW4_AEOI;
		c->special_nested = val & ICW4_NESTED;
		c->init_step = 0;
		break;
	default:
		c->imr = val;
		break;
	}
}

static void chip_write(struct pic *pic, struct pic_chip *c, unsigned off, uint8_t val)
{
	if (off) {
		write_data(c, val);
	} else if (val & ICW1) {
		write_icw1(pic, c, val);
	} else if (val & OCW3) {
		write_ocw3(c, val);
	} else {
		write_ocw2(c, val);
	}
	update(pic);
}

/* A poll is an acknowledge cycle by the CPU reading. */
static uint8_t poll(struct pic *pic, struct pic_chip *c)
{
	unsigned n = pending(c);

	c->poll = false;
	if (n == NONE) {
		return 0;
	}
	acknowledge(pic, c, n);
	update(pic);
	return (uint8_t)(POLL_REQUEST | n);
}

static uint8_t chip_read(struct pic *pic, struct pic_chip *c, unsigned off)
{
	if (c->poll) {
		return poll(pic, c);
	}
	if (off) {
		return c->imr;
	}
	return c->read_isr ? c->isr : c->irr;
}

static uint8_t master_read(void *dev, unsigned off)
{
	struct pic *pic = dev;

	return chip_read(pic, &pic->chip[MASTER], off);
}

static void master_write(void *dev, unsigned off, uint8_t val)
{
	struct pic *pic = dev;

	chip_write(pic, &pic->chip[MASTER], off, val);
}

static uint8_t slave_read(void *dev, unsigned off)
{
	struct pic *pic = dev;

	return chip_read(pic, &pic->chip[SLAVE], off);
}

static void slave_write(void *dev, unsigned off, uint8_t val)
{
	struct pic *pic = dev;

	chip_write(pic, &pic->chip[SLAVE], off, val);
}

static uint8_t elcr_read(void *dev, unsigned off)
{
	struct pic *pic = dev;

	return pic->chip[off & 1].elcr;
}

static void elcr_write(void *dev, unsigned off, uint8_t val)
{
	struct pic *pic = dev;
	struct pic_chip *c = &pic->chip[off & 1];

	c->elcr = val & elcr_masks[off & 1];
	c->irr |= c->lines & c->elcr;
	update(pic);
}

static const struct byte_ops master_ops = { master_read, master_write };
static const struct byte_ops slave_ops = { slave_read, slave_write };
static const struct byte_ops elcr_ops = { elcr_read, elcr_write };

static void master_access(void *dev, struct io_access *io)
{
	bytes_access(&master_ops, dev, io);
}

static void slave_access(void *dev, struct io_access *io)
{
	bytes_access(&slave_ops, dev, io);
}

static void elcr_access(void *dev, struct io_access *io)
{
	bytes_access(&elcr_ops, dev, io);
}

int pic_init(struct pic *pic, struct bus *ports)
{
	int r;

	*pic = (struct pic){ .chip = { { .lowest = 7 }, { .lowest = 7 } } };
	r = bus_add(ports, PORT_PIC_MASTER, 2, master_access, pic, "pic");
	if (r == OK) {
		r = bus_add(ports, PORT_PIC_SLAVE, 2, slave_access, pic, "pic");
	}
	if (r == OK) {
		r = bus_add(ports, PORT_PIC_ELCR, 2, elcr_access, pic, "elcr");
	}
	return r;
}
