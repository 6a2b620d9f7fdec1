/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: where it lies for the guest, out of which regions it is made, and of which NUMA nodes. A VM that is bound to
 * processors gets memory of their nodes; another one of the node that has most; each takes the next nearest when there is no
 * more.
 */
#pragma once

#include "init/vm.h"

/* Sets vm->near and vm->order, where all memory of the VM comes from, for a VM that runs on cpus (0: on all). */
void ram_choose_nodes(struct vm *vm, uint32_t cpus);

/*
 * Fills vm->ram and vm->ram_map for vm->conf.memory. E_NOMEM: not enough, nothing taken. Says so when memory of other nodes
 * than vm->near had to be taken.
 */
int ram_take(struct vm *vm) MUST_CHECK;

/* What the VM has of a node, in bytes. */
uint64_t ram_of_node(const struct vm *vm, uint32_t node);

void ram_give_back(struct vm *vm);

/* The guest gave vm->ram[piece] up: it is the node's again. */
void ram_take_back(struct vm *vm, unsigned piece);

/* The guest wants it again. E_NOMEM: no region of its size is free. */
int ram_return(struct vm *vm, unsigned piece) MUST_CHECK;
