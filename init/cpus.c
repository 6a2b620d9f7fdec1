/* SPDX-License-Identifier: Apache-2.0 */
/* Starting processors: see cpus.h. */
#include "init/cpus.h"

#include "init/inventory.h"
#include "init/log.h"
#include "lib/cpu_list.h"
#include "lib/user/sys.h"

unsigned cpus_online = 1;

static uint32_t id[CPU_LIST_MAX], node[CPU_LIST_MAX];    /* APIC id and node of each processor that runs */

static const char *reason(int error)
{
	switch (error) {
	case E_NOMEM:   return "there is no room for it";
	case E_TIMEOUT: return "it does not start";
	case E_IO:      return "it differs from the others, or its time stamp counter does";
	default:        return "the kernel refuses it";
	}
}

static bool runs(uint32_t apic_id)
{
	unsigned i = 0;

	while (i < cpus_online && id[i] != apic_id) {
		i++;
	}
	return i < cpus_online;
}

static int start(uint32_t apic_id)
{
	struct memory_order order;
	struct extent ram;
	int r;

	numa_order(&numa, 1u << numa_node_of_cpu(&numa, apic_id), memory.node_free, &order);
	r = memory_alloc(&memory, &order, CPU_REGION_SIZE, PAGE_SIZE, MEMORY_HIGH, &ram);

	if (r < 0) {
		return r;
	}
	do {
		r = sys_cpu_start(INIT_MACHINE, apic_id, ram.handle);
	} while (r == E_AGAIN);
	if (r < 0 && r != E_IO && r != E_TIMEOUT) {
		memory_give_back(&ram);
	}
	return r;
}

void cpus_init(uint32_t apic_id)
{
	id[0] = apic_id;
	node[0] = numa_node_of_cpu(&numa, apic_id);
}

uint32_t cpus_nodes(uint32_t mask)
{
	uint32_t nodes = 0;

	for (unsigned i = 0; i < cpus_online; i++) {
		nodes |= (mask >> i & 1) << node[i];
	}
	return nodes;
}

uint32_t cpus_of_node(uint32_t of)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < cpus_online; i++) {
		mask |= (uint32_t)(node[i] == of) << i;
	}
	return mask;
}

void cpus_start(const uint32_t *apic_id, uint32_t count, uint32_t limit)
{
	for (uint32_t i = 0; i < count && cpus_online < limit; i++) {
		int r = runs(apic_id[i]) ? E_BUSY : start(apic_id[i]);

		if (r >= 0) {
			id[cpus_online] = apic_id[i];
			node[cpus_online++] = numa_node_of_cpu(&numa, apic_id[i]);
		} else if (r != E_BUSY) {
			init_log("processor with APIC id %u is not used: %s", (unsigned)apic_id[i], reason(r));
		}
	}
}
