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
#include "lib/disk_io.h"
#include "lib/journal.h"

/* Handle slots that init fills before mgmt's first thread runs. */
enum mgmt_slot {
	MGMT_WAKE = 2,               /* event: anything happened; mgmt binds it. init, the switch and the console signal it */
	MGMT_REQUEST = 3,            /* event: mgmt wrote a command or a line, or took answers        */
	MGMT_NET_OUT = 4,            /* event: mgmt did something in its channel; there while the switch runs */
	MGMT_CONSOLE_OUT = 5,        /* event: mgmt did something in a relay; there while the console runs */
};

/* Where init maps things in mgmt. */
#define MGMT_NODE_ADDR     0x0000000010000000ull       /* struct node_status, read-only              */
#define MGMT_STATUS_ADDR   0x0000000010100000ull       /* struct mgmt_status, read-only              */
#define MGMT_EXCHANGE_ADDR 0x0000000010200000ull       /* struct mgmt_exchange, read-write           */
#define MGMT_VOLUMES_ADDR  0x0000000010300000ull       /* struct mgmt_volumes, read-only             */
#define MGMT_RELAYS_ADDR   0x0000000010400000ull       /* struct node_relays (console/node.h), read-write */
#define MGMT_DISKS_ADDR    0x0000000010500000ull       /* struct mgmt_disks, read-only               */
#define MGMT_CHANNEL_ADDR  0x0000000030000000ull       /* struct frames_channel                      */
#define MGMT_MODULE_ADDR(i) (0x0000000020000000ull + (uint64_t)(i) * 0x100000)  /* enum mgmt_module, read-only */
#define MGMT_VOLUME_ADDR(n) (0x0000100000000000ull + ((uint64_t)(n) << 39))     /* content: read-write while NEW, then read-only */
/* A disk that was opened (lib/kept_disk.h), all of it read-only: its image, if it has one, its layer and the states of its blocks. */
#define MGMT_WINDOW_IMAGE(w) (0x0000600000000000ull + ((uint64_t)(w) << 42))
#define MGMT_WINDOW_LAYER(w) (MGMT_WINDOW_IMAGE(w) + (1ull << 40))
#define MGMT_WINDOW_STATE(w) (MGMT_WINDOW_IMAGE(w) + (2ull << 40))

enum {
	MGMT_MAGIC = 0x544d474d,
	MGMT_MODULE_MAX = 256 << 10,
	MGMT_LOG = 8192, MGMT_COMMANDS = 16384, MGMT_ANSWERS = 8192,
	MGMT_TEXT_MAX = 4096,        /* bytes of a VM's configuration                                */
	MGMT_WHY = 192,              /* of the words in an answer, with the NUL                      */
	MGMT_VOLUMES = 128,          /* as many VMs as there can be have a context each, and there are images */
	MGMT_DISKS = 256,
	MGMT_WINDOWS = 8,            /* disks that may be open at a time                             */
	MGMT_VNC = 64,               /* VMs whose console is open for VNC viewers                    */
	MGMT_DIGEST = 32,            /* bytes of a SHA-256                                           */
	MGMT_HASH = 128,             /* bytes of the state of one that is being computed             */
};

/* Boot modules that are mgmt's, by name; one that is larger than MGMT_MODULE_MAX is not given. */
enum mgmt_module { MGMT_KEY, MGMT_CERTIFICATE, MGMT_AUTHORITY, MGMT_SEED, MGMT_MODULES };

#define MGMT_MODULE_NAMES { "node.key", "node.crt", "ca.crt", "seed" }

/* A network card of a VM since the VM started; dropped: what it sent that was nonsense, and what it did not take in time. */
struct mgmt_nic {
	uint64_t sent_frames, sent_bytes, sent_dropped;
	uint64_t received_frames, received_bytes, received_dropped;
};

