/* SPDX-License-Identifier: Apache-2.0 */
/* Processors of VMs: see place.h. */
#include "init/place.h"

#include <stdio.h>

#include "init/cpus.h"

static uint32_t bound_vcpus(const struct conf_vm *vm)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < vm->vcpus; i++) {
		mask |= vm->vcpu_cpus[i];
	}
	return mask;
}

uint32_t place_of_all(const struct conf_vm *vm)
{
	return vm->cpus ? vm->cpus | bound_vcpus(vm) : 0;
}

uint32_t place_of_vcpus(const struct conf_vm *vm)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < vm->vcpus; i++) {
		mask |= vm->vcpu_cpus[i] ? vm->vcpu_cpus[i] : vm->cpus;
	}
	return mask;
}

const char *place_check(const struct conf_vm *vm)
{
	static char text[64];

	if (vm->cpus && !cpus_any(vm->cpus)) {
		return "none of its processors runs";
	}
	for (uint32_t i = 0; i < vm->vcpus; i++) {
		if (vm->vcpu_cpus[i] && !cpus_any(vm->vcpu_cpus[i])) {
			snprintf(text, sizeof(text), "none of the processors of vcpu %u runs", (unsigned)i);
			return text;
		}
	}
	return NULL;
}
