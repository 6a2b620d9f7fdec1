/* SPDX-License-Identifier: Apache-2.0 */
/* PCI configuration space and virtio devices as the groups "pci" and "virtio" reach them. Bus 0 only. */
#pragma once

#include "tests/attack/at.h"

enum { PCI_SLOTS = 32, VIRTIO_MAX = 8 };

uint32_t pci_read(unsigned slot, unsigned reg, unsigned size);       /* by ports CF8h, CFCh        */
void pci_write(unsigned slot, unsigned reg, unsigned size, uint32_t v);
uint64_t ecam_base(void);                                            /* of the MCFG table, 0: none */

/* What a guest needs to put a function back after it was abused. */
struct pci_saved { uint32_t dword[16]; };
void pci_save(unsigned slot, struct pci_saved *s);
void pci_restore(unsigned slot, const struct pci_saved *s);

static inline uint64_t pci_bar0(unsigned slot)
{
	uint64_t low = pci_read(slot, 0x10, 4);

	return (low & ~15ull) | (low & 4 ? (uint64_t)pci_read(slot, 0x14, 4) << 32 : 0);
}

/* ---- virtio ---- */

struct virtio {
	bool mmio;
	unsigned slot, id;           /* PCI; device type: 1 net, 2 block, 3 console, 4 entropy, 5 balloon */
	uint64_t common, notify, isr, config;
	uint32_t notify_step;
};

unsigned virtio_find(struct virtio found[VIRTIO_MAX]);
uint8_t virtio_status(const struct virtio *d);
void virtio_set_status(const struct virtio *d, uint8_t v);
uint64_t virtio_offered(const struct virtio *d);
void virtio_accept(const struct virtio *d, uint64_t features);
uint16_t virtio_queue_max(const struct virtio *d, unsigned queue);   /* and selects it             */
void virtio_queue_set(const struct virtio *d, unsigned queue, uint32_t size, uint64_t desc, uint64_t avail, uint64_t used);
bool virtio_queue_on(const struct virtio *d, unsigned queue);
void virtio_kick(const struct virtio *d, unsigned queue, unsigned value);
