/* SPDX-License-Identifier: Apache-2.0 */
/* The transport of virtio devices on PCI, the driver's side; only the modern one. virtio 1.2, 4.1. */
#pragma once

#include "drivers/virtio/ring.h"

struct nic_host;

enum { VIRTIO_PCI_QUEUES = 3, VIRTIO_PCI_NO_VECTOR = 0xffff };

/* One structure of the device: where in which BAR. */
struct virtio_pci_area {
	uint8_t bar;
	uint32_t offset, bytes;
};

struct virtio_pci {
	struct virtio_pci_area common, notify, isr, device;
	uint32_t notify_multiplier;
	uint32_t notify_at[VIRTIO_PCI_QUEUES];       /* in the notify area                           */
};

/* Finds the structures by the capabilities in host->config. E_NOENT: this is no modern device; E_PROTO: one is not in its BAR. */
int virtio_pci_find(struct virtio_pci *pci, const struct nic_host *host) MUST_CHECK;

/* Resets and waits until that is done. E_TIMEOUT. */
int virtio_pci_reset(const struct virtio_pci *pci, const struct nic_host *host) MUST_CHECK;

/*
 * What the device offers; then acknowledges it, and negotiates wanted of that: *features. E_IO: it is not of version 1, or does
 * not agree. virtio_pci_start(): it goes, after the queues.
 */
uint64_t virtio_pci_offered(const struct virtio_pci *pci, const struct nic_host *host) MUST_CHECK;
int virtio_pci_negotiate(const struct virtio_pci *pci, const struct nic_host *host, uint64_t wanted, uint64_t *features) MUST_CHECK;
void virtio_pci_start(const struct virtio_pci *pci, const struct nic_host *host);

/* True: the device wants to be reset. */
bool virtio_pci_needs_reset(const struct virtio_pci *pci, const struct nic_host *host) MUST_CHECK;

/* The largest size of a queue; 0: there is none. */
uint16_t virtio_pci_queue_size(const struct virtio_pci *pci, const struct nic_host *host, uint16_t queue) MUST_CHECK;

/*
 * Starts a queue, a number below VIRTIO_PCI_QUEUES. vector: its MSI-X vector, or VIRTIO_PCI_NO_VECTOR. E_IO: the device has
 * no room for the vector, or wants to be notified where it has no register. The same vector for changes of the configuration.
 */
int virtio_pci_queue_start(struct virtio_pci *pci, const struct nic_host *host, uint16_t queue,
			   const struct ring_setup *setup, uint16_t vector) MUST_CHECK;
int virtio_pci_config_vector(const struct virtio_pci *pci, const struct nic_host *host, uint16_t vector) MUST_CHECK;

/* Notifies a queue. */
void virtio_pci_notify(const struct virtio_pci *pci, const struct nic_host *host, uint16_t queue);

/* Reads the interrupt status, which ends INTx. */
uint8_t virtio_pci_isr(const struct virtio_pci *pci, const struct nic_host *host);

/* One byte of the device's configuration; beyond its end 0. */
uint8_t virtio_pci_config(const struct virtio_pci *pci, const struct nic_host *host, uint32_t at) MUST_CHECK;
