/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How init starts a vmm: handles at fixed slots, and one read-only page of facts. The control page is written by
 * both: the vmm trusts init, init believes nothing that the vmm writes.
 */
#pragma once

#include "conf/result.h"
#include "lib/base.h"
#include "lib/disk_io.h"

/* Handle slots that init fills before the first thread of the vmm runs. */
enum vmm_slot {
	VMM_SELF = 1,                /* its own process, without GRANT                               */
	VMM_SPACE = 2,               /* its own user space (for mapping shared things)               */
	VMM_CONSOLE_IN = 16,         /* event: console wrote into channel.to_vm; the vmm binds it    */
	VMM_CONSOLE_OUT = 17,        /* event: the vmm wrote into channel.from_vm or .log            */
	VMM_CONTROL = 18,            /* event: init changed control.request; the vmm binds it        */
	VMM_STATUS = 19,             /* event: the vmm changed control.state; init binds it          */
	VMM_NET_IN = 20,             /* event: the switch did something in a channel; the vmm binds it */
	VMM_NET_OUT = 21,            /* event: the vmm did; there while the switch runs              */
	VMM_NIC_SENT = 22,           /* + card, event: the switch took what it asked about. The vmm routes it to the guest */
	VMM_RAM = 32,                /* first of launch.ram_count regions of guest RAM               */
	VMM_FREE = 72,               /* the vmm's own objects come from here on                      */
};

/* Where init maps things in the vmm. */
#define VMM_LAUNCH_ADDR   0x0000000010000000ull    /* struct vmm_launch, read-only                   */
#define VMM_CONTROL_ADDR  0x0000000010010000ull    /* struct vmm_control, read-write                 */
#define VMM_CHANNEL_ADDR  0x0000000010020000ull    /* struct console_channel (lib/channel.h)         */
#define VMM_NIC_ADDR(i)   (0x0000000030000000ull + (uint64_t)(i) * 0x400000)   /* struct frames_channel (lib/frames.h) */
#define VMM_KERNEL_ADDR   0x0000000100000000ull    /* kernel image, read-only                        */
#define VMM_INITRD_ADDR   0x0000000200000000ull    /* initrd, read-only                              */
#define VMM_MODULE_ADDR(i) (0x0000000300000000ull + ((uint64_t)(i) << 32))   /* module i, read-only          */
#define VMM_DISK_ADDR(i)  (0x0000200000000000ull + ((uint64_t)(i) << 42))    /* image of a disk, read-only        */
#define VMM_LAYER_ADDR(i) (VMM_DISK_ADDR(i) + (1ull << 40))              /* what changes on it: read-write, zeroed */
#define VMM_STATE_ADDR(i) (VMM_DISK_ADDR(i) + (2ull << 40))              /* of a disk that is kept: states of its blocks */
#define VMM_RAM_ADDR      0x0000010000000000ull    /* guest RAM: guest-physical 0 stands here; RAM above 4 GiB at + its gpa */

enum { VMM_MAGIC = 0x314d4d56, VMM_RAM_MAX = 40 };

_Static_assert(VMM_RAM + VMM_RAM_MAX <= VMM_FREE, "slots of guest RAM");

/* A piece of guest RAM: already mapped read-write at VMM_RAM_ADDR + gpa by init. */
struct vmm_ram {
	uint64_t gpa, size;          /* bytes, pages; 2 MiB aligned where possible                   */
};

struct vmm_disk {
	uint64_t bytes;              /* of content at VMM_DISK_ADDR                                  */
	uint64_t layer_bytes;        /* at VMM_LAYER_ADDR; 0: there is none, and the disk is read-only */
	uint64_t kept_bytes;         /* not 0: it is kept (lib/kept_disk.h), of that size; its layer is as others left it */
	uint64_t read_only;          /* 1: although there is a layer                                 */
};

struct vmm_launch {
	uint32_t magic;              /* VMM_MAGIC                                                    */
	uint32_t ram_count;
	struct vmm_ram ram[VMM_RAM_MAX];     /* handle VMM_RAM + i                                   */
	uint64_t kernel_size, initrd_size;   /* bytes of content; initrd 0: none                     */
	uint64_t module_size[CONF_MODULES_MAX];      /* of conf.modules                              */
	uint64_t tsc_khz;
	uint64_t wall_ns;            /* since 1970, at the moment of launch                          */
	uint64_t launch_ns;          /* SYS_CLOCK at the moment of wall_ns                           */
	struct vmm_disk disk[CONF_DISKS_MAX];        /* conf.disk_count of them                      */
	struct conf_vm conf;
};

/* Bits: init sets them, the vmm clears what it takes. */
enum vmm_request {
	VMM_REQ_POWER_BUTTON = 1 << 0, VMM_REQ_STOP = 1 << 1, VMM_REQ_COUNTERS = 1 << 2,
	VMM_REQ_LINK = 1 << 5,       /* net_up changed                                               */
	VMM_REQ_BUTTON_AGAIN = 1 << 6,       /* as VMM_REQ_POWER_BUTTON, if the guest has not taken that    */
	VMM_REQ_BALLOON_UP = 1 << 3, VMM_REQ_BALLOON_DOWN = 1 << 4,      /* an eighth of the VM's memory     */
};
enum vmm_state { VMM_STARTING, VMM_RUNNING, VMM_POWERED_OFF, VMM_RESET, VMM_FAILED };

struct vmm_control {
	uint32_t request;            /* enum vmm_request                                             */
	uint32_t state;              /* enum vmm_state, by the vmm, final before it exits            */
	uint32_t net_up;             /* by init: 1: the switch runs                                  */
	uint32_t pad;
	uint64_t run_ns;             /* SYS_CLOCK before the first guest instruction; with VMM_RUNNING */
	char reason[160];            /* why it ended; init copies, ends and filters it               */
	/*
	 * Pieces of guest RAM (bit i: launch.ram[i]) that the guest has given up whole. The vmm sets and clears a bit of given_up
	 * and signals VMM_STATUS; init takes the region, or maps and hands over another one in the same places, and only then
	 * does the same to its bit of taken and signals VMM_CONTROL. A bit changes when both are equal.
	 */
	uint64_t given_up;           /* by the vmm                                                   */
	uint64_t taken;              /* by init                                                      */
	uint64_t disk_used[CONF_DISKS_MAX];  /* by the vmm: bytes of a kept disk that are not its image's    */
	struct disk_io disk_io[CONF_DISKS_MAX];  /* by the vmm                                   */
};

_Static_assert(sizeof(struct vmm_control) <= PAGE_SIZE, "one page");
