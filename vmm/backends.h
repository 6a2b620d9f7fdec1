/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's disks and network cards, made of what init handed over. Before the vCPUs run. */
#pragma once

#include "lib/base.h"

/* Joins one device for each disk, and each card, of the configuration. Errors of vm_virtio_add() and of the models. */
int vm_disks_init(void) MUST_CHECK;
int vm_nics_init(void) MUST_CHECK;

/* The switch came or went: vm.control->net_up changed. Device lock held. */
void vm_nics_link(void);

/* Tells the operator what the cards have done. Device lock held. */
void vm_nics_report(void);

/* True: a card expects more frames of the guest. look: it looks for them now. Device lock held. */
bool vm_nics_linger(bool look);
