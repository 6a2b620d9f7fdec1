/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices under a driver that lies: rings and descriptors of every wrong kind on every device and queue, over PCI
 * and over MMIO. What must hold: nothing but the buffers that the driver named is written; the device stays or asks for a
 * reset, and after that reset it works. Virtio 1.2: 2.1 (status), 2.7 (split rings), 2.8 (packed), 4 (transports), 5.
 */
#include "tests/attack/pci.h"

enum { NET = 1, BLOCK, CONSOLE, ENTROPY, BALLOON };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 0x40 };
enum { NEXT = 1, WRITE = 2, INDIRECT = 4, SIZE = 8, PAGES = 4, GUARD_BYTES = 16384, IOAPIC = 0xfec00000 };
#define F_INDIRECT  (1ull << 28)
#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)
#define F_PACKED    (1ull << 34)

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };

/* One queue's memory: descriptors, available ring, used ring, and a table for indirect ones. */
struct area {
	struct desc desc[SIZE];
	struct { uint16_t flags, idx, ring[SIZE], event; } avail;
	uint8_t pad[256];
	struct { uint16_t flags, idx; struct { uint32_t id, len; } ring[SIZE]; uint16_t event; } used __attribute__((aligned(16)));
	struct desc table[SIZE] __attribute__((aligned(16)));
};

static struct area area[PAGES] __attribute__((aligned(4096)));
static uint8_t guard[GUARD_BYTES] __attribute__((aligned(4096))), data[8192] __attribute__((aligned(4096)));
static const struct virtio *dev;

static uint64_t phys(const volatile void *p)
{
	return (uint64_t)(uintptr_t)p;
}

static void reset(void)
{
	virtio_set_status(dev, 0);
	for (unsigned i = 0; i < 100000 && virtio_status(dev); i++) {
		__asm__ volatile("pause");
	}
}

/* Up to FEATURES_OK with what is offered of these. */
static bool negotiate(uint64_t wanted)
{
	reset();
	virtio_set_status(dev, ACKNOWLEDGE);
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER);
	virtio_accept(dev, (wanted | F_VERSION_1) & virtio_offered(dev));
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	return virtio_status(dev) & FEATURES_OK;
}

static unsigned queues(void)
{
	unsigned n = 0;

	while (n < PAGES && virtio_queue_max(dev, n)) {
		n++;
	}
	return n;
}

