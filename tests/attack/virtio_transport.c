/* SPDX-License-Identifier: Apache-2.0 */
/* The transports of virtio 1.2 from the driver's side: PCI (4.1.4) and MMIO (4.2.2). */
#include "tests/attack/pci.h"

enum { MMIO_FIRST = 0xfeb00000, MMIO_MAGIC = 0x74726976 };
enum { M_ID = 8, M_OFFERED = 0x10, M_OFFERED_SEL = 0x14, M_ACCEPT = 0x20, M_ACCEPT_SEL = 0x24, M_SEL = 0x30, M_MAX = 0x34, M_NUM = 0x38,
       M_READY = 0x44, M_NOTIFY = 0x50, M_ISR = 0x60, M_STATUS = 0x70, M_DESC = 0x80, M_AVAIL = 0x90, M_USED = 0xa0, M_CONFIG = 0x100 };
enum { C_OFFERED_SEL = 0, C_OFFERED = 4, C_ACCEPT_SEL = 8, C_ACCEPT = 12, C_STATUS = 20, C_SEL = 22, C_SIZE = 24, C_ENABLE = 28,
       C_NOTIFY_OFF = 30, C_DESC = 32, C_AVAIL = 40, C_USED = 48 };

static volatile uint8_t *at8(uint64_t at) { return (volatile uint8_t *)(uintptr_t)at; }
static volatile uint16_t *at16(uint64_t at) { return (volatile uint16_t *)(uintptr_t)at; }
static volatile uint32_t *at32(uint64_t at) { return (volatile uint32_t *)(uintptr_t)at; }

static void put64(uint64_t at, uint64_t v)
{
	*at32(at) = (uint32_t)v;
	*at32(at + 4) = (uint32_t)(v >> 32);
}

/* One vendor capability: 9, next, length, type, bar, ..., offset at 8. */
static void take_capability(struct virtio *d, unsigned cap)
{
	uint64_t at = pci_bar0(d->slot) + pci_read(d->slot, cap + 8, 4);

	switch (pci_read(d->slot, cap + 3, 1)) {
	case 1: d->common = at; break;
	case 2:
		d->notify = at;
		d->notify_step = pci_read(d->slot, cap + 16, 4);
		break;
	case 3: d->isr = at; break;
	case 4: d->config = at; break;
	default: break;
	}
}

static bool find_pci(struct virtio *d, unsigned slot)
{
	if ((pci_read(slot, 0, 4) & 0xffff) != 0x1af4) {
		return false;
	}
	*d = (struct virtio){ .slot = slot, .id = pci_read(slot, 2, 2) - 0x1040 };
	pci_write(slot, 4, 2, 6);
	for (unsigned cap = pci_read(slot, 0x34, 1), n = 0; cap && n < 16; cap = pci_read(slot, cap + 1, 1), n++) {
		if (pci_read(slot, cap, 1) == 9) {
			take_capability(d, cap);
		}
	}
	return d->common && d->notify;
}

unsigned virtio_find(struct virtio found[VIRTIO_MAX])
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < PCI_SLOTS && n < VIRTIO_MAX; slot++) {
		n += find_pci(&found[n], slot);
	}
	for (uint64_t at = MMIO_FIRST; n < VIRTIO_MAX && *at32(at) == MMIO_MAGIC; at += 4096) {
		if (*at32(at + M_ID)) {
			found[n++] = (struct virtio){ .mmio = true, .id = *at32(at + M_ID), .common = at, .config = at + M_CONFIG };
		}
	}
	return n;
}

uint8_t virtio_status(const struct virtio *d)
{
	return d->mmio ? (uint8_t)*at32(d->common + M_STATUS) : *at8(d->common + C_STATUS);
}

void virtio_set_status(const struct virtio *d, uint8_t v)
{
	if (d->mmio) {
		*at32(d->common + M_STATUS) = v;
	} else {
		*at8(d->common + C_STATUS) = v;
	}
}

uint64_t virtio_offered(const struct virtio *d)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 2; i++) {
		*at32(d->common + (d->mmio ? M_OFFERED_SEL : C_OFFERED_SEL)) = i;
		v |= (uint64_t)*at32(d->common + (d->mmio ? M_OFFERED : C_OFFERED)) << 32 * i;
	}
	return v;
}

void virtio_accept(const struct virtio *d, uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		*at32(d->common + (d->mmio ? M_ACCEPT_SEL : C_ACCEPT_SEL)) = i;
		*at32(d->common + (d->mmio ? M_ACCEPT : C_ACCEPT)) = (uint32_t)(features >> 32 * i);
	}
}

uint16_t virtio_queue_max(const struct virtio *d, unsigned queue)
{
	if (d->mmio) {
		*at32(d->common + M_SEL) = queue;
		return (uint16_t)*at32(d->common + M_MAX);
	}
	*at16(d->common + C_SEL) = (uint16_t)queue;
	return *at16(d->common + C_SIZE);
}

void virtio_queue_set(const struct virtio *d, unsigned queue, uint32_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
	(void)virtio_queue_max(d, queue);
	if (d->mmio) {
		*at32(d->common + M_NUM) = size;
	} else {
		*at16(d->common + C_SIZE) = (uint16_t)size;
	}
	put64(d->common + (d->mmio ? M_DESC : C_DESC), desc);
	put64(d->common + (d->mmio ? M_AVAIL : C_AVAIL), avail);
	put64(d->common + (d->mmio ? M_USED : C_USED), used);
	if (d->mmio) {
		*at32(d->common + M_READY) = 1;
	} else {
		*at16(d->common + C_ENABLE) = 1;
	}
}

bool virtio_queue_on(const struct virtio *d, unsigned queue)
{
	(void)virtio_queue_max(d, queue);
	return d->mmio ? *at32(d->common + M_READY) : *at16(d->common + C_ENABLE);
}

void virtio_kick(const struct virtio *d, unsigned queue, unsigned value)
{
	if (d->mmio) {
		*at32(d->common + M_NOTIFY) = value;
		return;
	}
	(void)virtio_queue_max(d, queue);
	*at16(d->notify + (uint64_t)*at16(d->common + C_NOTIFY_OFF) * d->notify_step) = (uint16_t)value;
}
