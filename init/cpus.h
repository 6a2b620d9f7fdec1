/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's processors: started by init, one after the other, each with memory of its own for ring 0. */
#pragma once

#include "lib/base.h"

/* How many run; 1 before cpus_start(). */
extern unsigned cpus_online;

/* True when one of the processors of the mask (bit n: number n) runs. */
static inline bool cpus_any(uint32_t mask)
{
	return (mask & ((1ull << cpus_online) - 1)) != 0;
}

/* The nodes (bit n: number n, init/numa.h) of the processors of the mask that run. */
uint32_t cpus_nodes(uint32_t mask);

/* The processors of the node that run. */
uint32_t cpus_of_node(uint32_t node);

/* The processor that runs already is number 0; its APIC id. */
void cpus_init(uint32_t apic_id);

/*
 * Starts the processors of those APIC ids, the one that runs already among them, until limit run. What does not come up is said,
 * and the machine goes on without it.
 */
void cpus_start(const uint32_t *apic_id, uint32_t count, uint32_t limit);