/* What is counted of a VM, and its disks. */
struct mgmt_vm {
	uint64_t cpu_ns;             /* since its start; 0: it does not run                          */
	uint32_t disk_count, nic_count;
	struct conf_disk disk[CONF_DISKS_MAX];
	struct disk_io disk_io[CONF_DISKS_MAX];
	struct mgmt_nic nic[CONF_NICS_MAX];
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
	uint32_t configured;         /* VMs with an id up to that are those of the node's configuration */
	/* As MGMT_REFRESH found it: */
	uint32_t cpus;
	uint64_t uptime_ns, idle_ns; /* idle: of all processors together                             */
	struct mgmt_vm vm[CONF_VMS_MAX];
	struct journal journal;      /* the last lines of the node's log                             */
};

/*
 * A volume: content in the node's RAM that VMs find by name where they would find a boot module (kernel, initrd, module, disk).
 *
 *   MGMT_VOLUME_NONE --create--> MGMT_VOLUME_NEW --seal--> MGMT_VOLUME_SEALED --delete--> MGMT_VOLUME_NONE
 *                                       \--delete, or an hour without progress--> MGMT_VOLUME_NONE
 *
 * While it is NEW, mgmt fills it from the start on and tells in mgmt_exchange.progress how far it is. That outlives mgmt, with the
 * state of the hash: an upload goes on where it was. Sealed it never changes.
 */
enum mgmt_volume_state { MGMT_VOLUME_NONE, MGMT_VOLUME_NEW, MGMT_VOLUME_SEALED };

struct mgmt_volume {
	char name[CONF_MODULE_MAX];  /* letters, digits, . - and _, none of the first three first; unique */
	uint32_t id;                 /* none was given before, and none will be again                */
	uint32_t state;              /* enum mgmt_volume_state; written last                         */
	uint64_t size;               /* bytes                                                        */
	uint64_t written;            /* the same; as init saw it when it last looked                 */
	uint32_t users;              /* VMs that run with it: it cannot be deleted                   */
	uint32_t disks;              /* that stand on it: likewise                                   */
	uint8_t sha256[MGMT_DIGEST]; /* what mgmt said at create that it will be; it has seen to it when it seals */
};

/* Read-only for mgmt. */
struct mgmt_volumes {
	uint64_t free_bytes;         /* that volumes may still take                                  */
	struct mgmt_volume volume[MGMT_VOLUMES];
};

/*
 * A disk that outlives the VMs that use it: content of a volume or of a boot module, or nothing, and a layer over it that VMs write
 * (lib/kept_disk.h). One that is read-only is the image, and has no layer.
 */
enum mgmt_disk_flag {
	MGMT_DISK_READ_ONLY = 1 << 0,
	MGMT_DISK_SWAP = 1 << 1,     /* it began as swap space of Linux                              */
	MGMT_DISK_OWNS_IMAGE = 1 << 2,       /* its image, a volume, is deleted with it, unless somebody else uses that */
	MGMT_DISK_SENT = 1 << 3,     /* it has no image: mgmt writes what it begins with             */
};

/*
 * One whose content is sent begins as partial. mgmt opens it, and alone, to write layer and states from the start on; in mgmt_exchange.sent it tells
 * how far it is, which outlives it as that of a volume does. Until MGMT_DISK_SEAL nobody else can use the disk; an hour without progress deletes it.
 */
struct mgmt_disk {
	char name[CONF_MODULE_MAX];  /* as a volume's; none has the name of another, of a volume or a boot module */
	char image[CONF_MODULE_MAX]; /* volume or boot module, which stays as long as the disk; empty: none */
	char vm[CONF_NAME_MAX];      /* that runs with it, one of them; empty: none                  */
	uint32_t id;                 /* none was given before, and none will be again                */
	uint32_t exists;             /* 1: there is one; written last                                */
	uint32_t flags;              /* enum mgmt_disk_flag                                          */
	uint32_t users;              /* VMs that run with it; one, unless it is read-only            */
	uint32_t partial, pad;       /* 1: not all of what is sent is there                          */
	uint64_t asked;              /* bytes that its maker asked for, or that are sent; 0: as many as the image has */
	uint64_t size;               /* bytes; whole sectors, unless it is read-only                 */
	uint64_t image_bytes;
	uint64_t used;               /* bytes of it that are not the image's, as MGMT_REFRESH found it or its last VM left it */
	uint8_t sha256[MGMT_DIGEST]; /* of what is sent, as mgmt said at create; zeros where no more is known: a VM had it, or it grew */
};

