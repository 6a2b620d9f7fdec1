/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which memory is near which processor: the ACPI tables SRAT (ACPI 6.5, 5.2.16) and SLIT (5.2.17). Pure: memory is read
 * through a callback. A table that contradicts itself or the MADT is ignored as a whole, and a sentence says why: a wrong
 * guess costs speed, half a table would cost memory.
 *
 * Nodes are numbered from 0 in the order of the firmware's numbers for them (proximity domains), which are what people see.
 */
#pragma once

#include "init/acpi.h"
#include "init/memory.h"

enum {
	NUMA_NODES_MAX = MEMORY_NODES_MAX,
	NUMA_RANGES_MAX = 64,
	NUMA_DOMAIN_MAX = 255,       /* larger numbers of the firmware are taken for garbage         */
	NUMA_LOCAL = 10, NUMA_REMOTE = 20,   /* distances where the SLIT does not say                */
};

struct numa_range {
	uint64_t base, end;          /* host-physical                                                */
	uint32_t node;
};

struct numa_cpu {
	uint32_t apic_id, node;
};

struct numa {
	uint32_t node_count;         /* 1 where the firmware tells of none                           */
	uint32_t domain[NUMA_NODES_MAX];
	uint32_t range_count, cpu_count;
	struct numa_range range[NUMA_RANGES_MAX];    /* by address, disjoint but within one node     */
	struct numa_cpu cpu[ACPI_CPU_MAX];
	uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX];
	char srat_why[80], slit_why[80];     /* why that table is ignored; empty: it is not, or is not there */
};

/* Fills *numa from the tables that acpi tells of; one node without them. */
void numa_parse(struct numa *numa, const struct acpi_info *acpi, acpi_read_fn *read, void *ctx);

/* The node of addr; *end: up to there all have the same. What no range holds is of node 0. */
uint32_t numa_node_at(const struct numa *numa, uint64_t addr, uint64_t *end);

/* The node of the processor; 0 where no table says. */
uint32_t numa_node_of_cpu(const struct numa *numa, uint32_t apic_id);

/*
 * All nodes, in the order in which somebody wants memory of them who is at home in those of mask near: those first, the one
 * with most free memory before the others, then by distance from the first.
 */
void numa_order(const struct numa *numa, uint32_t near, const uint64_t free[NUMA_NODES_MAX], struct memory_order *order);
