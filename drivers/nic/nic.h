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
 * A card as it was handed over: memory decoding and bus mastering are on, nothing else was done to it. Where interrupts is
 * above 0, MSI-X is on, with that many vectors, and each of them signals the one event of the card; where it is 0, the
 * event may be signalled by INTx, or by nobody.
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
};

/* True: some driver knows the card. */
bool nic_is_known(uint16_t vendor, uint16_t device) MUST_CHECK;
