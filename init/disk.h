/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of a VM: boot modules and volumes that its vmm reads, and memory for what the guest changes on them; or disks that are kept
 * (init/store.h).
 */
#pragma once

#include "init/vm.h"

/*
 * Finds what the configuration names, and adds volumes to vm->volumes, kept disks to vm->disks. On an error *why says in words what is
 * missing, or who has it.
 */
int disks_find(struct vm *vm, const char **why) MUST_CHECK;

/*
 * After that: takes the memory of the layers; vm->layer owns it. On an error *why says in words what is
 * missing, and disks_give_back() is due.
 */
int disks_take(struct vm *vm, const char **why) MUST_CHECK;

/* Maps them into the vmm as vmm/launch.h says, and tells their sizes. After disks_take(), with the control page there. */
int disks_map(const struct vm *vm, struct vmm_disk disk[CONF_DISKS_MAX]) MUST_CHECK;

/* Bytes of the vmm's arena that the mappings may take. */
uint64_t disks_arena_bytes(const struct vm *vm);

/* The layers' memory goes back: the changes are forgotten, but for those on kept disks. */
void disks_give_back(struct vm *vm);

/* The VM uses vm->disks from now on, and does not any more. */
void disks_hold(const struct vm *vm);
void disks_let_go(struct vm *vm);

/* Takes over what the vmm tells of how much it wrote on kept disks. While it exists. */
void disks_look(const struct vm *vm);
