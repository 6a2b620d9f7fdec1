/* SPDX-License-Identifier: Apache-2.0 */
/* The node as a whole: powering off. */
#pragma once

#include "lib/base.h"

/* Ends all VMs, lets the console send the rest, powers off. Returns at once; node_tick() goes on. */
void node_power_off(const char *why);

/* Goes on with powering off. Returns the next deadline. */
uint64_t node_tick(uint64_t now_ns);
