/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's console: one serial line, the consoles of all VMs, the node's own messages and keys. Pure: the program
 * around it (main.c) moves the bytes and waits; tests drive it with channels in plain memory.
 *
 * One VM is on the screen: its output goes there and what is typed goes to it. The output of the others is kept as
 * scroll-back only. No VM can hold the console up: each has a budget of bytes per time, and backs up into its ring.
 */
#pragma once

#include "console/node.h"
#include "console/screen.h"
#include "console/scroll.h"
#include "lib/channel.h"

enum {
	MUX_TYPED = 16384,           /* bytes kept for a VM that takes them slowly: a long paste     */
	MUX_LINE = 200,              /* bytes of a message line                                      */
};

/* Collects bytes into lines. */
struct mux_line {
	uint32_t len;
	char text[MUX_LINE];
};

struct mux_vm {
	uint32_t id;                 /* whose bytes these are (node_vm.id)                           */
	uint32_t generation;         /* attached to this one of the channel; 0: not attached         */
	struct channel_end from, to, log;
	struct scroll scroll;
	struct mux_line line;        /* of log                                                       */
	uint32_t budget;             /* bytes that may be read before the next refill                */
};

struct mux {
	const struct node_status *status;
	struct node_exchange *exchange;
	struct console_channel *const *channels;     /* by number of the VM                          */
	struct mux_vm vm[CONF_VMS_MAX];
	struct screen screen;
	struct channel_end log, command;
	struct mux_line line;        /* of log                                                       */
	int selected;                /* number of the VM on the screen, -1: none                     */
	bool replaying;              /* its scroll-back from replay on comes first                   */
	uint64_t replay;
	bool escape;                 /* Ctrl-] was typed                                             */
	uint8_t typed[MUX_TYPED];
	uint32_t typed_count;
	uint64_t refill_ns;          /* when budgets are full again                                  */
	bool signal_vm[CONF_VMS_MAX];        /* whose input event is to be signalled                 */
	bool signal_vms;             /* one of them                                                  */
	bool signal_init;
};

/* All must outlive the mux. */
void mux_init(struct mux *m, const struct node_status *status, struct node_exchange *exchange,
	      struct console_channel *const *channels);

/* Bytes that came over the serial line. */
void mux_input(struct mux *m, const uint8_t *bytes, size_t len);

/*
 * Moves what can be moved to the screen, each VM up to its budget. Returns when it wants to be called again at the
 * latest (now_ns: at once; UINT64_MAX: when something happens, which includes that the screen was emptied).
 */
uint64_t mux_pump(struct mux *m, uint64_t now_ns);

/* Puts VM number on the screen. */
void mux_select(struct mux *m, int number);

/* Number of VMs that can be shown. */
int mux_count(const struct mux *m);

/* A key after Ctrl-] (keys.c). */
void mux_key(struct mux *m, uint8_t key);

/* Sends typed bytes to the VM on the screen. */
void mux_type(struct mux *m, const uint8_t *bytes, uint32_t len);

/* What the VM does, as far as init says. */
enum node_vm_state mux_state(const struct mux *m, int number);
