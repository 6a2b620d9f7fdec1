/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network cards for tests of their drivers: one at a time, with registers and descriptors as the manuals have them, as far as a
 * driver can notice. What it sends is kept, and what a test puts on the wire arrives. A test may also write anything into its
 * memory, or make its registers answer anything.
 */
#pragma once

#include "drivers/nic/nic.h"

enum fake_nic_kind { FAKE_82540EM, FAKE_82574L, FAKE_VIRTIO, FAKE_NIC_KINDS };

enum { FAKE_SENT_MAX = 32 };

/* What came out of the card, and what it was told to do with it. */
struct fake_sent {
	uint32_t len;
	bool csum, tso, v4;
	uint32_t csum_start, csum_at, headers, mss;
	uint8_t bytes[FRAME_MAX];
};

struct fake_nic {
	enum fake_nic_kind kind;
	uint64_t features;           /* virtio: offered; before fake_nic_plug(), 0: all of ours        */
	bool no_mac;                 /* Intel: it has no address in its registers after a reset      */
	bool stuck;                  /* does not come out of reset, nor answers other questions      */
	bool stalled;                /* takes nothing of what it is told to send                     */
	bool link, master, promiscuous;
	bool deaf;                   /* what a driver names that cannot be is passed over, not the end of the test */
	unsigned resets, doorbells, interrupts;      /* the last: those that it would have raised    */
	unsigned sent_count;         /* all; the last FAKE_SENT_MAX are kept                         */
	struct fake_sent sent[FAKE_SENT_MAX];
	const uint8_t *lies;         /* not NULL: registers answer these bytes, one after the other  */
	size_t lies_left;
	uint8_t config[NIC_CONFIG_BYTES], bar[0x20000], dma[NIC_DMA_BYTES] __attribute__((aligned(4096)));
};

extern struct fake_nic fake_nic;

enum { FAKE_NIC_PHYS = 0x40000000 };
extern const uint8_t fake_nic_mac[6];

/* A card as it is handed over, with its link up. What was set in fake_nic before, above link, counts. */
struct nic_host fake_nic_plug(enum fake_nic_kind kind, uint32_t interrupts);

/* A frame from the wire, for virtio with that header. False: the card has no buffers, or is not let. */
bool fake_nic_arrive(const void *bytes, const struct frame_header *h);

/* The last frame that was sent. */
const struct fake_sent *fake_nic_last(void);

/* Takes what it did not while it was stalled. */
void fake_nic_go_on(void);
