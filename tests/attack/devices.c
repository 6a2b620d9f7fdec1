/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group "devices": configuration space and BARs as nobody should write them, and every virtio device that is found
 * with rings that lie. PCI Local Bus 3.0; virtio 1.2, 4.1. What was broken on purpose must work again after a reset.
 */
#include "tests/attack/at.h"

enum { SLOTS = 32, VENDOR_VIRTIO = 0x1af4, MODERN = 0x1040, RNG = 4 };
enum { COMMAND = 0x04, BAR0 = 0x10, CAPABILITIES = 0x34, MEMORY = 2, MASTER = 4 };

/* Common configuration. */
enum { FEATURE_SELECT = 0x08, FEATURE = 0x0c, QUEUES = 0x12, STATUS = 0x14, SELECT = 0x16, SIZE = 0x18, VECTOR = 0x1a,
       ENABLE = 0x1c, NOTIFY_OFF = 0x1e, DESC = 0x20, AVAIL = 0x28, USED = 0x30 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, LIVE = 15 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4, RING = 16, F_INDIRECT = 1 << 28 };

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };

/* One ring for all: a device is driven with one queue at a time. */
static struct desc descriptors[RING] __attribute__((aligned(4096)));
static volatile struct { uint16_t flags, idx, ring[RING], event; } avail __attribute__((aligned(4096)));
static volatile struct { uint16_t flags, idx; struct { uint32_t id, len; } ring[RING]; uint16_t event; } used
	__attribute__((aligned(4096)));
static uint8_t data[4096] __attribute__((aligned(4096)));
static struct desc table[RING] __attribute__((aligned(4096)));

struct device {
	unsigned slot, type;
	uint64_t common, notify;
	uint32_t stride;
};

/* ---- configuration space ---- */

static uint32_t config(unsigned slot, unsigned reg)
{
	outl(0xcf8, 0x80000000u | slot << 11 | (reg & 0xfc));
	return inl(0xcfc);
}

static void set_config(unsigned slot, unsigned reg, uint32_t value)
{
	outl(0xcf8, 0x80000000u | slot << 11 | (reg & 0xfc));
	outl(0xcfc, value);
}

static bool is_there(unsigned slot)
{
	return (config(slot, 0) & 0xffff) != 0xffff;
}

/* Registers that belong to the system; what they hold after the sweeps must be what they held before. */
static uint32_t header[SLOTS][64];

static void save_headers(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		for (unsigned i = 0; i < 64; i++) {
			header[slot][i] = config(slot, i * 4);
		}
	}
}

static void restore_headers(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		for (unsigned i = 63; is_there(slot) && i > 0; i--) {
			set_config(slot, i * 4, header[slot][i]);
		}
	}
}

static bool identities_hold(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		if (config(slot, 0) != header[slot][0] || (is_there(slot) && config(slot, 8) != header[slot][2])) {
			return false;
		}
	}
	return true;
}

static void sweep(uint32_t (*value)(void))
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		for (unsigned reg = 0; reg < 256; reg += 4) {
			set_config(slot, reg, value());
		}
	}
}

static uint32_t ones(void) { return 0xffffffff; }
static uint32_t zeroes(void) { return 0; }
static uint32_t any(void) { return (uint32_t)rnd(); }

static void bytes_and_words(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		for (unsigned reg = 0; reg < 256; reg++) {
			outl(0xcf8, 0x80000000u | slot << 11 | (reg & 0xfc));
			outb((uint16_t)(0xcfc + (reg & 3)), (uint8_t)rnd());
			outw((uint16_t)(0xcfc + (reg & 3)), (uint16_t)rnd());
		}
	}
}

/* ---- finding the devices ---- */

static uint64_t bar(unsigned slot, unsigned index)
{
	uint64_t low = config(slot, BAR0 + index * 4);

	return (low & 4 ? (uint64_t)config(slot, BAR0 + index * 4 + 4) << 32 : 0) | (low & ~15ull);
}

