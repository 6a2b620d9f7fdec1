/* SPDX-License-Identifier: Apache-2.0 */
/* Processors of a VM: see place.h. */
#include "conf/place.h"

#include <string.h>

#include "lib/cpu_list.h"

void conf_set_cpus(struct parser *p, uint32_t *field)
{
	if (conf_one_word(p, "cpus", CONF_VALUE_MAX)) {
		(void)conf_take_list(p, "cpus", p->value, CONF_CPUS_MAX, field);
	}
}

void conf_add_vcpu(struct parser *p, struct conf_vm *vm)
{
	char *text = p->value, *which = conf_take_word(&text), *key = conf_take_word(&text), *list = conf_take_word(&text);
	uint32_t vcpus, cpus;

	if (!list || strcmp(key, "cpus") != 0 || conf_take_word(&text)) {
		conf_report(p, p->line, "vcpu takes a list of virtual CPUs, the word cpus, and a list of processors");
		return;
	}
	if (!conf_take_list(p, "vcpu", which, CONF_VCPUS_MAX, &vcpus) || !conf_take_list(p, "cpus", list, CONF_CPUS_MAX, &cpus)) {
		return;
	}
	for (uint32_t i = 0; i < CONF_VCPUS_MAX; i++) {
		if (!(vcpus >> i & 1)) {
			continue;
		}
		if (vm->vcpu_cpus[i]) {
			conf_report(p, p->line, "vcpu %u was given before", (unsigned)i);
		} else {
			vm->vcpu_cpus[i] = cpus;
		}
	}
}

void conf_check_vcpus(struct parser *p)
{
	char text[CPU_LIST_TEXT];
	uint32_t extra = 0;

	for (uint32_t i = p->vm->vcpus; i < CONF_VCPUS_MAX; i++) {
		extra |= (uint32_t)(p->vm->vcpu_cpus[i] != 0) << i;
		p->vm->vcpu_cpus[i] = 0;
	}
	if (extra) {
		conf_report(p, p->vm_line, "vm %s has %u vcpus, numbered from 0: there is no vcpu %s", p->vm->name,
			    (unsigned)p->vm->vcpus, cpu_list_print(extra, text));
	}
}
