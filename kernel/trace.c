/* SPDX-License-Identifier: Apache-2.0 */
/* Binary trace ring. */
#include "kernel/trace.h"
#include "arch/x86/time/clock.h"
#include "kernel/cpu.h"

enum { PER_PAGE = PAGE_SIZE / sizeof(struct trace_record), RING = PER_PAGE * CPU_TRACE_PAGES };
enum { MARGIN = 16 };        /* the oldest records, which a CPU may be writing over, are not given out */

bool trace_on;

static struct trace_record *at(struct cpu *c, uint64_t index)
{
	return &c->trace_page[index / PER_PAGE % CPU_TRACE_PAGES][index % PER_PAGE];
}

void trace_write(enum trace_kind kind, uint64_t a, uint64_t b)
{
	struct cpu *c = cpu_this();

	*at(c, c->trace_next) = (struct trace_record){
		.tsc = rdtsc(), .kind = kind, .cpu = c->id, .a = a, .b = b,
	};
	/* A reader that sees the count sees the record. */
	__atomic_store_n(&c->trace_next, c->trace_next + 1, __ATOMIC_RELEASE);
}

size_t trace_read(struct trace_record *out, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];
		uint64_t next = __atomic_load_n(&c->trace_next, __ATOMIC_ACQUIRE);

		/* Overwritten meanwhile, or the next to be. */
		if (next - c->trace_read > RING - MARGIN) {
			c->trace_read = next - (RING - MARGIN);
		}
		while (n < max && c->trace_read != next) {
			out[n++] = *at(c, c->trace_read++);
		}
	}
	return n;
}