static bool find(unsigned slot, struct device *d)
{
	uint32_t id = config(slot, 0);

	*d = (struct device){ .slot = slot, .type = (id >> 16) - MODERN };
	if ((id & 0xffff) != VENDOR_VIRTIO || id >> 16 < MODERN) {
		return false;
	}
	for (unsigned at = config(slot, CAPABILITIES) & 0xff, hops = 0; at && hops < 32; at = config(slot, at) >> 8 & 0xff, hops++) {
		uint64_t where = bar(slot, config(slot, at + 4) & 7) + config(slot, at + 8);
		unsigned type = (config(slot, at) & 0xff) == 9 ? config(slot, at) >> 24 : 0;

		if (type == 1) {
			d->common = where;
		} else if (type == 2) {
			d->notify = where;
			d->stride = config(slot, at + 16);
		}
	}
	set_config(slot, COMMAND, MEMORY | MASTER);
	return d->common && d->notify;
}

/* ---- driving one ---- */

static volatile void *at(uint64_t address) { return (volatile void *)(uintptr_t)address; }
static void set8(const struct device *d, unsigned reg, uint8_t v) { *(volatile uint8_t *)at(d->common + reg) = v; }
static void set16(const struct device *d, unsigned reg, uint16_t v) { *(volatile uint16_t *)at(d->common + reg) = v; }
static void set32(const struct device *d, unsigned reg, uint32_t v) { *(volatile uint32_t *)at(d->common + reg) = v; }
static uint8_t get8(const struct device *d, unsigned reg) { return *(volatile uint8_t *)at(d->common + reg); }
static uint16_t get16(const struct device *d, unsigned reg) { return *(volatile uint16_t *)at(d->common + reg); }

static void set64(const struct device *d, unsigned reg, uint64_t v)
{
	set32(d, reg, (uint32_t)v);
	set32(d, reg + 4, (uint32_t)(v >> 32));
}

static uint64_t address(const volatile void *p) { return (uint64_t)(uintptr_t)p; }