/* Read-only for mgmt. */
struct mgmt_disks {
	struct mgmt_disk disk[MGMT_DISKS];
};

/*
 * What mgmt may ask of init. Things are meant by name, so that nothing happens to a successor. All are obeyed in the order in which
 * they were written, one at a time, and each is answered; init takes none while there is no room for its answer.
 */
enum mgmt_op {
	MGMT_VM_START,               /* name. It runs, or is about to when its last end is dealt with */
	MGMT_VM_STOP,                /* name. The power button: the guest may take its time, or ignore it */
	MGMT_VM_KILL,                /* name. At once                                                */
	MGMT_VM_RESET,               /* name. At once, and it starts again                           */
	MGMT_VM_CREATE,              /* text: one vm of docs/configuration.md; it starts, unless autostart says no                   */
	MGMT_VM_DELETE,              /* name. E_BUSY: it is not off; E_AGAIN: its last end is not dealt with yet */
	MGMT_VOLUME_CREATE,          /* name, size, sha256. value: its number                        */
	MGMT_VOLUME_SEAL,            /* name. E_PROTO: not all of it was written                     */
	MGMT_VOLUME_DELETE,          /* name. E_BUSY: a VM runs with it                              */
	MGMT_REFRESH,                /* what is counted is written anew into struct mgmt_status      */
	MGMT_DISK_CREATE,            /* name, other: its image or empty, size or 0: the image's, flags, sha256 of what is to be sent. There is */
	                             /* one that was made with the same words: OK; with others: E_BUSY */
	MGMT_DISK_DELETE,            /* name. E_BUSY: a VM runs with it, or it is open; so are the next two */
	MGMT_DISK_RESIZE,            /* name, size: bytes, not less than now                         */
	MGMT_DISK_RENAME,            /* name, other: the new one                                     */
	MGMT_DISK_OPEN,              /* name, size: window, to map it in. E_BUSY: a VM runs with it and it is not read-only; else none can while */
	                             /* it is open: until closed[window] of the exchange is the number of this command. flags: MGMT_DISK_SENT, to */
	                             /* write, as only one can, and only while it is partial; 0: to read, when it is not */
	MGMT_DISK_SEAL,              /* name, size: bytes of its own blocks. What is sent is there, and nobody writes it. E_PROTO: not all of it */
	MGMT_VM_STOP_AGAIN,          /* name. The power button once more, for a guest that was not ready to hear it, and still runs */
	MGMT_OPS
};

/* Followed by text_bytes bytes of text. */
struct mgmt_command {
	uint32_t number;             /* mgmt's own; the answer bears it                              */
	uint32_t op;                 /* enum mgmt_op                                                 */
	uint32_t text_bytes;         /* up to MGMT_TEXT_MAX; MGMT_VM_CREATE only                     */
	uint32_t flags;              /* enum mgmt_disk_flag                                          */
	uint64_t size;               /* bytes, from 1 on; or as the op says                          */
	uint8_t sha256[MGMT_DIGEST];
	char name[CONF_MODULE_MAX];  /* of a volume, a disk, or a VM; ends with a NUL                */
	char other[CONF_MODULE_MAX]; /* the same                                                     */
};

struct mgmt_answer {
	uint32_t number;             /* of the command                                               */
	int32_t result;              /* OK, or an error of lib/base.h: E_NOENT no such thing, E_BUSY in the way of another, E_NOMEM, */
	                             /* E_INVAL and E_PROTO bad words, E_AGAIN later                 */
	uint32_t value, pad;
	char why[MGMT_WHY];          /* of an error, in words for a user: what, and of a configuration which line */
};

