/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of the switch: starts the program net again when it dies, plugs the cards of VMs in and out. */
#pragma once

#include "lib/base.h"

struct vm;

/*
 * Makes the channels of all configured cards, and gives cards without an address one. Starts the program if there is any
 * card. Errors are logged; cards without a channel stay without a link. After vms_init(), before the first VM.
 */
void net_init(void);

/* For a VM that is about to run: its channels, empty, into its vmm, with an event each that interrupts the guest. */
int net_map(struct vm *vm) MUST_CHECK;

/* Events both ways, and the cards are plugged in. After its events were made. */
void net_connect(const struct vm *vm);

/* The VM ends: its cards are pulled. net_has_left(): the program does not touch their channels any more. */
void net_pull(const struct vm *vm);
bool net_has_left(const struct vm *vm);

/* Logs what the switch counted for a VM, when it has answered. */
void net_show_counters(const struct vm *vm);

/* The program died; it answered. */
void net_died(void);
void net_answered(void);

/* Starts the program again when it is time. Returns the next deadline. */
uint64_t net_tick(uint64_t now_ns);
