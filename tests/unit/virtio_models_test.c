/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entropy, console and balloon with an honest driver, a slow backend, and requests that are none.
 * sources: vmm/virtio_rng.c vmm/virtio_console.c vmm/virtio_balloon.c vmm/virtio.c vmm/virtio_mmio.c vmm/gmem.c vmm/regs.c
 * sources: vmm/bus.c lib/fmt.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/ring_driver.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "tests/unit/check.h"
#include "vmm/platform.h"
#include "vmm/virtio_balloon.h"
#include "vmm/virtio_console.h"
#include "vmm/virtio_mmio.h"
#include "vmm/virtio_rng.h"

enum { QUEUE = 64, QUEUES = 3, MS = 1000000 };

static struct virtio_mmio transport;
static struct fake_driver driver[QUEUES];

/* As a driver sets a device up, with the rings of fake_driver. */
static void start(struct virtio_device *dev)
{
	if (!dev->memory) {
		dev->memory = &fake_ring_memory;
	}
	fake.mmio = (struct bus){ 0 };
	CHECK_EQ(virtio_mmio_init(&transport, dev, &fake.mmio, PLATFORM_VIRTIO_MMIO, 16, 0), OK);
	virtio_write_status(dev, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	dev->accepted = dev->offered & ~RING_FEATURES;
	virtio_write_status(dev, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < dev->queue_count; i++) {
		struct ring_setup s;

		fake_driver_init(&driver[i], i, QUEUE, 0);
		s = fake_driver_setup(&driver[i], 0);
		dev->queue_select = (uint16_t)i;
		dev->queue[i].desc = s.desc;
		dev->queue[i].driver = s.driver;
		dev->queue[i].device = s.device;
		virtio_set_queue_size(dev, QUEUE);
		virtio_enable_queue(dev);
		CHECK(dev->queue[i].enabled);
	}
	virtio_write_status(dev, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	CHECK(virtio_is_live(dev));
}

static void add(unsigned queue, uint64_t at, uint32_t len, bool in)
{
	struct fake_piece piece = { at, len, in };

	fake_driver_add(&driver[queue], &piece, 1);
}

/* ---- entropy ---- */

static struct virtio_rng rng;
static bool dry;

static bool entropy(void *buf, size_t len)
{
	memset(buf, 0xe7, len);
	return !dry;
}

static void start_rng(void)
{
	fake_reset();
	dry = false;
	virtio_rng_init(&rng, entropy);
	start(&rng.dev);
}

/* Bytes of all used chains. */
static uint32_t taken(unsigned queue, unsigned *chains)
{
	uint32_t sum = 0, written;
	uint16_t id;

	for (*chains = 0; fake_driver_used(&driver[queue], &id, &written); ++*chains) {
		sum += written;
	}
	return sum;
}

TEST(entropy_fills_what_it_is_given)
{
	unsigned chains;

	start_rng();
	memset(fake_ram + FAKE_DATA, 0, 0x4000);
	add(0, FAKE_DATA, 64, true);
	add(0, FAKE_DATA + 0x1000, 0x2000, true);            /* more than one request gets */
	virtio_notify(&rng.dev, 0);
	CHECK_EQ(taken(0, &chains), 64 + VIRTIO_RNG_CHAIN);
	CHECK_EQ(chains, 2);
	CHECK_EQ(fake_ram[FAKE_DATA + 63], 0xe7);
	CHECK_EQ(fake_ram[FAKE_DATA + 64], 0);
	CHECK(fake.irq[16]);
}

TEST(entropy_is_rationed)
{
	unsigned chains;
	uint32_t first, later;

	start_rng();
	for (unsigned i = 0; i < QUEUE; i++) {
		add(0, FAKE_DATA, VIRTIO_RNG_CHAIN, true);
	}
	virtio_notify(&rng.dev, 0);
	first = taken(0, &chains);
	CHECK_EQ(first, VIRTIO_RNG_BURST);
	fake_advance(100 * MS);
	later = taken(0, &chains);
	CHECK(later > VIRTIO_RNG_PER_SECOND / 20 && later <= VIRTIO_RNG_PER_SECOND / 10);
	/* A guest that rings all the time gets no more. */
	for (unsigned i = 0; i < 1000; i++) {
		virtio_notify(&rng.dev, 0);
	}
	CHECK(taken(0, &chains) < VIRTIO_RNG_PER_SECOND / 50);
	virtio_write_status(&rng.dev, 0);
	fake_advance(1000ull * MS);
	CHECK_EQ(taken(0, &chains), 0);
}

TEST(entropy_waits_for_its_source)
{
	unsigned chains;

	start_rng();
	dry = true;
	add(0, FAKE_DATA, 16, true);
	virtio_notify(&rng.dev, 0);
	CHECK_EQ(taken(0, &chains), 0);
	dry = false;
	fake_advance(30 * MS);
	CHECK_EQ(taken(0, &chains), 16);
}

TEST(entropy_into_nothing_is_nothing)
{
	unsigned chains;

	start_rng();
	add(0, FAKE_DATA, 64, false);
	virtio_notify(&rng.dev, 0);
	CHECK_EQ(taken(0, &chains), 0);
	CHECK_EQ(chains, 1);
}

/* ---- console ---- */

static struct virtio_console console;
static uint8_t sent[8192];
static size_t sent_len, room_for;
static unsigned rooms;

static size_t send(void *arg, const uint8_t *buf, size_t len)
{
	size_t n = len < room_for ? len : room_for;

	(void)arg;
	memcpy(sent + sent_len, buf, n);
	sent_len += n;
	room_for -= n;
	return n;
}

static void room(void *arg)
{
	(void)arg;
	rooms++;
}

static const struct virtio_console_backend backend = { send, room };

static void start_console(void)
{
	fake_reset();
	sent_len = 0;
	room_for = sizeof(sent);
	rooms = 0;
	virtio_console_init(&console, &backend, NULL);
	start(&console.dev);
}

TEST(console_sends)
{
	unsigned chains;

	start_console();
	CHECK_EQ(rooms, 1);                                  /* what was typed before comes now */
	memcpy(fake_ram + FAKE_DATA, "hello", 5);
	add(1, FAKE_DATA, 5, false);
	virtio_notify(&console.dev, 1);
	CHECK_EQ(sent_len, 5);
	CHECK_MEM(sent, "hello", 5);
	CHECK_EQ(taken(1, &chains), 0);
	CHECK_EQ(chains, 1);
}

TEST(console_holds_what_the_backend_does_not_take)
{
	unsigned chains;

	start_console();
	for (unsigned i = 0; i < 2000; i++) {
		fake_ram[FAKE_DATA + i] = (uint8_t)(i * 7);
	}
	add(1, FAKE_DATA, 2000, false);
	add(1, FAKE_DATA, 3, false);
	room_for = 700;
	virtio_notify(&console.dev, 1);
	CHECK_EQ(sent_len, 700);
	taken(1, &chains);
	CHECK_EQ(chains, 0);
	room_for = 1000;
	fake_advance(10 * MS);                               /* by itself */
	CHECK_EQ(sent_len, 1700);
	room_for = 1000;
	virtio_console_send_ready(&console);                 /* or when told */
	CHECK_EQ(sent_len, 2003);
	CHECK_MEM(sent, fake_ram + FAKE_DATA, 2000);
	CHECK_MEM(sent + 2000, fake_ram + FAKE_DATA, 3);
	taken(1, &chains);
	CHECK_EQ(chains, 2);
}

TEST(console_receives_into_the_buffers_that_there_are)
{
	unsigned chains;

	start_console();
	CHECK_EQ(virtio_console_receive(&console, (const uint8_t *)"abc", 3), 0);
	add(0, FAKE_DATA, 2, true);
	virtio_notify(&console.dev, 0);
	CHECK_EQ(rooms, 2);
	CHECK_EQ(virtio_console_receive(&console, (const uint8_t *)"abc", 3), 2);
	CHECK_MEM(fake_ram + FAKE_DATA, "ab", 2);
	CHECK_EQ(taken(0, &chains), 2);
	add(0, FAKE_DATA, 100, true);
	virtio_notify(&console.dev, 0);
	CHECK_EQ(rooms, 3);
	CHECK_EQ(virtio_console_receive(&console, (const uint8_t *)"c", 1), 1);
	virtio_write_status(&console.dev, 0);
	CHECK_EQ(virtio_console_receive(&console, (const uint8_t *)"c", 1), 0);
}

TEST(console_emergency_write_needs_no_driver)
{
	fake_reset();
	sent_len = 0;
	room_for = sizeof(sent);
	virtio_console_init(&console, &backend, NULL);
	console.dev.memory = &fake_ring_memory;
	CHECK_EQ(virtio_mmio_init(&transport, &console.dev, &fake.mmio, PLATFORM_VIRTIO_MMIO, 16, 0), OK);
	fake_write32(PLATFORM_VIRTIO_MMIO + 0x108, 'X');
	CHECK_EQ(sent_len, 1);
	CHECK_EQ(sent[0], 'X');
}

/* ---- balloon ---- */

static struct virtio_balloon balloon;
static struct gmem mem;

static void start_balloon(void)
{
	fake_reset();
	mem = (struct gmem){ .slot = { { .base = 0, .size = FAKE_RAM, .host = fake_ram } }, .count = 1 };
	virtio_balloon_init(&balloon, &mem, NULL);
	start(&balloon.dev);
}

static void put_pages(uint64_t at, const uint32_t *page, unsigned count)
{
	memcpy(fake_ram + at, page, count * sizeof(*page));
}

TEST(balloon_wants_no_more_than_three_quarters)
{
	static const struct { int64_t step; uint32_t want; } row[] = {
		{ 32, 32 }, { -64, 0 }, { 1000000, FAKE_RAM / PAGE_SIZE / 4 * 3 }, { INT32_MAX, FAKE_RAM / PAGE_SIZE / 4 * 3 }, { -1, 191 },
	};

	start_balloon();
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		virtio_balloon_want(&balloon, row[i].step);
		CHECK_EQ(balloon.config.wanted, row[i].want);
	}
	CHECK_EQ(transport.dev->isr & VIRTIO_ISR_CONFIG, VIRTIO_ISR_CONFIG);
}

TEST(pages_given_up_are_emptied)
{
	const uint32_t page[] = { 0xc0, 0xc2, FAKE_RAM / PAGE_SIZE, 0xffffffff };
	unsigned chains;

	start_balloon();
	memset(fake_ram + 0xc0000, 0x55, 3 * PAGE_SIZE);
	put_pages(FAKE_DATA, page, 4);
	add(0, FAKE_DATA, sizeof(page), false);
	virtio_notify(&balloon.dev, 0);
	taken(0, &chains);
	CHECK_EQ(chains, 1);
	CHECK_EQ(balloon.inflated, 2);                       /* two of them are no memory */
	CHECK_EQ(fake_ram[0xc0000], 0);
	CHECK_EQ(fake_ram[0xc1000], 0x55);
	CHECK_EQ(fake_ram[0xc2fff], 0);
	add(1, FAKE_DATA, 8, false);
	virtio_notify(&balloon.dev, 1);
	CHECK_EQ(balloon.deflated, 2);
}

static unsigned backend_inflated, backend_deflated;
static bool backend_has = true;

static void count_inflated(uint32_t page)
{
	backend_inflated += page == 0xc0 || page == 0xc2;
}

static bool count_deflated(uint32_t page)
{
	(void)page;
	backend_deflated += backend_has;
	return backend_has;
}

static void count_reset(void)
{
	backend_inflated = backend_deflated = 0;
}

TEST(pages_whose_memory_is_elsewhere_are_waited_for)
{
	static const struct virtio_balloon_backend pieces = { count_inflated, count_deflated, count_reset };
	const uint32_t page[] = { 0xc0, 0xc2, FAKE_RAM / PAGE_SIZE };
	unsigned chains;

	start_balloon();
	balloon.backend = &pieces;
	count_reset();
	put_pages(FAKE_DATA, page, 3);
	balloon.dev.accepted &= ~1ull;                       /* a driver that does not tell: they stay with it */
	add(0, FAKE_DATA, sizeof(page), false);
	virtio_notify(&balloon.dev, 0);
	CHECK_EQ(balloon.inflated, 2);
	CHECK_EQ(backend_inflated, 0);
	balloon.dev.accepted |= 1;
	add(0, FAKE_DATA, sizeof(page), false);
	virtio_notify(&balloon.dev, 0);
	CHECK_EQ(backend_inflated, 2);
	backend_has = false;
	add(1, FAKE_DATA, 8, false);
	virtio_notify(&balloon.dev, 1);
	taken(1, &chains);
	CHECK_EQ(chains, 0);                                 /* the driver must not use them yet */
	CHECK_EQ(balloon.deflated, 0);
	backend_has = true;
	virtio_balloon_resume(&balloon);
	taken(1, &chains);
	CHECK_EQ(chains, 1);
	CHECK_EQ(backend_deflated, 2);
	CHECK_EQ(balloon.deflated, 2);
	virtio_write_status(&balloon.dev, 0);
	CHECK_EQ(backend_deflated, 0);
}

/* A chain of a million pages is worked off in pieces, between which others get the lock. */
TEST(long_chains_are_cut)
{
	unsigned chains;

	start_balloon();
	memset(fake_ram + 0x80000, 0xff, 0x20000);
	add(0, 0x80000, 0x1000, false);
	virtio_notify(&balloon.dev, 0);
	taken(0, &chains);
	CHECK_EQ(chains, 0);
	fake_stall(1000);                                    /* one run of the timers */
	taken(0, &chains);
	CHECK_EQ(chains, 0);
	fake_advance(10000);
	taken(0, &chains);
	CHECK_EQ(chains, 1);
	CHECK(virtio_is_live(&balloon.dev));
}

TEST(statistics_come_when_asked_for)
{
	static const struct { uint16_t tag; uint64_t value; } __attribute__((packed)) stat[] = {
		{ 4, 12345 }, { 5, 99999 }, { 77, 1 }, { 0xffff, 2 },
	};
	unsigned chains;
	uint32_t written;
	uint16_t id;

	start_balloon();
	memcpy(fake_ram + FAKE_DATA, stat, sizeof(stat));
	add(2, FAKE_DATA, sizeof(stat), false);
	virtio_notify(&balloon.dev, 2);
	CHECK_EQ(balloon.stat[4], 12345);
	CHECK_EQ(balloon.stat[5], 99999);
	CHECK_EQ(balloon.stat[6], UINT64_MAX);
	taken(2, &chains);
	CHECK_EQ(chains, 0);                                 /* kept until there is a question */
	for (unsigned i = 0; i < 2; i++) {                   /* another queue's chains, and a notification for nothing */
		add(0, FAKE_DATA + 0x1000, 4, false);
	}
	virtio_notify(&balloon.dev, 0);
	virtio_notify(&balloon.dev, 2);
	taken(2, &chains);
	CHECK_EQ(chains, 0);
	virtio_balloon_report(&balloon);
	CHECK(fake_driver_used(&driver[2], &id, &written));
	CHECK_EQ(id, 0);
	memcpy(fake_ram + FAKE_DATA + 100, stat, sizeof(stat));
	fake_ram[FAKE_DATA + 102] = 77;                      /* the first byte of the value of the first one */
	add(2, FAKE_DATA + 100, 10, false);
	virtio_notify(&balloon.dev, 2);
	CHECK(!balloon.report);
	CHECK_EQ(balloon.stat[4], (12345 & ~0xff) | 77);
	virtio_write_status(&balloon.dev, 0);
	virtio_balloon_report(&balloon);
	CHECK_EQ(balloon.stat[4], UINT64_MAX);
}