static void reset(const struct device *d, uint32_t features)
{
	set8(d, STATUS, 0);
	set8(d, STATUS, ACKNOWLEDGE | DRIVER);
	set32(d, FEATURE_SELECT, 0);
	set32(d, FEATURE, features);
	set32(d, FEATURE_SELECT, 1);
	set32(d, FEATURE, 1);
	set8(d, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	memset(descriptors, 0, sizeof(descriptors));
	memset((void *)(uintptr_t)&avail, 0, sizeof(avail));
	memset((void *)(uintptr_t)&used, 0, sizeof(used));
}

static void set_queue(const struct device *d, unsigned queue, uint16_t size)
{
	set16(d, SELECT, (uint16_t)queue);
	set16(d, SIZE, size);
	set16(d, VECTOR, 0xffff);
	set64(d, DESC, address(descriptors));
	set64(d, AVAIL, address(&avail));
	set64(d, USED, address(&used));
}

static void start(const struct device *d, unsigned queue, uint32_t features)
{
	reset(d, features);
	set_queue(d, queue, RING);
	set16(d, ENABLE, 1);
	set8(d, STATUS, LIVE);
}

static void notify(const struct device *d, unsigned queue)
{
	set16(d, SELECT, (uint16_t)queue);
	*(volatile uint16_t *)at(d->notify + (uint64_t)get16(d, NOTIFY_OFF) * d->stride) = (uint16_t)queue;
}

/* Up to a second, in which the device looks at its ring. */
static bool comes_to_need_reset(const struct device *d)
{
	uint32_t begin = pm_timer();

	while (!(get8(d, STATUS) & NEEDS_RESET)) {
		if (((pm_timer() - begin) & 0xffffff) > 3579545) {
			return false;
		}
	}
	return true;
}

static bool is_used(uint16_t idx)
{
	uint32_t begin = pm_timer();

	while (used.idx != idx) {
		if (((pm_timer() - begin) & 0xffffff) > 2 * 3579545) {
			return false;
		}
	}
	return true;
}

/* ---- virtio: rings that lie ---- */

/* The lie is told before the notification; each must end with a device that rests until its reset. */
enum lie { RUNAWAY, LOOP, BEYOND, NO_MEMORY, END_OF_ALL, IN_THE_WINDOW, IN_THE_APIC, HUGE, NESTED, TABLE_NOWHERE, ODD_TABLE, LIES };

static const char *const lie_name[LIES] = {
	"more chains than descriptors", "a loop of descriptors", "a descriptor beyond the ring", "a buffer beyond memory",
	"a buffer at the end of all addresses", "a buffer in the window of BARs", "a buffer in the APIC's page",
	"a buffer of 4 GiB", "a table within a table", "a table beyond memory", "a table of odd length",
};

static void tell(enum lie lie)
{
	static const uint64_t nowhere[LIES] = {
		[NO_MEMORY] = 0x7ffffffff000, [END_OF_ALL] = 0xfffffffffffffff0, [IN_THE_WINDOW] = 0xc0000000,
		[IN_THE_APIC] = 0xfee00000, [HUGE] = 0,
	};

	descriptors[0] = (struct desc){ address(data), 64, WRITE, 0 };
	avail.idx = 1;
	switch (lie) {
	case RUNAWAY:
		avail.idx = RING + 1;
		break;
	case LOOP:
		descriptors[0] = (struct desc){ address(data), 8, WRITE | NEXT, 1 };
		descriptors[1] = (struct desc){ address(data), 8, WRITE | NEXT, 0 };
		break;
	case BEYOND:
		avail.ring[0] = RING;
		break;
	case NESTED:
		table[0] = (struct desc){ address(table), sizeof(table), INDIRECT, 0 };
		descriptors[0] = (struct desc){ address(table), 16, INDIRECT, 0 };
		break;
	case TABLE_NOWHERE:
		descriptors[0] = (struct desc){ 0x7ffffffff000, 16, INDIRECT, 0 };
		break;
	case ODD_TABLE:
		descriptors[0] = (struct desc){ address(table), 15, INDIRECT, 0 };
		break;
	default:
		descriptors[0].addr = nowhere[lie];
		descriptors[0].len = lie == HUGE ? 0xffffffff : 64;
		break;
	}
}

static void lies_to(const struct device *d, unsigned queue)
{
	for (enum lie lie = 0; lie < LIES; lie++) {
		start(d, queue, F_INDIRECT);
		tell(lie);
		notify(d, queue);
		ok(numbered(numbered(lie_name[lie], d->type), queue), comes_to_need_reset(d));
	}
	set8(d, STATUS, 0);
	equal(numbered(numbered("reset ends it", d->type), queue), get8(d, STATUS), 0);
}

static void areas_of(const struct device *d)
{
	static const uint64_t nowhere[] = { 0x7ffffffff000, 0xfffffffffffff000, 0xc0000000, 0xfee00000, 0x8000000000000000 };
	static const unsigned reg[] = { DESC, AVAIL, USED };
	bool refused = true;

	for (unsigned i = 0; i < ARRAY_SIZE(nowhere) * ARRAY_SIZE(reg); i++) {
		reset(d, 0);
		set_queue(d, 0, RING);
		set64(d, reg[i % ARRAY_SIZE(reg)], nowhere[i / ARRAY_SIZE(reg)]);
		set16(d, ENABLE, 1);
		refused &= !get16(d, ENABLE);
		set8(d, STATUS, LIVE);
		notify(d, 0);
	}
	ok(numbered("areas outside of memory", d->type), refused);
	reset(d, 0);
	set_queue(d, 0, 3);
	set16(d, ENABLE, 1);
	ok(numbered("three descriptors are no split ring", d->type), !get16(d, ENABLE));
	reset(d, 0);
	set16(d, SELECT, 0xffff);
	set16(d, ENABLE, 1);
	ok(numbered("a queue that is not there", d->type), !get16(d, SIZE) && !get16(d, ENABLE));
}

/* A ring that the device writes into what it reads: any end is right, if only the machine stays. */
static void ring_over_itself(const struct device *d)
{
	reset(d, 0);
	set_queue(d, 0, RING);
	set64(d, USED, address(&avail));
	descriptors[0] = (struct desc){ address(&avail), 64, WRITE, 0 };
	set16(d, ENABLE, 1);
	set8(d, STATUS, LIVE);
	avail.idx = 1;
	notify(d, 0);
	for (uint32_t begin = pm_timer(); ((pm_timer() - begin) & 0xffffff) < 3579545 / 20; ) {
	}
	set8(d, STATUS, 0);
	equal(numbered("a ring over itself", d->type), get8(d, STATUS), 0);
}

/* Writes over every register of the BAR's first pages, most of them nonsense. */
static void noise(const struct device *d)
{
	for (unsigned i = 0; i < 2000; i++) {
		uint64_t where = d->common + rnd() % 0x6000;

		if (rnd() & 1) {
			*(volatile uint8_t *)at(where) = (uint8_t)rnd();
		} else {
			*(volatile uint32_t *)at(where & ~3ull) = (uint32_t)rnd();
		}
	}
	set8(d, STATUS, 0);
	equal(numbered("noise on all registers", d->type), get8(d, STATUS), 0);
}

static void entropy_still_comes(const struct device *d)
{
	uint8_t sum = 0;

	start(d, 0, 0);
	memset(data, 0, sizeof(data));
	descriptors[0] = (struct desc){ address(data), 64, WRITE, 0 };
	avail.idx = 1;
	notify(d, 0);
	ok("entropy comes", is_used(1) && used.ring[0].len == 64);
	for (unsigned i = 0; i < 64; i++) {
		sum |= data[i];
	}
	ok("and is not zero", sum != 0);
	ok("nor more than was asked for", data[64] == 0);
	set8(d, STATUS, 0);
}

static void abuse(const struct device *d)
{
	areas_of(d);
	for (unsigned queue = 0; queue < get16(d, QUEUES) && queue < 3; queue++) {
		/* A console takes nothing from its first queue before somebody types, nor a card before a frame comes. */
		if (queue || (d->type != 1 && d->type != 3)) {
			lies_to(d, queue);
		}
	}
	ring_over_itself(d);
	noise(d);
}

static void rings(void)
{
	unsigned count = 0;
	struct device d;

	for (unsigned slot = 1; slot < SLOTS; slot++) {
		if (find(slot, &d)) {
			count++;
			abuse(&d);
			if (d.type == RNG) {
				entropy_still_comes(&d);
			}
		}
	}
	ok("devices were there", count > 0);
}

/* ---- pci ---- */

/* BARs over RAM, other devices, each other, the end: what is there stays what it is. */
static void wandering_bars(void)
{
	static const uint64_t place[] = {
		0, 0x100000, 0xbfff8000, 0xc0000000, 0xdfff8000, 0xe0000000, 0xfec00000, 0xfed00000, 0xfee00000, 0xffff8000,
		0x100000000, 0xfffffffffff00000,
	};
	volatile uint32_t *ram = at(address(data));
	bool good = true;

	for (unsigned i = 0; i < ARRAY_SIZE(place) + 1; i++) {
		uint64_t where = i < ARRAY_SIZE(place) ? place[i] : address(data) & ~0x7fffull;

		for (unsigned slot = 0; slot < SLOTS; slot++) {
			set_config(slot, BAR0, (uint32_t)where);
			set_config(slot, BAR0 + 4, (uint32_t)(where >> 32));
			set_config(slot, COMMAND, MEMORY | MASTER);
		}
		*ram = 0x12345678 + i;
		good &= *ram == 0x12345678 + i;
		mmio_write32(0xfec00000, 1);
		good &= (mmio_read32(0xfec00010) & 0xff) == 0x20;            /* the IOAPIC's version */
		good &= mmio_read32(0xe0000000) == header[0][0];             /* ECAM */
	}
	ok("bars over everything", good);
}

static void configuration(void)
{
	save_headers();
	ok("host bridge", (header[0][2] >> 16) == 0x0600);
	equal("both ways to configuration space", mmio_read32(0xe0000000 + (1 << 15)), header[1][0]);
	sweep(ones);
	ok("ones everywhere", identities_hold());
	sweep(zeroes);
	ok("zeroes everywhere", identities_hold());
	for (unsigned i = 0; i < 20; i++) {
		sweep(any);
	}
	ok("anything everywhere", identities_hold());
	bytes_and_words();
	ok("bytes and words anywhere", identities_hold());
	wandering_bars();
	restore_headers();
	ok("restored", identities_hold() && bar(1, 0) == ((uint64_t)header[1][5] << 32 | (header[1][4] & ~15u)));
}

void group_devices(void)
{
	configuration();
	rings();
}
