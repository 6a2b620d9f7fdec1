/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between init and the console program. init tells the state of the node in one page that the console
 * can only read; a second region carries log lines one way and commands the other. init believes nothing that the
 * console writes; the console trusts init.
 */
#pragma once

#include "conf/result.h"
#include "lib/base.h"
#include "lib/channel.h"

#define NODE_VERSION "0.1"

/* Handle slots that init fills before the console's first thread runs. */
enum console_slot {
	CONSOLE_WAKE = 2,            /* event: anything happened; the console binds it. init, the vmms and the serial line signal */
	CONSOLE_REQUEST = 3,         /* event: the console wrote a command, an acknowledgement or flushed */
	CONSOLE_RELAY = 4,           /* event: the console did something in a relay; there while mgmt runs */
	CONSOLE_VM_IN = 16,          /* + number of the VM: event VMM_CONSOLE_IN, there while it runs */
};

/* Where init maps things in the console. */
#define CONSOLE_STATUS_ADDR   0x0000000010000000ull    /* struct node_status, read-only              */
#define CONSOLE_EXCHANGE_ADDR 0x0000000010100000ull    /* struct node_exchange, read-write           */
#define CONSOLE_RELAY_ADDR    0x0000000010200000ull    /* struct node_relays, read-write             */
#define CONSOLE_VIDEO_ADDR    0x0000000040000000ull    /* the screen's memory, read-write            */
#define CONSOLE_CHANNEL_ADDR(vm) (0x0000000020000000ull + (uint64_t)(vm) * 0x10000)   /* struct console_channel */

enum { NODE_MAGIC = 0x45444f4e, NODE_NODES_MAX = 8, NODE_DEVICES_MAX = 64, NODE_REPORT = 4096 };

/*
 * NODE_VM_STOPPED --start--> NODE_VM_RUNNING --end--> NODE_VM_ENDED --acknowledged--> NODE_VM_STOPPED
 * While ENDED the console empties the channel and then writes the generation into ack[]; until the next start it
 * does not touch the channel any more. At the start init zeroes the rings and counts the generation up.
 */
enum node_vm_state { NODE_VM_STOPPED, NODE_VM_RUNNING, NODE_VM_ENDED,
	NODE_VM_NONE,                /* there is no VM of this number: it was deleted, or is not made yet */
};

struct node_vm {
	char name[CONF_NAME_MAX];
	uint32_t state;              /* enum node_vm_state                                           */
	uint32_t generation;         /* of its channel; 0: never started                             */
	uint64_t memory;             /* bytes                                                        */
	uint32_t vcpus, weight;
	uint32_t cpus;               /* bit n: it may run on processor n; 0: on all                  */
	uint32_t vcpu_cpus[CONF_VCPUS_MAX];  /* the same for single vCPUs; 0: as cpus says           */
	uint32_t id;                 /* none was given to another VM before, and none will be        */
	uint32_t starts;             /* of this VM; generation counts on where another VM had this number */
	uint32_t presses;            /* of its power button, likewise                                */
	uint64_t node_memory[NODE_NODES_MAX];        /* bytes that it has of each NUMA node          */
	char note[64];               /* how it ended last, or empty                                  */
};

/* A NUMA node. */
struct node_numa {
	uint32_t id;                 /* as the firmware numbers it                                   */
	uint32_t cpus;               /* bit n: processor n is in it                                  */
	uint64_t total_bytes, free_bytes;
};

/* The screen that the loader left on, beside the serial line. */
enum node_video_kind { NODE_VIDEO_NONE, NODE_VIDEO_PIXELS, NODE_VIDEO_TEXT };

struct node_video {
	uint32_t kind;               /* enum node_video_kind                                         */
	uint32_t width, height;      /* pixels, or characters                                        */
	uint32_t pitch;              /* bytes from line to line                                      */
	uint32_t bits;               /* of a pixel                                                   */
	uint8_t colour_shift[3], colour_bits[3];     /* red, green, blue in a pixel                  */
	uint8_t pad[2];
	uint64_t offset;             /* of its first byte from CONSOLE_VIDEO_ADDR                    */
	uint64_t bytes;
};

/* A PCI function of the machine. */
struct node_device {
	char place[16];              /* "0000:00:02.0"                                               */
	uint16_t vendor, device;
	uint16_t kind;               /* class << 8 | subclass                                        */
	char owner[42];              /* which program has it, and for what, or empty                 */
};

struct node_status {
	uint32_t magic;              /* NODE_MAGIC                                                   */
	uint32_t vm_count;           /* one more than the largest number in use; may grow and shrink */
	uint32_t stopping;           /* 1: the node powers off; send all output and set flushed      */
	uint32_t pad;
	uint64_t ram_bytes, free_bytes;
	uint32_t numa_count, pad2;   /* 1: the machine has no nodes worth telling                    */
	struct node_numa numa[NODE_NODES_MAX];
	uint32_t device_count;       /* PCI functions; those beyond NODE_DEVICES_MAX are not told    */
	uint32_t pad3;
	struct node_device device[NODE_DEVICES_MAX];
	struct node_video video;
	struct node_vm vm[CONF_VMS_MAX];
	char report[NODE_REPORT];    /* the panic that ended the run before: lines, with a NUL; or empty */
};

enum node_op { NODE_START, NODE_POWER_BUTTON, NODE_KILL, NODE_TAKE_MEMORY, NODE_GIVE_MEMORY, NODE_COUNTERS, NODE_TRACE, NODE_POWER_OFF };

struct node_command {
	uint32_t op;                 /* enum node_op                                                 */
	uint32_t vm;                 /* number in node_status.vm; NODE_COUNTERS: may be none; NODE_TRACE, */
	                             /* NODE_POWER_OFF: ignored                                      */
};

enum { NODE_LOG = 8192, NODE_COMMANDS = 256 };

struct node_exchange {
	uint32_t attached;           /* the console has the serial line: log lines go to the ring    */
	uint32_t flushed;
	uint32_t ack[CONF_VMS_MAX];  /* generation whose end the console has dealt with              */
	struct channel_ring log, command;
	uint8_t log_data[NODE_LOG];  /* lines of text, by init                                       */
	uint8_t command_data[NODE_COMMANDS];
};

enum { NODE_RELAYS = 16, NODE_RELAY_OUT = 8192, NODE_RELAY_IN = 1024 };

/*
 * Between console and mgmt, neither of which believes the other: the console of one VM for somebody far away. mgmt writes wish, counts
 * serial up and signals; the console shows what it serves in seen, and what is of this wish comes behind begin. Both sides signal when
 * they moved something. What was in the scroll-back before ends at live. A reader that is so slow that the scroll-back passes it gets a line that says how much it lost. When the VM is
 * deleted, gone becomes the wish's serial after the last of its bytes: no VM that gets its number is meant.
 */
struct node_relay {
	uint32_t wish;               /* by mgmt: number of the VM plus one; 0: none                  */
	uint32_t vm_id;              /* by mgmt: its node_vm.id                                      */
	uint32_t serial;             /* by mgmt, after the two                                       */
	uint32_t seen;               /* by the console                                               */
	uint32_t begin;              /* by the console: a count of out                               */
	uint32_t gone;               /* by the console                                               */
	uint32_t live;               /* by the console: a count of out                               */
	struct channel_ring out, in; /* out: what the VM sends; in: what is typed                    */
	uint8_t out_data[NODE_RELAY_OUT], in_data[NODE_RELAY_IN];
};

struct node_relays {
	struct node_relay relay[NODE_RELAYS];
};
