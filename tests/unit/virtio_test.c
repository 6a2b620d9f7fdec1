/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices over both transports: discovery, the status register, features, queues, interrupts, doorbells, and drivers
 * that keep to nothing.
 * sources: vmm/virtio.c vmm/virtio_pci.c vmm/virtio_mmio.c vmm/msix.c vmm/pci.c vmm/pci_host.c vmm/regs.c vmm/bus.c
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/ring_driver.c
 * sources: tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "tests/unit/check.h"
#include "vmm/platform.h"
#include "vmm/virtio_mmio.h"
#include "vmm/virtio_pci.h"

enum { QUEUES = 2, QUEUE = 16, EVENT = 7 };
enum { OK_STATUS = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK };
#define FEATURE (1ull << 3)
#define BAR PLATFORM_PCI_WINDOW
#define MMIO PLATFORM_VIRTIO_MMIO
#define CONFIG PLATFORM_ECAM

/* Registers of the common configuration, and the other pages of the BAR as the capabilities say. */
enum { OFFERED_SELECT = 0x00, OFFERED = 0x04, ACCEPTED_SELECT = 0x08, ACCEPTED = 0x0c, CONFIG_VECTOR = 0x10, QUEUE_COUNT = 0x12,
       STATUS = 0x14, GENERATION = 0x15, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_VECTOR = 0x1a, QUEUE_ENABLE = 0x1c,
       NOTIFY_OFF = 0x1e, DESC = 0x20, DRIVER_AREA = 0x28, DEVICE_AREA = 0x30 };

static struct virtio_device dev;
static struct virtio_pci pci;
static struct virtio_mmio mmio;
static struct pci_host host;
static struct fake_driver driver[QUEUES];
static uint8_t config[16];
static unsigned notified[QUEUES], resets, readies, config_writes, message_changes;
static int answer;

static int serve(struct virtio_device *d, unsigned queue, const struct ring_chain *chain)
{
	(void)d;
	(void)queue;
	(void)chain;
	return answer;
}

static void notify(struct virtio_device *d, unsigned queue)
{
	notified[queue]++;
	virtio_serve(d, queue, serve);
}

static void ready(struct virtio_device *d) { (void)d; readies++; }
static void reset(struct virtio_device *d) { (void)d; resets++; }
static void config_written(struct virtio_device *d, unsigned at, unsigned len) { (void)d; (void)at; (void)len; config_writes++; }
static void message_changed(struct virtio_device *d, unsigned queue) { (void)d; (void)queue; message_changes++; }

static const struct virtio_ops ops = {
	.notify = notify, .ready = ready, .reset = reset, .config_written = config_written, .message_changed = message_changed,
};

static void fresh_device(void)
{
	fake_reset();
	memset(notified, 0, sizeof(notified));
	resets = readies = config_writes = message_changes = 0;
	answer = 0;
	memcpy(config, "0123456789abcdef", sizeof(config));
	dev = (struct virtio_device){
		.name = "test", .type = VIRTIO_RNG, .ops = &ops, .offered = FEATURE, .queue_count = QUEUES,
		.config = config, .config_size = sizeof(config), .config_writable = 4, .config_writable_end = 8,
		.memory = &fake_ring_memory,
	};
	for (unsigned i = 0; i < QUEUES; i++) {
		fake_driver_init(&driver[i], i, QUEUE, 0);
		dev.queue[i].size_max = 64;
	}
}

