/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts and traces, as log lines for the operator. A fixed number of lines per call. */
#pragma once

#include "lib/base.h"

/* part of whole in thousandths; 0 of nothing. */
uint32_t permille(uint64_t part, uint64_t whole);

/* The node's counters. */
void counters_show_node(void);

/* The last records of the trace, oldest first; they are taken out of it, so the next call shows what came after. */
void counters_show_trace(void);
