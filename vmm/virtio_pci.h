/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio over PCI, modern interface only: virtio 1.2, 4.1. One function and one 64-bit BAR for each device, with all
 * five kinds of capability, MSI-X with a vector for the configuration and one for each queue, MSI, INTx.
 */
#pragma once

#include "vmm/msix.h"
#include "vmm/pci_host.h"
#include "vmm/virtio.h"

struct virtio_pci {
	struct pci_function f;
	struct msix msix;
	/* Host side. */
	struct virtio_device *dev;
	unsigned window;             /* where the capability for access by configuration space is    */
	uint32_t doorbell;           /* event; 0: notifications come as accesses                     */
	uint32_t rings;              /* queues whose doorbell is in the kernel                       */
	uint64_t rings_at;           /* where these are                                              */
};

/*
 * Puts dev, whose first part is filled in, into the next slot of host. doorbell: an event that the caller watches and
 * that then calls virtio_pci_doorbell(), or 0. Errors of virtio_init() and pci_host_add().
 */
int virtio_pci_init(struct virtio_pci *p, struct virtio_device *dev, struct pci_host *host, uint32_t doorbell) MUST_CHECK;

/* The doorbell rang; arg is the struct virtio_pci. */
void virtio_pci_doorbell(void *arg);
