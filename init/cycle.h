/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel option brume.cycle=VM,N: starts the VM and kills it, N times, and compares what init and the kernel count
 * before and after. For tests of lifetime; what leaks shows here.
 */
#pragma once

#include "lib/base.h"

/* Reads the option. True: it was given, and cycles run now instead of the usual start of VMs. */
bool cycle_init(void);

/* Goes on. Returns the next deadline. */
uint64_t cycle_tick(uint64_t now_ns);