static void start(uint64_t wanted)
{
	memset(area, 0, sizeof(area));
	if (!negotiate(wanted)) {
		return;
	}
	for (unsigned q = 0; q < queues(); q++) {
		virtio_queue_set(dev, q, SIZE, phys(area[q].desc), phys(&area[q].avail), phys(&area[q].used));
	}
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

/* ---- does it work ---- */

static void offer(unsigned q, uint16_t head)
{
	struct area *a = &area[q];

	a->avail.ring[a->avail.idx % SIZE] = head;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	a->avail.idx++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	virtio_kick(dev, q, q);
}

static bool answered(unsigned q, uint16_t n)
{
	uint64_t end = rdtsc() + 300 * tsc_per_ms();

	while (*(volatile uint16_t *)&area[q].used.idx != n && rdtsc() < end) {
		__asm__ volatile("pause");
	}
	return *(volatile uint16_t *)&area[q].used.idx == n;
}

static struct desc piece(const void *at, uint32_t len, uint16_t flags, uint16_t next)
{
	return (struct desc){ phys(at), len, flags, next };
}

static bool entropy_works(void)
{
	uint8_t sum = 0;

	memset(data, 0, 64);
	area[0].desc[0] = piece(data, 64, WRITE, 0);
	offer(0, 0);
	if (!answered(0, 1)) {
		return false;
	}
	for (unsigned i = 0; i < 64; i++) {
		sum |= data[i];
	}
	return sum && area[0].used.ring[0].len == 64;
}

/* The disk is this image: its first bytes are those of an ELF file. */
static bool block_works(void)
{
	memset(data, 0, 1024);
	data[528] = 0xff;
	area[0].desc[0] = piece(data, 16, NEXT, 1);
	area[0].desc[1] = piece(data + 16, 512, NEXT | WRITE, 2);
	area[0].desc[2] = piece(data + 528, 1, WRITE, 0);
	offer(0, 0);
	return answered(0, 1) && data[528] == 0 && data[16] == 0x7f && data[17] == 'E';
}

static bool output_works(unsigned q, uint32_t len)
{
	memset(data, 0, len);
	area[q].desc[0] = piece(data, len, 0, 0);
	offer(q, 0);
	return answered(q, 1);
}

/* Four bytes: the number of a page that nobody uses. */
static bool balloon_works(void)
{
	uint32_t page = (uint32_t)(phys(data + 4096) >> 12);

	memcpy(data, &page, 4);
	area[0].desc[0] = piece(data, 4, 0, 0);
	offer(0, 0);
	if (!answered(0, 1)) {
		return false;
	}
	area[1].desc[0] = piece(data, 4, 0, 0);
	offer(1, 0);
	return answered(1, 1);
}

static bool works(void)
{
	start(0);
	switch (dev->id) {
	case ENTROPY: return entropy_works();
	case BLOCK:   return block_works();
	case NET:     return output_works(1, 72);
	case CONSOLE: return output_works(1, 1);
	case BALLOON: return balloon_works();
	default:      return true;
	}
}

/* ---- lies ---- */

typedef void lie_fn(unsigned q);

static void one(unsigned q, uint64_t addr, uint32_t len, uint16_t flags)
{
	area[q].desc[0] = (struct desc){ addr, len, flags, 0 };
	offer(q, 0);
}

static void both(unsigned q, uint64_t addr, uint32_t len)
{
	one(q, addr, len, 0);
	one(q, addr, len, WRITE);
}

static void ahead(unsigned q) { area[q].avail.idx = 1000; virtio_kick(dev, q, q); }
static void behind(unsigned q) { area[q].avail.idx = 0xffff; virtio_kick(dev, q, q); }
static void head_outside(unsigned q) { offer(q, 0xffff); offer(q, SIZE); }
static void loop(unsigned q)
{
	area[q].desc[0] = piece(data, 16, NEXT, 1);
	area[q].desc[1] = piece(data, 16, NEXT, 0);
	offer(q, 0);
	area[q].desc[2] = piece(data, 16, NEXT | WRITE, 2);
	offer(q, 2);
}
static void next_outside(unsigned q) { area[q].desc[0] = piece(data, 16, NEXT, 0xfff0); offer(q, 0); }
static void far_away(unsigned q) { both(q, 1ull << 40, 4096); }
static void wraps(unsigned q) { both(q, ~0ull - 8, 64); both(q, ~0ull, 1); }
static void half_outside(unsigned q) { both(q, 64ull * 1024 * 1024 - 8, 64); }
static void in_device(unsigned q) { both(q, IOAPIC, 64); both(q, 0xfee00000, 16); }
static void in_itself(unsigned q) { both(q, dev->common, 64); both(q, ecam_base(), 64); }
static void huge(unsigned q) { both(q, phys(data), 0xffffffff); both(q, 0x100000, 0x80000000); }
static void empty(unsigned q) { both(q, phys(data), 0); both(q, 0, 0); }
static void in_then_out(unsigned q)
{
	area[q].desc[0] = piece(data, 16, WRITE | NEXT, 1);
	area[q].desc[1] = piece(data + 64, 16, NEXT, 2);
	area[q].desc[2] = piece(data + 128, 16, WRITE, 0);
	offer(q, 0);
}
static void all_flags(unsigned q) { one(q, phys(data), 64, 0xffff); one(q, phys(data), 64, 0xfff8); }
static void odd_sizes(unsigned q)
{
	for (uint32_t len = 1; len < 24; len++) {
		both(q, phys(data) + len % 7, len);
	}
}
static void one_buffer_many_times(unsigned q)
{
	for (uint16_t i = 0; i < SIZE; i++) {
		area[q].desc[i] = piece(data, 4096, (uint16_t)(WRITE | (i < SIZE - 1 ? NEXT : 0)), (uint16_t)(i + 1));
	}
	for (unsigned i = 0; i < SIZE; i++) {
		offer(q, 0);
	}
}
/* The device writes where it reads: its own descriptors and rings are the buffer. */
static void rings_as_buffers(unsigned q)
{
	one(q, phys(area[q].desc), sizeof(area[q].desc), WRITE);
	one(q, phys(&area[q].avail), sizeof(area[q].avail), WRITE);
	one(q, phys(&area[q].used), sizeof(area[q].used), WRITE);
}

static void indirect(unsigned q, uint64_t addr, uint32_t len)
{
	one(q, addr, len, INDIRECT);
}
static void indirect_length(unsigned q) { indirect(q, phys(area[q].table), 17); indirect(q, phys(area[q].table), 0); }
static void indirect_outside(unsigned q) { indirect(q, 1ull << 45, 64); indirect(q, ~15ull, 32); indirect(q, IOAPIC, 32); }
static void indirect_huge(unsigned q) { indirect(q, 0x100000, 0xfffffff0); }
static void indirect_twice(unsigned q)
{
	area[q].table[0] = piece(area[q].table, 64, INDIRECT, 0);
	indirect(q, phys(area[q].table), 64);
}
static void indirect_loop(unsigned q)
{
	area[q].table[0] = piece(data, 16, NEXT, 1);
	area[q].table[1] = piece(data, 16, NEXT, 0);
	indirect(q, phys(area[q].table), 32);
	area[q].table[1].next = 5;
	indirect(q, phys(area[q].table), 32);
}
static void indirect_and_next(unsigned q)
{
	area[q].desc[0] = piece(area[q].table, 32, INDIRECT | NEXT, 1);
	offer(q, 0);
}
static void random_rings(unsigned q)
{
	for (unsigned n = 0; n < 30; n++) {
		uint8_t *bytes = (uint8_t *)&area[q];

		for (unsigned i = 0; i < 24; i++) {
			bytes[rnd() % sizeof(struct area)] = (uint8_t)rnd();
		}
		/* Some of it must be plausible to get anywhere. */
		area[q].desc[rnd() % SIZE] = piece(data + rnd() % 4096, (uint32_t)rnd() & 0x3ff, (uint16_t)rnd() & 7, (uint16_t)rnd() % SIZE);
		area[q].avail.ring[area[q].avail.idx % SIZE] = (uint16_t)rnd() % (SIZE + 1);
		area[q].avail.idx++;
		virtio_kick(dev, q, q);
	}
}
static void notify_nonsense(unsigned q)
{
	virtio_kick(dev, q, 0xffff);
	virtio_kick(dev, q, q + 100);
	if (!dev->mmio) {
		for (unsigned i = 0; i < 64; i++) {
			mmio_write32(dev->notify + i * 4, (uint32_t)rnd());
		}
	}
}
static void config_garbage(unsigned q)
{
	(void)q;
	for (unsigned i = 0; i < 200 && dev->config; i++) {
		uint64_t at = dev->config + rnd() % 96;

		switch (rnd() % 4) {
		case 0: *(volatile uint8_t *)(uintptr_t)at = (uint8_t)rnd(); break;
		case 1: *(volatile uint16_t *)(uintptr_t)at = (uint16_t)rnd(); break;
		case 2: mmio_write32(at, (uint32_t)rnd()); break;
		default: (void)*(volatile uint64_t *)(uintptr_t)at; break;
		}
	}
}

/* ---- packed rings (2.8): the same places, 16 bytes of address, length, id and flags ---- */

enum { P_AVAIL = 0x80, P_USED = 0x8000 };

static void packed(unsigned q, unsigned slot, uint64_t addr, uint32_t len, uint16_t flags)
{
	volatile struct desc *d = &area[q].desc[slot % SIZE];

	d->addr = addr;
	d->len = len;
	d->flags = (uint16_t)slot;           /* the id stands there */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	d->next = flags;                     /* and the flags here */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static bool packed_answered(unsigned q)
{
	uint64_t end = rdtsc() + 300 * tsc_per_ms();
	volatile struct desc *d = &area[q].desc[0];

	virtio_kick(dev, q, q);
	while ((d->next & P_USED) == 0 && rdtsc() < end) {
		__asm__ volatile("pause");
	}
	return (d->next & (P_AVAIL | P_USED)) == (P_AVAIL | P_USED);
}

static bool packed_works(void)
{
	unsigned q = dev->id == NET || dev->id == CONSOLE;
	uint16_t flags = dev->id == ENTROPY ? WRITE : 0;

	start(F_PACKED);
	memset(data, 0, 1024);
	if (dev->id == BLOCK) {
		data[528] = 0xff;
		packed(0, 2, phys(data + 528), 1, P_AVAIL | WRITE);
		packed(0, 1, phys(data + 16), 512, P_AVAIL | WRITE | NEXT);
		packed(0, 0, phys(data), 16, P_AVAIL | NEXT);
		return packed_answered(0) && data[528] == 0 && data[16] == 0x7f;
	}
	packed(q, 0, phys(data), dev->id == BALLOON ? 4 : 72, P_AVAIL | flags);
	return packed_answered(q);
}

static void packed_both(unsigned q, uint64_t addr, uint32_t len)
{
	packed(q, 0, addr, len, P_AVAIL);
	virtio_kick(dev, q, q);
	packed(q, 1, addr, len, P_AVAIL | WRITE);
	virtio_kick(dev, q, q);
}

static void p_chain(unsigned q)
{
	for (unsigned i = 0; i < SIZE; i++) {
		packed(q, SIZE - 1 - i, phys(data), 16, P_AVAIL | NEXT);
	}
	virtio_kick(dev, q, q);
}
static void p_far(unsigned q) { packed_both(q, 1ull << 40, 4096); }
static void p_wraps(unsigned q) { packed_both(q, ~0ull - 8, 64); }
static void p_half(unsigned q) { packed_both(q, 64ull * 1024 * 1024 - 8, 64); }
static void p_device(unsigned q) { packed_both(q, IOAPIC, 64); }
static void p_huge(unsigned q) { packed_both(q, phys(data), 0xffffffff); }
static void p_empty(unsigned q) { packed_both(q, phys(data), 0); }
static void p_itself(unsigned q) { packed_both(q, phys(area[q].desc), sizeof(area[q].desc)); }
static void p_flags(unsigned q)
{
	packed(q, 0, phys(data), 64, 0xffff);
	virtio_kick(dev, q, q);
	packed(q, 0, phys(data), 64, P_USED);
	virtio_kick(dev, q, q);
	packed(q, 0, phys(data), 64, 0x7fff);
	virtio_kick(dev, q, q);
}
static void p_in_out(unsigned q)
{
	packed(q, 1, phys(data + 64), 16, P_AVAIL);
	packed(q, 0, phys(data), 16, P_AVAIL | WRITE | NEXT);
	virtio_kick(dev, q, q);
}
static void p_indirect(unsigned q, uint64_t addr, uint32_t len)
{
	packed(q, 0, addr, len, P_AVAIL | INDIRECT);
	virtio_kick(dev, q, q);
}
static void p_indirect_twice(unsigned q)
{
	area[q].table[0] = (struct desc){ phys(area[q].table), 64, 0, INDIRECT };
	p_indirect(q, phys(area[q].table), 64);
}
static void p_indirect_odd(unsigned q) { p_indirect(q, phys(area[q].table), 17); }
static void p_indirect_none(unsigned q) { p_indirect(q, phys(area[q].table), 0); }
static void p_indirect_far(unsigned q) { p_indirect(q, ~15ull, 32); }
static void p_indirect_huge(unsigned q) { p_indirect(q, 0x100000, 0xfffffff0); }
static void p_indirect_next(unsigned q)
{
	packed(q, 0, phys(area[q].table), 32, P_AVAIL | INDIRECT | NEXT);
	virtio_kick(dev, q, q);
}
static void p_events(unsigned q)
{
	/* What the driver says of notifications: reserved values, places outside of the ring. */
	for (unsigned i = 0; i < 40; i++) {
		area[q].avail.flags = (uint16_t)rnd();
		area[q].avail.idx = (uint16_t)rnd();
		packed(q, i, phys(data), 16, i / SIZE & 1 ? P_USED : P_AVAIL);
		virtio_kick(dev, q, q);
	}
}

static const struct lie {
	const char *name;
	lie_fn *fn;
	uint64_t features;
} lies[] = {
	{ "index ahead of the ring", ahead, 0 }, { "index behind", behind, 0 }, { "head outside of the table", head_outside, 0 },
	{ "descriptors in a loop", loop, 0 }, { "next outside of the table", next_outside, 0 }, { "buffer beyond memory", far_away, 0 },
	{ "buffer that wraps", wraps, 0 }, { "buffer across the end of memory", half_outside, 0 }, { "buffer in a device", in_device, 0 },
	{ "buffer in the device itself", in_itself, 0 }, { "buffer of gigabytes", huge, 0 }, { "buffer of nothing", empty, 0 },
	{ "in before out", in_then_out, 0 }, { "all flags", all_flags, 0 }, { "odd sizes", odd_sizes, 0 },
	{ "one buffer many times", one_buffer_many_times, 0 }, { "rings as buffers", rings_as_buffers, 0 },
	{ "indirect, not agreed on", indirect_twice, 0 }, { "indirect of odd length", indirect_length, F_INDIRECT },
	{ "indirect outside of memory", indirect_outside, F_INDIRECT }, { "indirect of gigabytes", indirect_huge, F_INDIRECT },
	{ "indirect in indirect", indirect_twice, F_INDIRECT }, { "indirect loop", indirect_loop, F_INDIRECT },
	{ "indirect and next", indirect_and_next, F_INDIRECT }, { "random rings", random_rings, F_INDIRECT | F_EVENT_IDX },
	{ "random packed rings", random_rings, F_INDIRECT | F_EVENT_IDX | F_PACKED }, { "random packed rings, no indirect", random_rings, F_PACKED },
	{ "packed, a chain without end", p_chain, F_PACKED }, { "packed, beyond memory", p_far, F_PACKED }, { "packed, wraps", p_wraps, F_PACKED },
	{ "packed, across the end of memory", p_half, F_PACKED }, { "packed, in a device", p_device, F_PACKED },
	{ "packed, gigabytes", p_huge, F_PACKED }, { "packed, nothing", p_empty, F_PACKED }, { "packed, the ring itself", p_itself, F_PACKED },
	{ "packed, flags", p_flags, F_PACKED }, { "packed, in before out", p_in_out, F_PACKED },
	{ "packed, indirect not agreed on", p_indirect_twice, F_PACKED }, { "packed, indirect in indirect", p_indirect_twice, F_PACKED | F_INDIRECT },
	{ "packed, indirect of odd length", p_indirect_odd, F_PACKED | F_INDIRECT }, { "packed, indirect of nothing", p_indirect_none, F_PACKED | F_INDIRECT },
	{ "packed, indirect outside", p_indirect_far, F_PACKED | F_INDIRECT }, { "packed, indirect of gigabytes", p_indirect_huge, F_PACKED | F_INDIRECT },
	{ "packed, indirect and next", p_indirect_next, F_PACKED | F_INDIRECT }, { "packed, events", p_events, F_PACKED | F_EVENT_IDX },
	{ "notifications of no queue", notify_nonsense, 0 }, { "garbage to its configuration", config_garbage, 0 },
};

static const char *named(const char *what)
{
	static const char *const kinds[] = { "?", "net", "block", "console", "entropy", "balloon" };
	static char text[96];
	const char *part[] = { dev->mmio ? "mmio " : "pci ", dev->id < ARRAY_SIZE(kinds) ? kinds[dev->id] : "?", ": ", what };
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(part); i++) {
		for (const char *p = part[i]; *p && n + 1 < sizeof(text); p++) {
			text[n++] = *p;
		}
	}
	text[n] = 0;
	return text;
}

static bool guard_kept(void)
{
	for (unsigned i = 0; i < GUARD_BYTES; i++) {
		if (guard[i] != (uint8_t)(i * 7)) {
			return false;
		}
	}
	return true;
}

static void tell_lies(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		unsigned count;

		start(lies[i].features);
		count = queues();
		for (unsigned q = 0; q < count; q++) {
			if (q) {
				start(lies[i].features);
			}
			lies[i].fn(q);
			(void)virtio_status(dev);
		}
		ok(named(lies[i].name), works() && guard_kept());
	}
}

