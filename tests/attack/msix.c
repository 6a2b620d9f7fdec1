/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a device that is at work: MSI-X entries that are masked, pending, changed meanwhile, and that point anywhere;
 * BARs sized and decoding switched off between two requests. PCI Local Bus 3.0, 6.8.2; virtio 1.2, 4.1.5.1.2.
 */
#include "tests/attack/pci.h"

enum {
	ENTROPY = 4, VECTOR = 0x62, OTHER = 0x63, C_CONFIG_MSIX = 16, C_QUEUE_MSIX = 26, RING = 0x700000, WRITE = 2, MASK = 1,
	ENABLE = 0x8000, FUNCTION_MASK = 0x4000, NONE_GIVEN = 0xffff, IOAPIC = 0xfec00000,
};
#define F_VERSION_1 (1ull << 32)

static struct virtio dev;
static unsigned cap;
static uint64_t table, pending;
static uint16_t sent;
static volatile uint64_t *fired;

static volatile uint16_t *used(void) { return (volatile uint16_t *)(RING + 0x2002ull); }

static void entry(uint64_t address, uint32_t data, uint32_t control)
{
	mmio_write32(table + 12, MASK);
	mmio_write32(table, (uint32_t)address);
	mmio_write32(table + 4, (uint32_t)(address >> 32));
	mmio_write32(table + 8, data);
	mmio_write32(table + 12, control);
}

static void good_entry(uint32_t control)
{
	entry(0xfee00000 | this_cpu()->apic_id << 12, VECTOR, control);
}

static void control(uint32_t bits)
{
	pci_write(dev.slot, cap + 2, 2, bits);
}

static void start(void)
{
	memset((void *)RING, 0, 0x3000);
	sent = 0;
	virtio_set_status(&dev, 0);
	virtio_set_status(&dev, 3);
	virtio_accept(&dev, F_VERSION_1);
	virtio_set_status(&dev, 11);
	virtio_queue_set(&dev, 0, 8, RING, RING + 0x1000, RING + 0x2000);
	*(volatile uint16_t *)(uintptr_t)(dev.common + C_QUEUE_MSIX) = 0;
	virtio_set_status(&dev, 15);
}

/* One request for 16 random bytes, to behind the rings. True: it was answered. */
static bool request(void)
{
	volatile uint64_t *desc = (volatile uint64_t *)RING;
	volatile uint16_t *avail = (volatile uint16_t *)(RING + 0x1000ull);
	uint64_t end = rdtsc() + 300 * tsc_per_ms();

	desc[0] = RING + 0x2800;
	desc[1] = 16 | (uint64_t)WRITE << 32;
	avail[2 + sent % 8] = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	avail[1] = ++sent;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	virtio_kick(&dev, 0, 0);
	while (*used() != sent && rdtsc() < end) {
		__asm__ volatile("pause");
	}
	return *used() == sent;
}

static void masks(void)
{
	*fired = 0;
	good_entry(0);
	ok("a message", request() && irqs_reach(fired, 1, 500));
	good_entry(MASK);
	*fired = 0;
	ok("masked, the request is answered", request());
	ok("masked, no message", !irqs_reach(fired, 1, 3));
	equal("masked, it is pending", mmio_read32(pending) & 1, 1);
	mmio_write32(pending, 0);
	equal("pending bits are read-only", mmio_read32(pending) & 1, 1);
	mmio_write32(table + 12, 0);
	ok("unmasked, it comes", irqs_reach(fired, 1, 500));
	ok("unmasked, once", !irqs_reach(fired, 2, 3));
	equal("and is not pending", mmio_read32(pending) & 1, 0);
	*fired = 0;
	control(ENABLE | FUNCTION_MASK);
	ok("function masked", request() && !irqs_reach(fired, 1, 3));
	control(ENABLE);
	ok("function unmasked", irqs_reach(fired, 1, 500));
	mmio_write32(table + 12, MASK);
	(void)request();
	this_cpu()->irqs[OTHER] = 0;
	entry(0xfee00000 | this_cpu()->apic_id << 12, OTHER, MASK);
	mmio_write32(table + 12, 0);
	(void)irqs_reach(fired, ~0ull, 3);
	equal("changed while it was pending", this_cpu()->irqs[OTHER], 1);
}

