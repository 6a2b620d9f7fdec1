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

#include "drivers/nic/out.h"
#include "drivers/nic/virtio_pci.h"
#include "drivers/virtio/ring_driver.h"
#include "lib/frames.h"

enum {
	NIC_CONFIG_BYTES = 256,
	NIC_BARS = 6,
	NIC_DMA_BYTES = 1 << 20,     /* bytes of memory that a driver needs for rings and buffers    */
	NIC_BUFFERS = 256, NIC_BUFFER = 2048,        /* for frames that come, and bytes of one        */
	NIC_PIECES_MAX = 36,         /* buffers that a frame of FRAME_MAX bytes takes, and some      */
	NIC_WIRE_MAX = 1518,         /* bytes of a frame on the wire: 1500, a header and a VLAN tag  */
};

/* Where things are in the memory of a card: rings, buffers for frames that come, the rest for those that go. */
enum {
	NIC_RINGS_AT = 0, NIC_IN_AT = 32 << 10, NIC_OUT_AT = NIC_IN_AT + NIC_BUFFERS * NIC_BUFFER,
	NIC_OUT_BYTES = NIC_DMA_BYTES - NIC_OUT_AT,
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
	void *dma;                   /* page-aligned, contiguous; the card may read and write it, and nothing else */
	uint64_t dma_phys, dma_size; /* the same as the card addresses it; at least NIC_DMA_BYTES    */
	uint32_t interrupts;         /* vectors of MSI-X                                             */
	uint32_t handle;             /* of the program, for nic_set_master()                         */
};

/* What a card does by itself. */
enum nic_feature {
	NIC_CSUM = 1 << 0,           /* puts checksums into frames that it sends                     */
	NIC_TSO4 = 1 << 1, NIC_TSO6 = 1 << 2,        /* cuts segments                                */
	NIC_ECN = 1 << 3,            /* those of connections with ECN too                            */
	NIC_CSUM_IN = 1 << 4,        /* checks those of frames that come                             */
	NIC_MERGE = 1 << 5,          /* hands over segments that came as one frame                   */
};

/* A frame that came. Its pieces lie in the card's memory until it is released. */
struct nic_frame {
	struct frame_header header;
	uint16_t pieces, ids[NIC_PIECES_MAX];
	struct {
		const uint8_t *base;
		uint32_t len;        /* above 0                                                      */
	} piece[NIC_PIECES_MAX];
};

/* The Intel family: e1000.c, e1000e.c. Cursors are ours; the card's are never read. */
struct e1000 {
	volatile uint8_t *rx, *tx;   /* descriptors                                                  */
	uint16_t rx_next, rx_shown;  /* the next to look at; what the card was told last             */
	uint16_t tx_next, tx_shown, tx_oldest;
	uint16_t last[NIC_OUT_FRAMES];       /* by slot: the descriptor that ends the frame           */
	bool skips;                  /* the rest of a frame that was too long                        */
};

struct virtio_nic {
	struct virtio_pci pci;
	struct ring_driver rx, tx, control;
	uint64_t features;           /* that were negotiated                                         */
};

struct nic_ops;

struct nic {
	const struct nic_ops *ops;
	struct nic_host host;
	uint32_t features;           /* enum nic_feature                                             */
	uint8_t mac[6];              /* zeros: it has none                                           */
	bool link;                   /* up, as nic_acknowledge() found                               */
	bool opened;                 /* it may reach its memory                                      */
	const char *broken;          /* NULL, or what the card did; it carries nothing more          */
	uint64_t nonsense;           /* frames that came and were none                               */
	struct nic_out out;
	uint32_t room_at;            /* where nic_room() said                                        */
	union {
		struct e1000 e1000;
		struct virtio_nic virtio;
	};
};