/* Rings at places where there is no memory, of sizes that there are not. */
static void bad_rings(void)
{
	static const struct { const char *name; uint32_t size; uint64_t desc, avail, used; } row[] = {
		{ "rings beyond memory", SIZE, 1ull << 44, 1ull << 44, 1ull << 44 }, { "rings at the end of addresses", SIZE, ~15ull, ~1ull, ~3ull },
		{ "rings in a device", SIZE, IOAPIC, IOAPIC + 16, IOAPIC + 64 }, { "rings at odd addresses", SIZE, 0x700001, 0x700101, 0x700203 },
		{ "rings over each other", SIZE, 0x700000, 0x700000, 0x700000 }, { "size of zero", 0, 0x700000, 0x701000, 0x702000 },
		{ "size of three", 3, 0x700000, 0x701000, 0x702000 }, { "size of 65535", 65535, 0x700000, 0x701000, 0x702000 },
		{ "rings across the end of memory", SIZE, 64ull * 1024 * 1024 - 16, 64ull * 1024 * 1024 - 4, 64ull * 1024 * 1024 - 8 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		for (unsigned packed = 0; packed < 2; packed++) {
			if (!negotiate(packed ? F_PACKED : 0)) {
				continue;
			}
			memset((void *)0x700000, 0, 0x3000);
			for (unsigned q = 0; q < queues(); q++) {
				virtio_queue_set(dev, q, row[i].size, row[i].desc, row[i].avail, row[i].used);
			}
			virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
			*(volatile uint16_t *)0x701002 = 1;
			for (unsigned q = 0; q < queues(); q++) {
				virtio_kick(dev, q, q);
			}
		}
		ok(named(row[i].name), works() && guard_kept());
	}
}

/* The order of 3.1.1, and what must not come of another one. */
static void bad_status(void)
{
	reset();
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER);
	virtio_accept(dev, 0);
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	ok(named("no version 1, no features ok"), !(virtio_status(dev) & FEATURES_OK));
	reset();
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER);
	virtio_accept(dev, ~0ull);
	virtio_set_status(dev, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	ok(named("features that were not offered"), !(virtio_status(dev) & FEATURES_OK) || virtio_offered(dev) == ~0ull);
	reset();
	memset(area, 0, sizeof(area));
	virtio_queue_set(dev, 0, SIZE, phys(area[0].desc), phys(&area[0].avail), phys(&area[0].used));
	area[0].desc[0] = piece(guard, 64, WRITE, 0);
	offer(0, 0);
	ok(named("a queue before the driver is ready"), area[0].used.idx == 0 && guard_kept());
	virtio_set_status(dev, 0xff);
	virtio_set_status(dev, 0x7f);
	virtio_set_status(dev, DRIVER_OK);
	ok(named("nonsense in the status"), works());
	equal(named("a queue that is not there"), virtio_queue_max(dev, 0xfff0), 0);
	virtio_queue_set(dev, 0xfff0, SIZE, phys(area[0].desc), phys(&area[0].avail), phys(&area[0].used));
	virtio_kick(dev, 0xfff0, 0xfff0);
	ok(named("and set up"), works());
	start(0);
	virtio_queue_set(dev, 0, SIZE, 1ull << 40, 1ull << 40, 1ull << 40);
	virtio_kick(dev, 0, 0);
	for (unsigned i = 0; i < 30; i++) {
		start(i & 1 ? F_EVENT_IDX : 0);
		area[0].desc[0] = piece(data, 512, WRITE, 0);
		offer(0, 0);
	}
	ok(named("reset in the middle"), works() && guard_kept());
}

