/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract between init and the program mgmt. init tells the node's state in pages that mgmt can only read: those that the console
 * has, too (console/node.h), and one of its own; a third region carries commands and lines for the log to init, which believes
 * nothing of it.
 */
#pragma once

#include "conf/result.h"
#include "lib/base.h"
#include "lib/channel.h"

/* Handle slots that init fills before mgmt's first thread runs. */
enum mgmt_slot {
	MGMT_WAKE = 2,               /* event: anything happened; mgmt binds it. init and the switch signal it */
	MGMT_REQUEST = 3,            /* event: mgmt wrote a command or a line                         */
	MGMT_CONSOLE_OUT = 5,        /* event: mgmt did something in a relay; there while the console runs */
	MGMT_NET_OUT = 4,            /* event: mgmt did something in its channel; there while the switch runs */
};

/* Where init maps things in mgmt. */
#define MGMT_NODE_ADDR     0x0000000010000000ull       /* struct node_status, read-only              */
#define MGMT_STATUS_ADDR   0x0000000010100000ull       /* struct mgmt_status, read-only              */
#define MGMT_EXCHANGE_ADDR 0x0000000010200000ull       /* struct mgmt_exchange, read-write           */
#define MGMT_RELAYS_ADDR   0x0000000010300000ull       /* struct node_relays (console/node.h), read-write */
#define MGMT_CHANNEL_ADDR  0x0000000030000000ull       /* struct frames_channel                      */
#define MGMT_MODULE_ADDR(i) (0x0000000020000000ull + (uint64_t)(i) * 0x100000)  /* enum mgmt_module, read-only */

enum { MGMT_MAGIC = 0x544d474d, MGMT_MODULE_MAX = 256 << 10, MGMT_LOG = 8192, MGMT_COMMANDS = 1024 };

/* Boot modules that are mgmt's, by name; one that is larger than MGMT_MODULE_MAX is not given. */
enum mgmt_module { MGMT_KEY, MGMT_CERTIFICATE, MGMT_AUTHORITY, MGMT_SEED, MGMT_MODULES };

#define MGMT_MODULE_NAMES { "node.key", "node.crt", "ca.crt", "seed" }

/* Ops of struct node_command beside those of enum node_op. */
enum mgmt_op {
	MGMT_CREATE = 0x100,         /* vm: length of create_text, which stays until created counts up */
	MGMT_IMAGE_MAKE,             /* vm: number of an image, of which these three are; image[] of the exchange says which one. */
	MGMT_IMAGE_SEAL,             /* Each is answered by a count in image[] of the status         */
	MGMT_IMAGE_DROP,
	MGMT_REFRESH,                /* what is counted is written anew; then refreshed counts up    */
};

enum { MGMT_TEXT = 4096 };

/*
 * Images: files that came over the network, in RAM. A VM may name a whole one wherever it may name a boot module.
 *
 *   IMAGE_NONE --make--> IMAGE_FILLING (mgmt may write it) --seal--> IMAGE_WHOLE (nobody may) --drop--> IMAGE_NONE
 *   IMAGE_FILLING --drop, or mgmt dies--> IMAGE_NONE
 */
enum mgmt_image_state { IMAGE_NONE, IMAGE_FILLING, IMAGE_WHOLE };

enum { MGMT_IMAGES = 16, MGMT_DIGEST = 32 };

#define MGMT_IMAGE_ADDR(i) (0x0000100000000000ull + ((uint64_t)(i) << 40))

/* What mgmt wants of an image. */
struct mgmt_wish {
	char name[CONF_MODULE_MAX];
	uint64_t bytes;
	uint8_t sha256[MGMT_DIGEST]; /* for IMAGE_SEAL: init keeps it and does not look at it         */
};

struct mgmt_image {
	char name[CONF_MODULE_MAX];
	uint64_t bytes;
	uint8_t sha256[MGMT_DIGEST]; /* IMAGE_WHOLE                                                  */
	uint32_t state;              /* enum mgmt_image_state                                        */
	uint32_t answers;            /* counts answers; then result is of the last: OK, E_BUSY: a VM uses it, or there is one of that */
	int32_t result;              /* name; E_NOMEM, E_INVAL                                       */
	uint32_t pad;
};

/* What is counted of a VM, and its disks. */
struct mgmt_vm {
	uint64_t cpu_ns;             /* since its start; 0: it does not run                          */
	uint32_t disk_count, pad;
	struct conf_disk disk[CONF_DISKS_MAX];
};

struct mgmt_status {
	uint32_t magic;              /* MGMT_MAGIC                                                   */
	uint32_t starts;             /* of the program mgmt since boot                               */
	uint64_t wall_ns;            /* since 1970, at SYS_CLOCK 0                                   */
	uint64_t build_s;            /* since 1970: when this was built; it cannot be earlier        */
	uint64_t module_bytes[MGMT_MODULES]; /* 0: there is none                                     */
	uint32_t net_up;             /* odd: the switch runs and the channel is its; counts up with each change */
	uint8_t mac[6];              /* of the node's port                                           */
	uint8_t pad[6];
	struct conf_node node;
	uint32_t created;            /* counts answers to MGMT_CREATE; then these two are of the last */
	int32_t create_result;       /* OK or an error                                               */
	char create_message[CONF_MESSAGE_MAX];
	struct mgmt_image image[MGMT_IMAGES];
	uint32_t refreshed;          /* counts answers to MGMT_REFRESH                               */
	uint32_t cpus;
	uint64_t uptime_ns, idle_ns; /* idle: of all processors together                             */
	struct mgmt_vm vm[CONF_VMS_MAX];
};

/* Written by mgmt, struct node_command (console/node.h) and lines that end in LF. */
struct mgmt_exchange {
	struct channel_ring log, command;
	uint8_t log_data[MGMT_LOG];
	uint8_t command_data[MGMT_COMMANDS];
	char create_text[MGMT_TEXT];
	struct mgmt_wish image[MGMT_IMAGES];
};
