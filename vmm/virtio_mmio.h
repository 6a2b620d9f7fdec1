/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over MMIO: virtio 1.2, 4.2, version 2 of the register layout. A page and an edge-triggered line for each device,
 * found by ACPI (LNRO0005) or by the guest's command line; no bus.
 */
#pragma once

#include "vmm/virtio.h"

struct virtio_mmio {
	/* Host side. */
	struct virtio_device *dev;
	uint64_t base;               /* of the registers                                             */
	unsigned gsi;
	uint32_t doorbell;           /* event; 0: notifications come as accesses                     */
	bool rings;                  /* the doorbell is in the kernel                                */
};

/*
 * Puts dev, whose first part is filled in, at base with interrupt gsi. doorbell: an event that the caller watches and that
 * then calls virtio_mmio_doorbell(), or 0. Errors of virtio_init() and bus_add().
 */
int virtio_mmio_init(struct virtio_mmio *m, struct virtio_device *dev, struct bus *mmio, uint64_t base, unsigned gsi,
		     uint32_t doorbell) MUST_CHECK;

/* The doorbell rang; arg is the struct virtio_mmio. */
void virtio_mmio_doorbell(void *arg);
