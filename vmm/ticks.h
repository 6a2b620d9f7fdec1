/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds and the ticks of a clock of hz (at most 16 MHz): exact, without overflow, never off by a rounding that adds up. */
#pragma once

#include "lib/base.h"

#define NS_PER_S 1000000000ull

/* Whole ticks that have passed at ns. */
static inline uint64_t ns_to_ticks(uint64_t ns, uint64_t hz)
{
	return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

/* The first nanosecond at which ticks have passed. */
static inline uint64_t ticks_to_ns(uint64_t ticks, uint64_t hz)
{
	return ticks / hz * NS_PER_S + (ticks % hz * NS_PER_S + hz - 1) / hz;
}