/* How far a volume is, and the SHA-256 up to there: the one of the two that current says (its lowest bit), written before it. */
struct mgmt_progress {
	uint32_t current, pad;
	struct { uint64_t written; uint8_t hash[MGMT_HASH]; } state[2];
};

enum { MGMT_ACTIONS = 64, MGMT_ONE_VMS = 64, MGMT_ACTION_KEY = 41 };

/* An action of OpenNebula's that goes on, or whose result nobody has acknowledged (mgmt/one_table.h). */
struct mgmt_action {
	uint32_t state;              /* enum one_state; written last                                 */
	uint32_t kind, step;         /* enum one_kind, enum one_step                                 */
	uint32_t vm, datastore;      /* OpenNebula's numbers                                         */
	uint32_t starts, presses;    /* of the VM (struct node_vm), before the step asked for anything */
	uint32_t order;              /* the larger, the later it began                               */
	uint64_t until_ns;           /* while it runs: then it has failed; else: then it is forgotten */
	char key[MGMT_ACTION_KEY];          /* with the NUL                                                 */
	char info[MGMT_WHY];         /* why it failed                                                */
};

/* What mgmt must know of a VM that it made for OpenNebula. */
struct mgmt_one_vm {
	uint32_t used;               /* 1; 0: there is none. Written last                            */
	uint32_t vm, datastore;      /* OpenNebula's numbers                                         */
	uint32_t node_id;            /* node_vm.id of the VM that ran; 0: none did                   */
	uint32_t vnc_port;           /* 0: none                                                      */
	char vnc_password[12];       /* with the NUL                                                 */
};

/* A key that is not taken any more: what asks for its action came late. */
struct mgmt_gone {
	uint64_t until_ns;           /* 0: none; else it is forgotten then                           */
	char key[MGMT_ACTION_KEY];
};

/* mgmt's alone: init keeps it for the next mgmt, which believes nothing of it before it has looked. */
struct mgmt_one {
	uint64_t boot;               /* another one after each start of the node; 0: not chosen yet  */
	uint32_t change;             /* counts what /v1/one/changes tells                            */
	uint32_t order;              /* of the last action                                           */
	uint32_t gone_next, pad;     /* the place of the next key in gone                            */
	struct mgmt_action action[MGMT_ACTIONS];
	struct mgmt_one_vm vm[MGMT_ONE_VMS];
	struct mgmt_gone gone[MGMT_ACTIONS];
};

/* A port that is open for VNC viewers (mgmt/vnc.h): mgmt's own note, for the one that comes after it. */
struct mgmt_vnc {
	char vm[CONF_NAME_MAX];
	char password[64];           /* "": none                                                     */
	uint32_t vm_id;              /* of the VM, if known is not 0                                 */
	uint16_t port;               /* 0: nothing is open                                           */
	uint16_t known;
};

/*
 * Written by mgmt: struct mgmt_command with its text, lines that end in LF, and how far each volume is, which only grows; init: struct mgmt_answer. A record is in its ring whole (channel_commit) or not at all; a mgmt that breaks that, or sends an op
 * that there is not, is not obeyed any more.
 */
struct mgmt_exchange {
	struct channel_ring log, command, answer;
	uint32_t closed[MGMT_WINDOWS];       /* number of the MGMT_DISK_OPEN whose disk is not read any more; a new mgmt finds zeros */
	struct mgmt_progress progress[MGMT_VOLUMES];     /* init zeroes one at create; a new mgmt finds them as they were */
	struct mgmt_progress sent[MGMT_DISKS];           /* the same of disks whose content is sent  */
	struct mgmt_one one;         /* and this                                                     */
	struct mgmt_vnc vnc[MGMT_VNC];
	uint8_t log_data[MGMT_LOG];
	uint8_t command_data[MGMT_COMMANDS];
	uint8_t answer_data[MGMT_ANSWERS];
};