static void fresh(void)
{
	fresh_device();
	CHECK_EQ(pci_host_init(&host, &fake.ports, &fake.mmio), OK);
	CHECK_EQ(virtio_pci_init(&pci, &dev, &host, EVENT), OK);
	fake_write(CONFIG + 0x8000 + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void set(unsigned reg, unsigned size, uint64_t value) { fake_write(BAR + reg, size, value); }
static uint64_t get(unsigned reg, unsigned size) { return fake_read(BAR + reg, size); }

static uint32_t config32(unsigned reg) { return fake_read32(CONFIG + 0x8000 + reg); }

/* BAR offset of the structure of that type; the capabilities are walked as a driver does. */
static uint32_t structure(unsigned type, unsigned *cap)
{
	unsigned at = config32(PCI_CAPABILITIES) & 0xff;

	for (unsigned hops = 0; at && hops < 16; hops++, at = config32(at) >> 8 & 0xff) {
		if ((config32(at) & 0xff) == 9 && config32(at) >> 24 == type) {
			if (cap) {
				*cap = at;
			}
			CHECK_EQ(config32(at + 4) & 0xff, 0);
			return config32(at + 8);
		}
	}
	CHECK(false);
	return 0;
}

static unsigned msix_cap(void)
{
	unsigned at = config32(PCI_CAPABILITIES) & 0xff;

	while (at && (config32(at) & 0xff) != 0x11) {
		at = config32(at) >> 8 & 0xff;
	}
	CHECK(at != 0);
	return at;
}

static void accept(uint64_t features)
{
	set(STATUS, 1, VIRTIO_ACKNOWLEDGE);
	set(STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (unsigned half = 0; half < 2; half++) {
		set(ACCEPTED_SELECT, 4, half);
		set(ACCEPTED, 4, (uint32_t)(features >> half * 32));
	}
	set(STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
}

static void enable_queue(unsigned queue, unsigned vector)
{
	struct ring_setup s = fake_driver_setup(&driver[queue], 0);

	set(QUEUE_SELECT, 2, queue);
	set(QUEUE_SIZE, 2, QUEUE);
	set(QUEUE_VECTOR, 2, vector);
	set(DESC, 8, s.desc);
	set(DRIVER_AREA, 4, (uint32_t)s.driver);
	set(DRIVER_AREA + 4, 4, s.driver >> 32);
	set(DEVICE_AREA, 8, s.device);
	set(QUEUE_ENABLE, 2, 1);
}

static void enable_msix(void)
{
	unsigned cap = msix_cap();
	uint32_t table = config32(cap + 4) & ~7u;

	for (unsigned i = 0; i < QUEUES + 1; i++) {
		set(table + i * 16, 4, 0xfee00000 | i << 12);
		set(table + i * 16 + 4, 4, 0);
		set(table + i * 16 + 8, 4, 0x40 + i);
		set(table + i * 16 + 12, 4, 0);
	}
	fake_write(CONFIG + 0x8000 + cap + 2, 2, 0x8000);
}

static void start(void)
{
	fresh();
	enable_msix();
	accept(VIRTIO_F_VERSION_1 | FEATURE);
	set(CONFIG_VECTOR, 2, 0);
	enable_queue(0, 1);
	enable_queue(1, 2);
	set(STATUS, 1, OK_STATUS);
	CHECK_EQ(get(STATUS, 1), OK_STATUS);
}

static void add_chain(unsigned queue)
{
	struct fake_piece piece = { FAKE_DATA, 64, true };

	fake_driver_add(&driver[queue], &piece, 1);
}

/* A notification as an access: where the kernel has the doorbell, the event comes instead. */
static void ring_bell(unsigned queue)
{
	CHECK(fake_has_doorbell(BAR + structure(2, NULL) + queue * 4));
	virtio_pci_doorbell(&pci);
}

TEST(driver_finds_everything_by_the_capabilities)
{
	unsigned cap;

	fresh();
	CHECK_EQ(config32(0), 0x10441af4);
	CHECK_EQ(structure(1, NULL), 0);
	CHECK_EQ(structure(2, &cap), 0x3000);
	CHECK_EQ(config32(cap + 16), 4);                     /* notify_off_multiplier */
	CHECK_EQ(structure(3, NULL), 0x1000);
	CHECK_EQ(structure(4, NULL), 0x2000);
	structure(5, NULL);
	CHECK_EQ(config32(msix_cap()) >> 16, QUEUES);        /* table size - 1: config and the queues */
	CHECK_EQ(get(QUEUE_COUNT, 2), QUEUES);
	CHECK_EQ(get(QUEUE_SIZE, 2), 64);
	set(QUEUE_SELECT, 2, QUEUES);
	CHECK_EQ(get(QUEUE_SIZE, 2), 0);
}

TEST(features_are_agreed_on_or_not)
{
	static const struct { const char *what; uint64_t accept; bool ok; } row[] = {
		{ "all that is offered",   VIRTIO_F_VERSION_1 | FEATURE | RING_FEATURES, true },
		{ "the least",             VIRTIO_F_VERSION_1, true },
		{ "not offered",           VIRTIO_F_VERSION_1 | 1, false },
		{ "legacy",                FEATURE, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		set(OFFERED_SELECT, 4, 0);
		CHECK_EQ(get(OFFERED, 4) & FEATURE, FEATURE);
		set(OFFERED_SELECT, 4, 1);
		CHECK_EQ(get(OFFERED, 4) & 1, 1);
		set(OFFERED_SELECT, 4, 2);
		CHECK_EQ(get(OFFERED, 4), 0);
		accept(row[i].accept);
		CHECK_EQ((get(STATUS, 1) & VIRTIO_FEATURES_OK) != 0, row[i].ok);
		set(STATUS, 1, OK_STATUS);
		CHECK_EQ(readies, row[i].ok);
	}
}

TEST(features_are_final_after_features_ok)
{
	fresh();
	accept(VIRTIO_F_VERSION_1);
	set(ACCEPTED_SELECT, 4, 0);
	set(ACCEPTED, 4, (uint32_t)FEATURE);
	CHECK_EQ(get(ACCEPTED, 4), 0);
	CHECK_EQ(dev.accepted, VIRTIO_F_VERSION_1);
	set(STATUS, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
	CHECK_EQ(dev.accepted, 0);
}

TEST(a_chain_is_served_and_interrupts_by_its_vector)
{
	uint16_t id;
	uint32_t written;

	start();
	add_chain(1);
	answer = 17;
	ring_bell(1);
	CHECK_EQ(notified[1], 1);
	CHECK(fake_driver_used(&driver[1], &id, &written));
	CHECK_EQ(written, 17);
	CHECK_EQ(fake.msis, 1);
	CHECK_EQ(fake.msi.address, 0xfee02000);
	CHECK_EQ(fake.msi.data, 0x42);
	CHECK_EQ(get(0x1000, 1), 0);                         /* with MSI-X no ISR status, no line */
	CHECK(!fake.irq[10]);
	/* The same as an access. */
	add_chain(0);
	set(0x3000, 2, 0);
	CHECK_EQ(fake.msi.data, 0x41);
}

TEST(without_msix_the_line_follows_the_isr_status)
{
	fresh();
	accept(VIRTIO_F_VERSION_1);
	enable_queue(0, VIRTIO_NO_VECTOR);
	set(STATUS, 1, OK_STATUS);
	add_chain(0);
	set(0x3000, 4, 0);
	CHECK(fake.irq[10]);
	CHECK_EQ(fake.msis, 0);
	CHECK_EQ(get(0x1000, 1), VIRTIO_ISR_QUEUE);
	CHECK(!fake.irq[10]);
	CHECK_EQ(get(0x1000, 1), 0);
	virtio_config_changed(&dev);
	CHECK_EQ(get(0x1000, 1), VIRTIO_ISR_CONFIG);
	virtio_config_changed(&dev);
	set(STATUS, 1, 0);
	CHECK(!fake.irq[10]);
}

TEST(turning_msix_on_lets_go_of_the_line)
{
	fresh();
	accept(VIRTIO_F_VERSION_1);
	enable_queue(0, 0);
	set(STATUS, 1, OK_STATUS);
	add_chain(0);
	set(0x3000, 4, 0);
	CHECK(fake.irq[10]);
	enable_msix();
	CHECK(!fake.irq[10]);
}

TEST(masked_vectors_wait_in_the_pending_bits)
{
	unsigned cap;
	uint32_t pba;

	start();
	cap = msix_cap();
	pba = config32(cap + 8) & ~7u;
	set(0x4000 + 16 + 12, 4, 1);                         /* vector 1 */
	add_chain(0);
	ring_bell(0);
	CHECK_EQ(fake.msis, 0);
	CHECK_EQ(get(pba, 8), 2);
	set(0x4000 + 16 + 12, 4, 0);
	CHECK_EQ(fake.msis, 1);
	CHECK_EQ(get(pba, 8), 0);
	fake_write(CONFIG + 0x8000 + cap + 2, 2, 0xc000);    /* the function */
	add_chain(0);
	ring_bell(0);
	add_chain(1);
	ring_bell(1);
	CHECK_EQ(fake.msis, 1);
	CHECK_EQ(get(pba, 4), 6);
	fake_write(CONFIG + 0x8000 + cap + 2, 2, 0x8000);
	CHECK_EQ(fake.msis, 3);
	CHECK(message_changes > 0);
	/* Messages are writes to memory: only a bus master makes them. */
	fake_write(CONFIG + 0x8000 + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	add_chain(0);
	ring_bell(0);
	CHECK_EQ(fake.msis, 3);
	fake_write(CONFIG + 0x8000 + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	CHECK_EQ(fake.msis, 4);
}

TEST(msix_table_takes_only_what_it_should)
{
	fresh();
	set(0x4000, 4, 0xffffffff);
	set(0x4000 + 12, 4, 0xffffffff);
	CHECK_EQ(get(0x4000, 4), 0xfffffffc);
	CHECK_EQ(get(0x4000 + 12, 4), 1);
	set(0x4000, 1, 0);
	set(0x4000, 2, 0);
	set(0x4000 + 2, 4, 0);
	CHECK_EQ(get(0x4000, 4), 0xfffffffc);
	set(0x4000, 8, 0x1122334455667788);
	CHECK_EQ(get(0x4000, 8), 0x1122334455667788);
	set(0x4000 + (QUEUES + 1) * 16, 4, 0xffffffff);
	CHECK_EQ(get(0x4000 + (QUEUES + 1) * 16, 4), 0);
	set(0x5000, 8, UINT64_MAX);
	CHECK_EQ(get(0x5000, 8), 0);
}

TEST(vectors_that_do_not_exist_are_not_mapped)
{
	fresh();
	set(QUEUE_VECTOR, 2, QUEUES);
	CHECK_EQ(get(QUEUE_VECTOR, 2), QUEUES);
	set(QUEUE_VECTOR, 2, QUEUES + 1);
	CHECK_EQ(get(QUEUE_VECTOR, 2), VIRTIO_NO_VECTOR);
	set(CONFIG_VECTOR, 2, 1000);
	CHECK_EQ(get(CONFIG_VECTOR, 2), VIRTIO_NO_VECTOR);
}

TEST(queue_messages_are_told_for_routes)
{
	uint64_t address;
	uint32_t data;

	start();
	CHECK_EQ(virtio_queue_msi(&dev, 0, &address, &data), OK);
	CHECK_EQ(address, 0xfee01000);
	CHECK_EQ(data, 0x41);
	set(0x4000 + 16 + 12, 4, 1);
	CHECK_EQ(virtio_queue_msi(&dev, 0, &address, &data), E_NOENT);
}

TEST(doorbells_hang_where_the_bar_is)
{
	uint64_t there = BAR + 0x100000;

	start();
	CHECK_EQ(fake_doorbells(), QUEUES);
	fake_write32(CONFIG + 0x8000 + PCI_BAR0, (uint32_t)there);
	CHECK_EQ(fake_doorbells(), QUEUES);
	CHECK(fake_has_doorbell(there + 0x3000) && fake_has_doorbell(there + 0x3004));
	fake_write32(CONFIG + 0x8000 + PCI_BAR0, 0x100000);          /* over RAM */
	CHECK_EQ(fake_doorbells(), 0);
	fake_write32(CONFIG + 0x8000 + PCI_BAR0, (uint32_t)BAR);
	CHECK_EQ(fake_doorbells(), QUEUES);
	set(STATUS, 1, 0);
	CHECK_EQ(fake_doorbells(), 0);
	CHECK_EQ(resets, 1);
}

/* The second device moves to where the first one is, and then the first one away: each keeps its own doorbells only. */
TEST(doorbells_survive_devices_that_change_places)
{
	static struct virtio_device other;
	static struct virtio_pci second;

	start();
	other = dev;
	other.offered = 0;
	CHECK_EQ(virtio_pci_init(&second, &other, &host, EVENT), OK);
	other.status = VIRTIO_DRIVER_OK;
	other.queue[0].enabled = true;
	fake_write32(CONFIG + 0x10000 + PCI_BAR0, (uint32_t)BAR + 0x8000);
	fake_write(CONFIG + 0x10000 + PCI_COMMAND, 2, 0);
	fake_write(CONFIG + 0x10000 + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(fake_doorbells(), QUEUES + 1);
	fake_write32(CONFIG + 0x8000 + PCI_BAR0, (uint32_t)BAR + 0x8000);    /* the lower slot wins */
	CHECK_EQ(fake_doorbells(), QUEUES);
	CHECK(fake_has_doorbell(BAR + 0x8000 + 0x3000) && fake_has_doorbell(BAR + 0x8000 + 0x3004));
	fake_write32(CONFIG + 0x8000 + PCI_BAR0, (uint32_t)BAR);
	CHECK_EQ(fake_doorbells(), QUEUES + 1);
	CHECK(fake_has_doorbell(BAR + 0x3000) && fake_has_doorbell(BAR + 0x8000 + 0x3000));
}

TEST(queues_outside_of_memory_need_a_reset)
{
	static const struct { const char *what; unsigned reg; uint64_t value; } row[] = {
		{ "descriptors beyond the end", DESC, FAKE_RAM }, { "near the end of all addresses", DESC, 0xfffffffffffffff0 },
		{ "driver area", DRIVER_AREA, FAKE_RAM - 2 },     { "device area", DEVICE_AREA, 0x8000000000000000 },
		{ "misaligned", DESC, FAKE_DESC + 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct ring_setup s;

		fresh();
		s = fake_driver_setup(&driver[0], 0);
		accept(VIRTIO_F_VERSION_1);
		set(QUEUE_SIZE, 2, QUEUE);
		set(DESC, 8, s.desc);
		set(DRIVER_AREA, 8, s.driver);
		set(DEVICE_AREA, 8, s.device);
		set(row[i].reg, 8, row[i].value);
		set(QUEUE_ENABLE, 2, 1);
		CHECK_EQ(get(QUEUE_ENABLE, 2), 0);
		CHECK_EQ(get(STATUS, 1) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
		set(STATUS, 1, OK_STATUS);
		set(0x3000, 2, 0);
		CHECK_EQ(notified[0], 0);
		set(STATUS, 1, 0);
		CHECK_EQ(get(STATUS, 1), 0);
	}
}

TEST(sizes_of_queues)
{
	static const struct { uint16_t write, want; } row[] = { { 0, 64 }, { 65, 64 }, { 0xffff, 64 }, { 64, 64 }, { 1, 1 }, { 3, 3 } };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		set(QUEUE_SIZE, 2, row[i].write);
		CHECK_EQ(get(QUEUE_SIZE, 2), row[i].want);
	}
	/* Not a power of two is no split ring. */
	accept(VIRTIO_F_VERSION_1);
	set(DESC, 8, FAKE_DESC);
	set(DRIVER_AREA, 8, FAKE_DRIVER);
	set(DEVICE_AREA, 8, FAKE_DEVICE);
	set(QUEUE_ENABLE, 2, 1);
	CHECK_EQ(get(STATUS, 1) & VIRTIO_NEEDS_RESET, VIRTIO_NEEDS_RESET);
}

TEST(a_broken_ring_needs_a_reset_and_tells_so)
{
	start();
	fake_store(FAKE_DRIVER + 2, QUEUE + 1);              /* more chains than the ring holds */
	ring_bell(0);
	CHECK_EQ(get(STATUS, 1), OK_STATUS | VIRTIO_NEEDS_RESET);
	CHECK_EQ(fake.msi.data, 0x40);                       /* the configuration's vector */
	ring_bell(0);
	CHECK_EQ(notified[0], 1);
	set(STATUS, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
}

TEST(nonsense_in_a_request_breaks_its_queue)
{
	start();
	add_chain(0);
	answer = E_PROTO;
	ring_bell(0);
	CHECK_EQ(get(STATUS, 1), OK_STATUS | VIRTIO_NEEDS_RESET);
}

TEST(nothing_runs_before_driver_ok_or_after_failed)
{
	fresh();
	accept(VIRTIO_F_VERSION_1);
	enable_queue(0, 0);
	add_chain(0);
	set(0x3000, 2, 0);
	CHECK_EQ(notified[0], 0);
	set(STATUS, 1, OK_STATUS);
	set(0x3000, 2, 0);
	CHECK_EQ(notified[0], 1);
	set(STATUS, 1, OK_STATUS | VIRTIO_FAILED);
	set(0x3000, 2, 0);
	CHECK_EQ(notified[0], 1);
	set(0x3000 + QUEUES * 4, 2, 0);                      /* a queue that is not there */
	set(0x3ffc, 4, 0);
}

TEST(queues_are_not_enabled_before_features_ok_nor_changed_after)
{
	fresh();
	enable_queue(0, 0);
	CHECK_EQ(get(QUEUE_ENABLE, 2), 0);
	accept(VIRTIO_F_VERSION_1);
	enable_queue(0, 0);
	CHECK_EQ(get(QUEUE_ENABLE, 2), 1);
	set(DESC, 8, 0x123000);
	set(QUEUE_SIZE, 2, 4);
	set(QUEUE_ENABLE, 2, 0);
	CHECK_EQ(get(DESC, 8), FAKE_DESC);
	CHECK_EQ(get(QUEUE_SIZE, 2), QUEUE);
	CHECK_EQ(get(QUEUE_ENABLE, 2), 1);
}

TEST(what_does_not_fit_now_comes_again)
{
	uint16_t id;
	uint32_t written;

	start();
	add_chain(0);
	answer = E_AGAIN;
	ring_bell(0);
	CHECK(!fake_driver_used(&driver[0], &id, &written));
	virtio_notify_again(&dev, 0);
	answer = 5;
	fake_advance(1000);
	CHECK(fake_driver_used(&driver[0], &id, &written));
	CHECK_EQ(written, 5);
}

TEST(configuration_space_by_any_access)
{
	fresh();
	CHECK_EQ(get(0x2000, 4), 0x33323130);
	CHECK_EQ(get(0x2001, 2), 0x3231);
	CHECK_EQ(get(0x2008, 8), 0x6665646362613938);
	CHECK_EQ(get(0x200e, 4), 0);                         /* over its end */
	CHECK_EQ(get(0x2800, 4), 0);
	set(0x2004, 4, 0x5a5a5a5a);
	CHECK_EQ(config_writes, 1);
	CHECK_MEM(config + 4, "ZZZZ", 4);
	set(0x2000, 4, 0);
	set(0x2000, 8, 0);
	set(0x2006, 4, 0);
	set(0x2008, 4, 0);
	CHECK_EQ(config_writes, 1);
	CHECK_MEM(config, "0123ZZZZ89abcdef", 16);
}

TEST(configuration_changes_have_generations)
{
	uint8_t before;

	start();
	before = (uint8_t)get(GENERATION, 1);
	virtio_config_changed(&dev);
	CHECK(get(GENERATION, 1) != before);
	CHECK_EQ(fake.msi.data, 0x40);
}

/* Firmware that cannot map the BAR reaches it through configuration space (4.1.4.9). */
TEST(window_in_configuration_space)
{
	unsigned cap;
	uint64_t at;

	fresh();
	structure(5, &cap);
	at = CONFIG + 0x8000 + cap;
	fake_write(at + 4, 1, 0);
	fake_write32(at + 8, QUEUE_COUNT);
	fake_write32(at + 12, 2);
	CHECK_EQ(fake_read(at + 16, 2), QUEUES);
	fake_write32(at + 8, STATUS);
	fake_write32(at + 12, 1);
	fake_write(at + 16, 1, VIRTIO_ACKNOWLEDGE);
	CHECK_EQ(get(STATUS, 1), VIRTIO_ACKNOWLEDGE);
	/* What describes no access does none. */
	fake_write32(at + 12, 3);
	fake_write(at + 16, 1, 0);
	fake_write32(at + 12, 1);
	fake_write(at + 4, 1, 1);
	fake_write(at + 16, 1, 0);
	fake_write(at + 4, 1, 0);
	fake_write32(at + 8, 0x8000);
	fake_write(at + 16, 4, 0);
	fake_write32(at + 8, STATUS - 1);                    /* not in its place */
	fake_write32(at + 12, 2);
	fake_write(at + 16, 2, 0);
	fake_write32(at + 12, 4);
	fake_write32(at + 8, 0xffffffff);
	fake_write(at + 16, 4, 0);
	CHECK_EQ(get(STATUS, 1), VIRTIO_ACKNOWLEDGE);
}

TEST(accesses_over_pages_of_the_bar)
{
	start();
	CHECK_EQ(get(0x0ffe, 4), 0);
	set(0x2ffe, 4, UINT32_MAX);
	CHECK_EQ(get(0x7000, 8), 0);
	set(0x7000, 8, 1);
	CHECK_EQ(get(0x3000, 4), 0);
	set(0x1000, 1, 1);
	CHECK_EQ(get(STATUS, 1), OK_STATUS);
}

/* ---- MMIO ---- */

static void mset(unsigned reg, uint32_t value) { fake_write32(MMIO + reg, value); }
static uint32_t mget(unsigned reg) { return fake_read32(MMIO + reg); }

static void start_mmio(void)
{
	fresh_device();
	CHECK_EQ(virtio_mmio_init(&mmio, &dev, &fake.mmio, MMIO, 17, EVENT), OK);
	mset(0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	mset(0x24, 1);
	mset(0x20, 1);
	mset(0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < QUEUES; i++) {
		struct ring_setup s = fake_driver_setup(&driver[i], 0);

		mset(0x30, i);
		CHECK_EQ(mget(0x34), 64);
		mset(0x38, QUEUE);
		mset(0x80, (uint32_t)s.desc);
		mset(0x90, (uint32_t)s.driver);
		mset(0xa0, (uint32_t)s.device);
		mset(0x44, 1);
		CHECK_EQ(mget(0x44), 1);
	}
	mset(0x70, OK_STATUS);
}

TEST(mmio_device_is_found_and_served)
{
	uint16_t id;
	uint32_t written;

	start_mmio();
	CHECK_EQ(mget(0x00), 0x74726976);
	CHECK_EQ(mget(0x04), 2);
	CHECK_EQ(mget(0x08), VIRTIO_RNG);
	CHECK_EQ(mget(0x70), OK_STATUS);
	CHECK(fake_has_doorbell(MMIO + 0x50));
	add_chain(1);
	answer = 3;
	virtio_mmio_doorbell(&mmio);
	CHECK(fake_driver_used(&driver[1], &id, &written));
	CHECK_EQ(written, 3);
	CHECK(fake.irq[17]);
	CHECK_EQ(mget(0x60), VIRTIO_ISR_QUEUE);
	mset(0x64, VIRTIO_ISR_QUEUE);
	CHECK(!fake.irq[17]);
	add_chain(0);
	mset(0x50, 0);
	CHECK_EQ(fake.rises[17], 2);
	mset(0x50, 0xffffffff);
	mset(0x70, 0);
	CHECK(!fake.irq[17] && !fake_doorbells());
}

TEST(mmio_queues_can_be_stopped_alone)
{
	start_mmio();
	mset(0x30, 1);
	mset(0x44, 0);
	CHECK_EQ(mget(0x44), 0);
	mset(0x50, 1);
	mset(0x50, 0);
	CHECK_EQ(notified[1], 0);
	CHECK_EQ(notified[0], 1);
}

TEST(mmio_registers_are_dwords)
{
	start_mmio();
	CHECK_EQ(fake_read(MMIO + 0x70, 1), 0);
	CHECK_EQ(fake_read(MMIO + 0x70, 2), 0);
	CHECK_EQ(fake_read(MMIO + 0x6e, 4), 0);
	fake_write(MMIO + 0x70, 1, 0);
	fake_write(MMIO + 0x70, 8, 0);
	CHECK_EQ(mget(0x70), OK_STATUS);
	CHECK_EQ(fake_read(MMIO + 0x101, 2), 0x3231);
	CHECK_EQ(fake_read(MMIO + 0xffc, 8), UINT64_MAX << 32);
	mset(0x30, 0x10000);                                 /* is not queue 0 */
	CHECK_EQ(mget(0x34), 0);
	CHECK_EQ(mget(0xb0), UINT32_MAX);
}

TEST(models_that_break_their_contract_are_refused)
{
	fresh_device();
	dev.queue_count = VIRTIO_QUEUES_MAX + 1;
	CHECK_EQ(virtio_mmio_init(&mmio, &dev, &fake.mmio, MMIO, 17, 0), E_INVAL);
	fresh_device();
	dev.queue[0].size_max = RING_SIZE_MAX + 1;
	CHECK_EQ(virtio_mmio_init(&mmio, &dev, &fake.mmio, MMIO, 17, 0), E_INVAL);
}
