/* SPDX-License-Identifier: Apache-2.0 */
/* A node as mgmt sees it: three VMs, of which the first runs; what is asked for happens at once. Its log is the last line. */
#pragma once

#include "console/node.h"
#include "mgmt/platform.h"

extern struct node_status fake_node;
extern uint64_t fake_now_ns;
extern char fake_log[512];

/* As at the start. */
void fake_node_reset(void);
