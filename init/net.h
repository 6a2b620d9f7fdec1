/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of the switch: starts the program net again when it dies, plugs the cards of VMs in and out. */
#pragma once

#include "net/ports.h"

struct vm;

/*
 * Makes the channels of all configured cards, and gives cards without an address one. Starts the program if there is any
 * card. Errors are logged; cards without a channel stay without a link. After vms_init(), before the first VM.
 */
void net_init(void);

/* Whether the cards of a VM that is to be made may be plugged in. E_BUSY: somebody has one of their addresses; *why says who. */
int net_check_vm(const struct conf_vm *conf, const char **why) MUST_CHECK;

/* A VM is new: its cards. Where there is no switch they stay without a link. */
void net_add_vm(struct vm *vm);

/* For a VM that is about to run: its channels, empty, into its vmm, with an event each that interrupts the guest. */
int net_map(struct vm *vm) MUST_CHECK;

/* Events both ways, and the cards are plugged in. After its events were made. */
void net_connect(const struct vm *vm);

/* The VM ends: its cards are pulled. net_has_left(): the program does not touch their channels any more. */
void net_pull(const struct vm *vm);
bool net_has_left(const struct vm *vm);

/* What the switch counted for a card since its VM started last, or since the switch did; zeros where neither ever ran. */
struct net_counters net_counters_of(const struct vm *vm, uint32_t card);

/* Logs what the switch counted for a VM, or (NULL) for the node and its uplinks, when it has answered. */
void net_show_counters(const struct vm *vm);

/*
 * The node's own port, for one program that is plugged in as a VM's card is. net_reserve_node: before net_init(), that there is one, on
 * the switch of that name. link: the switch came or went, and with it whatever was connected.
 */
struct net_node_ops {
	void (*link)(bool up);
};
void net_reserve_node(const struct net_node_ops *ops, const char *name);

/* Its own address. After net_init(); zeros where there is no switch. */
void net_node_mac(uint8_t mac[6]);

/* Its channel, empty, into a space whose process does not run yet. Not while it is plugged in. E_NOMEM: there is none. */
int net_map_node(uint32_t space, uint64_t addr) MUST_CHECK;

/*
 * Plugged in: the event `in` of init's is signalled by the switch, and the switch's own is put into the process's slot out_slot. Anew
 * after each link(true). E_NOENT: the switch does not run. net_pull_node: the program ends.
 */
int net_connect_node(uint32_t process, uint32_t in, uint32_t out_slot) MUST_CHECK;
void net_pull_node(void);

/* The switch does not touch the channel any more. Whoever waits for it hears of it by an event of init's. */
bool net_has_left_node(void);

/* The program died; it answered. */
void net_died(void);
void net_answered(void);

/* Starts the program again when it is time. Returns the next deadline. */
uint64_t net_tick(uint64_t now_ns);
