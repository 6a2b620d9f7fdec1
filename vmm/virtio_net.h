/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network card: virtqueues of the guest on one side, a channel to the switch on the other. virtio 1.2, 5.1.
 * Each frame is copied once in either direction. Checksums and segmentation that the sender left to the card go along
 * with the frame; a receiver whose driver cannot take them gets plain frames (net_offload.h).
 *
 * A sent frame's buffers are free at once, and the driver sees them as used; but the interrupt for them is not ours. An event
 * of the card is routed to the guest (SYS_EVENT_ROUTE): the switch signals it when it has taken many frames, and for few of
 * them a timer of the kernel does, unless the driver has noticed before that they are gone, as it does when something
 * arrives. Where there is no message that the kernel could send (masked, INTx, another transport), where it changes, and
 * where the switch dies, we interrupt at once.
 */
#pragma once

#include "lib/frames.h"
#include "vmm/device.h"
#include "vmm/net_flow.h"
#include "vmm/virtio.h"

enum { NET_PAIRS_MAX = 8, NET_CONFIG_BYTES = 10, NET_FLOWS = 256 };

/* 5.1.4, little endian. */
struct net_config {
	uint8_t mac[6];
	uint16_t status;             /* bit 0: the link is up                                        */
	uint16_t max_pairs;
};

/* A buffer of the guest that a frame takes. */
struct net_part {
	uint16_t id, slots;
	uint32_t written;
};

enum { NET_PARTS_MAX = 64 };

struct virtio_net {
	struct virtio_device dev;
	struct net_config config;
	/* Guest state. */
	unsigned pairs;              /* in use                                                       */
	bool promiscuous;
	uint8_t flow_pair[NET_FLOWS];        /* by net_flow(): 1 + the pair that the driver sends it on; 0: none yet */
	/* Host side. */
	struct frames_channel *channel;
	struct frames_end tx, rx;
	uint32_t tx_waits;           /* bit per pair: its frames wait for room in the channel        */
	uint32_t lingers;            /* bit per pair: virtio_net_linger() is due                     */
	unsigned owed;               /* queue with sent frames whose interrupt is to come; 0: none   */
	uint16_t owed_slots;         /* of how many of its descriptors                               */
	struct vm_timer more;        /* armed: there was more than one batch                         */
	uint64_t sent, received, dropped;    /* frames                                               */
	uint64_t owings, needless;   /* interrupts that were left to others, and those that nobody wanted any more */
	struct net_part part[NET_PARTS_MAX];
};

/* Fills in the device. channel: of init; pairs: of queues, 1 or more; up: the link. */
void virtio_net_init(struct virtio_net *n, struct frames_channel *channel, const uint8_t mac[6], unsigned pairs, bool up);

/* The switch signalled: there are frames, or there is room. */
void virtio_net_poll(struct virtio_net *n);

/* Where n->lingers is set: looks again, after the guest had an occasion to run, and then asks for notifications. */
void virtio_net_linger(struct virtio_net *n);

/* The switch went away or came back; what is in the channel is lost in part. */
void virtio_net_link(struct virtio_net *n, bool up);

/* Supplied by the core: signals the switch; sees to virtio_net_linger(). Device lock held. */
void vm_switch_signal(void);
void vm_nic_lingers(void);

/*
 * Supplied by the core: makes the card's event an interrupt for queue; 0: of none. False: queue has no message that the
 * kernel could send. vm_nic_timer(): it is signalled at deadline_ns of vm_now(); 0: it is not.
 */
bool vm_nic_route(struct virtio_net *n, unsigned queue);
void vm_nic_timer(struct virtio_net *n, uint64_t deadline_ns);
