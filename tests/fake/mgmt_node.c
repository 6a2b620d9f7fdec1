/* SPDX-License-Identifier: Apache-2.0 */
/* mgmt's place, made up: see mgmt_node.h. */
#include "tests/fake/mgmt_node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/fake/mgmt_init.h"

struct node_status fake_node;
uint64_t fake_now_ns;
char fake_log[512];

void fake_node_reset(void)
{
	fake_node = (struct node_status){ .magic = NODE_MAGIC, .vm_count = 3, .ram_bytes = GIB(8), .free_bytes = GIB(5) };
	for (uint32_t i = 0; i < fake_node.vm_count; i++) {
		struct node_vm *vm = &fake_node.vm[i];

		snprintf(vm->name, sizeof(vm->name), "vm%u", i);
		vm->memory = MIB(256);
		vm->vcpus = i + 1;
		vm->weight = 100;
	}
	fake_node.vm[0].state = NODE_VM_RUNNING;
	fake_node.vm[0].generation = fake_node.vm[0].starts = 1;
	snprintf(fake_node.vm[2].note, sizeof(fake_node.vm[2].note), "a \"note\" of it");
	fake_init_reset();
	fake_init_node = &fake_node;
	fake_now_ns = 1000000000;
	fake_log[0] = '\0';
}

uint64_t platform_now_ns(void)
{
	return fake_now_ns;
}

void platform_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fake_log, sizeof(fake_log), format, args);
	va_end(args);
}

unsigned platform_cpu_mhz(void)
{
	return 2400;
}

const struct node_status *platform_node(void)
{
	return &fake_node;
}
