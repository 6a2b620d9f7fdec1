/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the throw-away configuration parser hands to init: fixed layout, no pointers. init believes none of it:
 * it checks every count, string end and number again.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"
#include "lib/cpu_list.h"

enum {
	CONF_MAGIC = 0x464e4342,
	CONF_VMS_MAX = 128,
	CONF_NAME_MAX = 32,          /* bytes with the NUL                                           */
	CONF_MODULE_MAX = 64,
	CONF_HOST_MAX = 64,
	CONF_CMDLINE_MAX = 1024,
	CONF_MODULES_MAX = 16,       /* of a VM                                                      */
	CONF_MODULE_TEXT = 512,      /* bytes of all its module lines, each with a NUL               */
	CONF_DISKS_MAX = 8,          /* of a VM                                                      */
	CONF_NICS_MAX = 4,
	CONF_UPLINKS_MAX = 4,        /* of the node                                                  */
	CONF_BRIDGES_MAX = 16,
	CONF_BRIDGE_MAX = 32,        /* bytes of a bridge's name with the NUL                        */
	CONF_CPUS_MAX = CPU_LIST_MAX,
	CONF_VCPUS_MAX = 8,          /* of a VM                                                      */
	CONF_MESSAGES_MAX = 64,
	CONF_MESSAGE_MAX = 160,
};

#define CONF_KVM_ALL                                                                                                       \
	((uint32_t)(KVM_CLOCK | KVM_CLOCK2 | KVM_CLOCK_STABLE | KVM_NOP_IO_DELAY | KVM_STEAL_TIME | KVM_EOI | KVM_UNHALT | \
		    KVM_TLB_FLUSH | KVM_IPI | KVM_POLL_CONTROL | KVM_YIELD))

enum conf_reboot { CONF_REBOOT_RESTART, CONF_REBOOT_STOP };
enum conf_console { CONF_CONSOLE_SERIAL, CONF_CONSOLE_VIRTIO };
enum conf_bus { CONF_BUS_PCI, CONF_BUS_MMIO };       /* where virtio devices are */
enum conf_idle { CONF_IDLE_STAY, CONF_IDLE_POWEROFF };

struct conf_disk {
	char module[CONF_MODULE_MAX];        /* name of a boot module                                */
	uint64_t room;                       /* bytes for changes, whole MiB; 0: as init sees fit    */
	uint32_t read_only;                  /* 0 or 1                                               */
	uint32_t pad;
};

struct conf_nic {
	char net[CONF_NAME_MAX];             /* the switch that it is plugged into                   */
	uint8_t mac[6];                      /* a unicast address; all zeros: init chooses           */
	uint8_t pad[2];
};

struct conf_vm {
	char name[CONF_NAME_MAX];            /* letters, digits, - and _; unique                     */
	char kernel[CONF_MODULE_MAX];        /* name of a boot module                                */
	char initrd[CONF_MODULE_MAX];        /* the same, or empty                                   */
	char cmdline[CONF_CMDLINE_MAX];
	uint64_t memory;                     /* bytes, whole MiB                                     */
	uint32_t vcpus;                      /* 1 to 8                                               */
	uint32_t weight;                     /* 1 to 10000                                           */
	uint32_t cpus;                       /* bit n: may run on processor n; 0: on all             */
	uint32_t vcpu_cpus[CONF_VCPUS_MAX];  /* the same for one virtual CPU, instead; 0: as cpus says */
	uint32_t autostart;                  /* 0 or 1                                               */
	uint32_t on_reboot;                  /* enum conf_reboot                                     */
	uint32_t module_count;
	char modules[CONF_MODULE_TEXT];      /* module_count strings: name of a boot module, blank, text for the kernel */
	uint32_t kvm;                        /* enum kvm_feature (kernel/abi.h), of CONF_KVM_ALL     */
	uint32_t console;                    /* enum conf_console                                    */
	uint32_t rng;                        /* 0 or 1                                               */
	uint32_t balloon;                    /* 0 or 1                                               */
	uint32_t bus;                        /* enum conf_bus                                        */
	uint32_t hpet;                       /* 0 or 1                                               */
	uint8_t uuid[16];                    /* in the order in which it is written; all zeros: init chooses */
	uint32_t disk_count, nic_count;
	struct conf_disk disk[CONF_DISKS_MAX];
	struct conf_nic nic[CONF_NICS_MAX];
};

/* Of the node itself. */
enum conf_address { CONF_ADDRESS_NONE, CONF_ADDRESS_DHCP, CONF_ADDRESS_STATIC };

/* What OpenNebula calls a bridge, and the switch that is meant. */
struct conf_bridge {
	char name[CONF_BRIDGE_MAX];          /* "*": every one that has no line of its own; given once */
	char net[CONF_NAME_MAX];
};

struct conf_node {
	char name[CONF_NAME_MAX];            /* letters, digits, - and _                             */
	uint32_t address_mode;               /* enum conf_address; NONE: the node is not on a network */
	uint32_t address, prefix;            /* IPv4, 10.0.0.1 is 0a000001h; prefix 1 to 32          */
	uint32_t gateway, dns, ntp;          /* IPv4; 0: none, or what DHCP tells                    */
	char ntp_name[CONF_HOST_MAX];        /* in place of ntp, to be asked of a name server; letters, digits, - and . */
	char net[CONF_NAME_MAX];             /* the switch that the node is plugged into             */
	uint32_t bridge_count;
	struct conf_bridge bridge[CONF_BRIDGES_MAX];
};

enum conf_uplink_card { CONF_UPLINK_AUTO, CONF_UPLINK_NONE, CONF_UPLINK_PCI };

/* A network card of the machine as the way out of a switch. */
struct conf_uplink {
	char net[CONF_NAME_MAX];             /* the switch; given once                               */
	uint32_t card;                       /* enum conf_uplink_card                                */
	uint16_t segment;                    /* CONF_UPLINK_PCI: where it is; no two are at one place */
	uint8_t bus, slot, function;
	uint8_t pad[3];
};

/* Whether both name the same card. */
static inline bool conf_uplinks_share_card(const struct conf_uplink *a, const struct conf_uplink *b)
{
	return a->card == CONF_UPLINK_PCI && b->card == CONF_UPLINK_PCI && a->segment == b->segment && a->bus == b->bus &&
	       a->slot == b->slot && a->function == b->function;
}

struct conf_result {
	uint32_t magic;                      /* CONF_MAGIC, written last                             */
	uint32_t vm_count, message_count;
	uint32_t when_idle;                  /* enum conf_idle                                       */
	uint32_t dropped_messages, uplink_count;
	uint32_t node_lines;                 /* that speak of the node, whatever they say            */
	struct conf_node node;
	struct conf_uplink uplink[CONF_UPLINKS_MAX];
	char message[CONF_MESSAGES_MAX][CONF_MESSAGE_MAX];   /* "FILE:LINE: reason", NUL-terminated  */
	struct conf_vm vm[CONF_VMS_MAX];
};
