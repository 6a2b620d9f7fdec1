/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as SRAT and SLIT: the first two say where the second begins. Whatever comes out, every address and processor has a
 * node, and every node its place in every order.
 * sources: init/numa.c
 */
#include <stdlib.h>
#include <string.h>

#include "init/numa.h"
#include "tests/fake/ram.h"

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void check_order(const struct numa *n, uint32_t near)
{
	uint64_t free[NUMA_NODES_MAX];
	struct memory_order order;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < NUMA_NODES_MAX; i++) {
		free[i] = near * (i + 1) % 5;
	}
	numa_order(n, near, free, &order);
	check(order.count == n->node_count);
	for (uint32_t i = 0; i < order.count; i++) {
		seen |= 1u << order.node[i];
	}
	check(seen == (1u << n->node_count) - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct numa n;
	struct acpi_info acpi = { .cpu_count = 4, .apic_id = { 0, 1, 2, 300 } };
	struct fake_ram memory;
	uint64_t at = 0, end, slit;

	if (len < 2) {
		return 0;
	}
	slit = (uint64_t)(data[0] | data[1] << 8);
	memory = (struct fake_ram){ data + 2, len - 2 };
	slit = slit < memory.size ? slit : memory.size;
	acpi.table[ACPI_SRAT] = (struct acpi_table){ hpa(0), (uint32_t)slit };
	acpi.table[ACPI_SLIT] = (struct acpi_table){ hpa(slit), (uint32_t)(memory.size - slit) };
	numa_parse(&n, &acpi, fake_ram_read, &memory);
	check(n.node_count >= 1 && n.node_count <= NUMA_NODES_MAX);
	for (unsigned i = 0; at < UINT64_MAX; at = end, i++) {
		check(numa_node_at(&n, at, &end) < n.node_count && end > at && i <= 2 * NUMA_RANGES_MAX);
	}
	for (uint32_t i = 0; i < 4; i++) {
		check(numa_node_of_cpu(&n, acpi.apic_id[i]) < n.node_count);
	}
	for (uint32_t near = 0; near < 1u << n.node_count; near++) {
		check_order(&n, near);
	}
	return 0;
}
