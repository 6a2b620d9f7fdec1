/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between init and the program net. init tells the ports of the switch in pages that net can only read;
 * net answers in pages of its own, which init does not believe. The frames themselves are in the ports' channels
 * (lib/frames.h), which belong to init and outlive net and vmm.
 */
#pragma once

#include "conf/result.h"
#include "drivers/nic/nic.h"
#include "lib/base.h"
#include "lib/frames.h"

/* Handle slots that init fills before net's first thread runs. */
enum net_slot {
	NET_WAKE = 2,                /* event: anything happened; net binds it. init and the vmms signal it */
	NET_ANSWER = 3,              /* event: net wrote an acknowledgement, woken, or of an uplink   */
	NET_VM_IN = 16,              /* + number of the VM: event VMM_NET_IN, there while it runs     */
	NET_VM_SENT = NET_VM_IN + CONF_VMS_MAX,      /* + number of the port: event VMM_NIC_SENT, likewise       */
	NET_DEVICE = NET_VM_SENT + CONF_VMS_MAX * CONF_NICS_MAX,     /* + number of the uplink: its card, a device */
	NET_NODE_IN = NET_DEVICE + CONF_UPLINKS_MAX,       /* event: of the program at the node's own port, there while it runs */
};

enum { NET_PORTS_MAX = CONF_VMS_MAX * CONF_NICS_MAX + 1, NET_UPLINKS_MAX = CONF_UPLINKS_MAX, NET_MAGIC = 0x5354524f };

/* Where init maps things in net. */
#define NET_STATUS_ADDR 0x0000000010000000ull          /* struct net_status, read-only               */
#define NET_ANSWERS_ADDR 0x0000000010100000ull         /* struct net_answers, read-write             */
#define NET_CHANNEL_ADDR(port) (0x0000000040000000ull + (uint64_t)(port) * 0x400000)  /* struct frames_channel */
#define NET_BAR_MAX 0x4000000ull                       /* bytes of a BAR; larger ones are not mapped */
#define NET_BAR_ADDR(uplink, bar) (0x0000000100000000ull + (uint64_t)(uplink) * 0x40000000 + (uint64_t)(bar) * NET_BAR_MAX)
#define NET_DMA_ADDR(uplink) (0x0000000120000000ull + (uint64_t)(uplink) * 0x40000000)

/*
 * A port with a channel. Those of the VMs' network cards come first: VM * CONF_NICS_MAX + card. The last one is the node's own,
 * where the program mgmt is plugged in as if it were a VM; its number is port_count - 1.
 */
struct net_port {
	uint32_t generation;         /* odd: plugged in. Even: pulled, or never there; net lets go and acknowledges */
	uint32_t vm;                 /* number of the VM; of the node's own port CONF_VMS_MAX         */
	uint32_t net;                /* ports of the same number hear each other; below NET_PORTS_MAX + NET_UPLINKS_MAX */
	uint8_t mac[6];              /* the card's own address                                        */
	uint8_t pad[2];
};

/*
 * A network card of the machine, the way out of a switch. It was handed over with bus mastering off and may have been left running by
 * the firmware or by a net that died: the driver resets it by its own registers, then sys_device_master() with
 * NET_DEVICE + number, which is host.handle, lets it reach memory, then it is set up. Its interrupts signal NET_WAKE. Pages of a BAR that hold its MSI-X table are not mapped.
 */
struct net_uplink {
	uint32_t net;                /* its switch, as in struct net_port                            */
	char name[CONF_NAME_MAX];    /* the switch's name                                            */
	char place[16];              /* where the card is, for messages: 0000:00:03.0                */
	uint32_t pad;
	uint8_t config[NIC_CONFIG_BYTES];    /* its configuration space, as it was when it was found */
	struct nic_host host;        /* all pointers are of net's space                              */
};

struct net_status {
	uint32_t magic;              /* NET_MAGIC                                                     */
	uint32_t port_count;
	uint32_t counters_wanted;    /* counts up: net shall show woken                               */
	uint32_t uplink_count;       /* constant while net runs                                      */
	struct net_port port[NET_PORTS_MAX];
	struct net_uplink uplink[NET_UPLINKS_MAX];
};

/* Seen from the switch: in is what the VM sends, or what comes over the wire. */
struct net_counters {
	uint64_t in_frames, in_bytes, out_frames, out_bytes;
	uint64_t in_dropped;         /* sent, but nonsense, or with another card's address            */
	uint64_t out_dropped;        /* the VM did not take its frames in time, or the link is down   */
};

/* What became of an uplink. */
struct net_uplink_answer {
	uint32_t changes;            /* counts up with each change of the others                      */
	uint8_t link;                /* 0 or 1                                                        */
	uint8_t mac[6];              /* the card's own                                                */
	uint8_t pad;
	uint32_t features;           /* enum nic_feature                                              */
	char broken[64];             /* what is wrong with it; empty: nothing                         */
};

struct net_answers {
	uint32_t ack[NET_PORTS_MAX]; /* generation of the port that net has seen                      */
	uint32_t counters_shown;     /* the last counters_wanted that was served                      */
	uint64_t woken;              /* times that net slept and was woken, as counters_shown tells   */
	/* As they are at any time; since it was plugged in, or since net started. Uplink i: port_count + i. */
	struct net_counters counters[NET_PORTS_MAX + NET_UPLINKS_MAX];
	struct net_uplink_answer uplink[NET_UPLINKS_MAX];
};