/* ---- another processor changes what the device reads ---- */

static volatile bool stop;

static void juggle(void *arg)
{
	struct area *a = arg;

	while (!stop) {
		volatile struct desc *d = &a->desc[rnd() % SIZE];

		d->addr = rnd() & 1 ? phys(data) : 1ull << 41;
		d->len = rnd() & 1 ? 64 : 0xfffffff0;
		d->next = (uint16_t)rnd();
		d->flags = (uint16_t)rnd() & 7;
		a->avail.ring[rnd() % SIZE] = (uint16_t)rnd() % (SIZE + 2);
	}
}

static void juggled(void)
{
	if (cpu_count < 2) {
		return;
	}
	cpus_start();
	start(F_INDIRECT);
	stop = false;
	cpu_call(1, juggle, &area[0]);
	for (unsigned i = 0; i < 100; i++) {
		offer(0, 0);
		if (virtio_status(dev) & NEEDS_RESET) {
			start(F_INDIRECT);
		}
	}
	stop = true;
	(void)cpu_done(1);
	ok(named("rings changed by another processor"), works() && guard_kept());
}

void group_virtio(void)
{
	struct virtio found[VIRTIO_MAX];
	unsigned count = virtio_find(found);

	hold_output(true);
	for (unsigned i = 0; i < GUARD_BYTES; i++) {
		guard[i] = (uint8_t)(i * 7);
	}
	note("virtio devices", count);
	if (!count) {
		skip("all", "no device");
	}
	for (unsigned i = 0; i < count; i++) {
		dev = &found[i];
		ok(named("works"), works());
		if (virtio_offered(dev) & F_PACKED) {
			ok(named("works with packed rings"), packed_works());
		} else {
			skip(named("works with packed rings"), "not offered");
		}
		tell_lies();
		bad_rings();
		bad_status();
		juggled();
		reset();
	}
}
