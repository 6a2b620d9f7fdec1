/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network cards of the machine: what every driver of one offers, and what it needs. A driver is one const table; nic.c
 * has the list. Drivers are code over memory that others mapped: they know no system call, and reach registers only by
 * nic_read() and nic_write(), which a test replaces.
 *
 * Cards are not trusted further than that they keep to their memory: whatever one writes into it or shows in a register is
 * copied once and then checked. A card that contradicts itself is broken until it is attached anew.
 *
 * A card belongs to one thread.
 */
#pragma once

#include "lib/frames.h"

enum {
	NIC_CONFIG_BYTES = 256,
	NIC_BARS = 6,
	NIC_DMA_BYTES = 1 << 20,     /* bytes of memory that a driver needs for rings and buffers    */
};

/*
 * A card as it was handed over: memory decoding is on, bus mastering is off. Its registers are as the firmware or a driver that
 * died left them, so that it may still have rings and buffers in memory that is others' now: a driver resets it first, and lets
 * it reach memory only then, by nic_set_master(). Where interrupts is above 0, MSI-X (or MSI) is on, with that many vectors, and
 * each of them signals the one event of the card; where it is 0, the event may be signalled by INTx, edge-triggered, or by nobody.
 */
struct nic_host {
	uint16_t vendor, device;
	uint8_t revision;
	const uint8_t *config;       /* NIC_CONFIG_BYTES: a copy of its configuration space          */
	volatile uint8_t *bar[NIC_BARS];     /* mapped uncached; NULL: not there, or ports            */
	uint64_t bar_size[NIC_BARS];
	void *dma;                   /* page-aligned, contiguous, zeroed; the card may read and write it, and nothing else */
	uint64_t dma_phys, dma_size; /* the same as the card addresses it; at least NIC_DMA_BYTES    */
	uint32_t interrupts;         /* vectors of MSI-X                                             */
	uint32_t handle;             /* of the program, for nic_set_master()                         */
};

/*
 * Supplied by the program or a test: whether the card may read and write memory. By sys_device_master(host->handle, on), since
 * configuration space is the kernel's.
 */
void nic_set_master(const struct nic_host *host, bool on);
