/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the vmm process of a VM as vmm/launch.h promises it. */
#pragma once

#include "init/vm.h"

/* On an error *why says in words what is missing, and nothing is left. The process runs on success. */
int launch_vm(struct vm *vm, const char **why) MUST_CHECK;

/* Takes back everything but the channel. */
void launch_undo(struct vm *vm);

/*
 * Takes the pieces of RAM that the guest of a running VM has given up, and returns those that it wants again, as far as there is
 * memory: else vm->waits, and the caller tries again when some was freed. True when anything changed.
 */
bool launch_exchange_ram(struct vm *vm);

/* The page that the vmm writes too: read every field once. Only while the vmm exists. */
volatile struct vmm_control *launch_control(const struct vm *vm);
