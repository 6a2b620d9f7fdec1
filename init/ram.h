/* SPDX-License-Identifier: Apache-2.0 */
/* Guest RAM: where it lies for the guest, and out of which regions it is made. */
#pragma once

#include "init/vm.h"

/* Fills vm->ram and vm->ram_map for vm->conf.memory. E_NOMEM: not enough, nothing taken. */
int ram_take(struct vm *vm) MUST_CHECK;

void ram_give_back(struct vm *vm);