/* Messages are writes: nothing but a local APIC takes one of these. */
static void anywhere(void)
{
	static const uint64_t to[] = {
		0x704000, 0x704001, IOAPIC, 0xe0000000, 0xfec00010, 0xfed00000, ~3ull, 1ull << 40, 0, 0xfee00000 | 0x77000, 0xfeefffff,
		0x1fee00000,
	};
	static const uint32_t data[] = { 0, 5, 15, 0x200, 0x262, 0x362, 0x600, 0x762, 0xffff0162, 0x8062, 0xc062 };
	uint64_t wrong = 0, id = pci_read(0, 0, 4);

	memset((void *)0x704000, 0x5a, 64);
	for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
		entry(to[i], 0x4062, 0);
		wrong += !request();
	}
	for (unsigned i = 0; i < 64; i++) {
		wrong += *(volatile uint8_t *)(0x704000ull + i) != 0x5a;
	}
	equal("messages to anywhere, memory is kept", wrong, 0);
	mmio_write32(IOAPIC, 1);
	ok("messages to anywhere, devices are", mmio_read32(IOAPIC + 16) >> 24 == 0 && pci_read(0, 0, 4) == id);
	for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
		entry(0xfee00000 | this_cpu()->apic_id << 12, data[i], 0);
		wrong += !request();
		(void)irqs_reach(fired, ~0ull, 1);
	}
	entry(0xfee77000, 0x500, 0);         /* INIT, to nobody */
	equal("messages of any kind", wrong + !request(), 0);
	*(volatile uint16_t *)(uintptr_t)(dev.common + C_QUEUE_MSIX) = 0x1234;
	equal("an entry that the table does not have", *(volatile uint16_t *)(uintptr_t)(dev.common + C_QUEUE_MSIX), NONE_GIVEN);
	*(volatile uint16_t *)(uintptr_t)(dev.common + C_CONFIG_MSIX) = 0xfffe;
	equal("and for its configuration", *(volatile uint16_t *)(uintptr_t)(dev.common + C_CONFIG_MSIX), NONE_GIVEN);
	start();
	good_entry(0);
	*fired = 0;
	ok("a message after all of this", request() && irqs_reach(fired, 1, 500));
}

/* What other processors and careless drivers do while requests are on their way. */
static void while_used(void)
{
	uint32_t bar = pci_read(dev.slot, 0x10, 4), high = pci_read(dev.slot, 0x14, 4);
	uint64_t wrong = 0;

	for (unsigned i = 0; i < 40; i++) {
		pci_write(dev.slot, 0x10, 4, ~0u);
		pci_write(dev.slot, 0x14, 4, ~0u);
		(void)pci_read(dev.slot, 0x10, 4);
		virtio_kick(&dev, 0, 0);             /* to where it was */
		pci_write(dev.slot, 0x10, 4, bar);
		pci_write(dev.slot, 0x14, 4, high);
		wrong += !request();
	}
	equal("sized while it is used", wrong, 0);
	for (unsigned i = 0; i < 40; i++) {
		pci_write(dev.slot, 4, 2, 4);
		virtio_kick(&dev, 0, 0);
		pci_write(dev.slot, 4, 2, 6);
		wrong += !request();
	}
	equal("decoding off and on while it is used", wrong, 0);
	for (unsigned i = 0; i < 40; i++) {
		pci_write(dev.slot, 0x14, 4, i);     /* above 4 GiB and back */
		virtio_kick(&dev, 0, 0);
		pci_write(dev.slot, 0x14, 4, high);
		wrong += !request();
	}
	equal("moved above 4 GiB and back", wrong, 0);
	*fired = 0;
	ok("a message after that", request() && irqs_reach(fired, 1, 500));
}

static bool find(void)
{
	struct virtio found[VIRTIO_MAX];
	unsigned count = virtio_find(found);

	cap = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!found[i].mmio && found[i].id == ENTROPY) {
			dev = found[i];
			for (unsigned at = pci_read(dev.slot, 0x34, 1), n = 0; at && n < 16; at = pci_read(dev.slot, at + 1, 1), n++) {
				cap = pci_read(dev.slot, at, 1) == 0x11 ? at : cap;
			}
		}
	}
	return cap;
}

void group_msix(void)
{
	if (!find()) {
		skip("all", "no entropy device with msi-x");
		return;
	}
	hold_output(true);
	irq_sink(VECTOR);
	irq_sink(OTHER);
	irq_sink(0x45);
	fired = &this_cpu()->irqs[VECTOR];
	table = pci_bar0(dev.slot) + (pci_read(dev.slot, cap + 4, 4) & ~7u);
	pending = pci_bar0(dev.slot) + (pci_read(dev.slot, cap + 8, 4) & ~7u);
	control(ENABLE);
	start();
	masks();
	anywhere();
	while_used();
	virtio_set_status(&dev, 0);
	control(0);
}
