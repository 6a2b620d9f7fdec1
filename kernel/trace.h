/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binary trace: a ring of fixed records per CPU, written by it with IF=0 and without a lock, read by SYS_TRACE under the kernel
 * lock. Costs one test while off.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

extern bool trace_on;

void trace_write(enum trace_kind kind, uint64_t a, uint64_t b);

static inline void trace(enum trace_kind kind, uint64_t a, uint64_t b)
{
	if (__builtin_expect(trace_on, 0)) {
		trace_write(kind, a, b);
	}
}

/* Copies up to max records of all CPUs that nobody has read, oldest first per CPU, to out. Returns how many. */
size_t trace_read(struct trace_record *out, size_t max);