/* A driver. What the functions do stands at the public ones below. */
struct nic_ops {
	const char *name;
	uint32_t headroom;           /* bytes that it puts before a frame                            */
	bool (*matches)(uint16_t vendor, uint16_t device);
	int (*attach)(struct nic *nic);
	void (*quiesce)(struct nic *nic);
	bool (*takes)(const struct nic *nic, const struct frame_header *h);
	bool (*has_slots)(const struct nic *nic);
	void (*transmit)(struct nic *nic, unsigned slot, uint32_t offset, const struct frame_header *h);
	void (*flush)(struct nic *nic);
	void (*reap)(struct nic *nic);
	int (*receive)(struct nic *nic, struct nic_frame *frame);
	void (*release)(struct nic *nic, const struct nic_frame *frame);
	void (*acknowledge)(struct nic *nic);
	bool (*listen)(struct nic *nic, bool transmit);
};

extern const struct nic_ops nic_virtio, nic_e1000, nic_e1000e;

/* True: some driver knows the card. */
bool nic_is_known(uint16_t vendor, uint16_t device) MUST_CHECK;

/*
 * Resets the card and makes it work: promiscuous, interrupts off until nic_listen(). *nic is filled in; host's memory stays
 * the card's until nic_quiesce(). E_NOENT: no driver; E_NOMEM: not enough of it for a driver; E_IO: the card does not do as
 * it should, nic->broken says what. Takes some milliseconds.
 */
int nic_attach(struct nic *nic, const struct nic_host *host) MUST_CHECK;

/* The card reads and writes memory no more. One that never did, as it did not come out of reset, is not reset again. */
void nic_quiesce(struct nic *nic);

/* True: the card itself does what the header of such a frame asks for. */
bool nic_takes(const struct nic *nic, const struct frame_header *h) MUST_CHECK;

/*
 * Where to put the bytes of a frame to send, in one piece; NULL: there is no room now. len: FRAME_MIN to FRAME_MAX.
 * nic_transmit() takes what stands there, with a header that net_header_is_sane() and nic_takes(), and may change it; false:
 * it is not the packet that its header promises, or too long for the wire. nic_flush(): tells the card of all that was
 * transmitted and released.
 */
uint8_t *nic_room(struct nic *nic, uint32_t len) MUST_CHECK;
bool nic_transmit(struct nic *nic, const struct frame_header *h) MUST_CHECK;
void nic_flush(struct nic *nic);

/* Looks which frames have gone: nic->out tells. */
void nic_reap(struct nic *nic);

/*
 * The next frame: E_AGAIN: none. E_PROTO: nonsense, which is gone; E_IO: the card is broken. Frames are released in the order
 * in which they came, before the next is asked for. nic_frame_get: len bytes of it from at on, all of which it has.
 */
int nic_receive(struct nic *nic, struct nic_frame *frame) MUST_CHECK;
void nic_release(struct nic *nic, const struct nic_frame *frame);
void nic_frame_get(const struct nic_frame *frame, uint32_t at, void *bytes, uint32_t len);

/* The event was signalled, or may have been: interrupts are off, and nic->link is as the card says. */
void nic_acknowledge(struct nic *nic);

/*
 * Interrupts for frames that come and changes of the link; with transmit also when frames have gone. False: there is a frame,
 * or room, already.
 */
bool nic_listen(struct nic *nic, bool transmit) MUST_CHECK;

/* For drivers, after the reset: rings of before are gone, and the card may reach its memory. */
void nic_open_memory(struct nic *nic);

/* For drivers: what the card did. Returns E_IO. */
int nic_break(struct nic *nic, const char *why);

/*
 * Supplied by the program (registers.c) or a test: a register of 1, 2 or 4 bytes. Outside of a BAR that is mapped reads
 * give all ones and writes nothing. nic_wait_us(): lets that time pass.
 */
uint32_t nic_read(const struct nic_host *host, unsigned bar, uint32_t offset, unsigned bytes) MUST_CHECK;
void nic_write(const struct nic_host *host, unsigned bar, uint32_t offset, unsigned bytes, uint32_t value);
void nic_wait_us(uint32_t us);

/*
 * Supplied by the program or a test: whether the card may read and write memory. By sys_device_master(host->handle, on), since
 * configuration space is the kernel's.
 */
void nic_set_master(const struct nic_host *host, bool on);
