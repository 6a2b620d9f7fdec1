/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which processors the parts of a VM may run, by its configuration: `cpus` is for all of it, `vcpu N cpus` for single virtual
 * CPUs instead. Masks: bit n is processor n; 0: all.
 */
#pragma once

#include "conf/result.h"

/* Of all its threads together: what the kernel holds its vmm to. */
uint32_t place_of_all(const struct conf_vm *vm);

/* Of its virtual CPUs, as far as they are bound: memory comes from beside them. 0: none is bound. */
uint32_t place_of_vcpus(const struct conf_vm *vm);

/* NULL: each of its parts has a processor that runs. Else a sentence about one that has none, until the next call. */
const char *place_check(const struct conf_vm *vm);
