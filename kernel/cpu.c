/* SPDX-License-Identifier: Apache-2.0 */
/* Per-CPU data. */
#include "kernel/cpu.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/entry/offsets.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/arena.h"
#include "kernel/panic.h"

struct cpu cpus[CPU_MAX];
uint32_t cpu_count;
struct kernel_lock kernel_lock_state;

_Static_assert(offsetof(struct cpu, self) == 0, "cpu_this");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "entry.S");
_Static_assert(offsetof(struct cpu, frame_top) == CPU_FRAME_TOP, "entry.S");
_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "entry.S");
_Static_assert(offsetof(struct cpu, need_resched) == CPU_NEED_RESCHED, "entry.S");

void cpu_init(uint32_t id, struct tss *tss, uint64_t stack_top, struct arena *a)
{
	struct cpu *c = &cpus[id];

	ASSERT(id < CPU_MAX && stack_top % 16 == 0);
	c->self = c;
	c->id = id;
	c->tss = tss;
	c->stack_top = stack_top;
	c->arena = a;
	c->root = kmap_root().v;
	c->timer_armed = UINT64_MAX;
	for (unsigned i = 0; i < CPU_TRACE_PAGES; i++) {
		c->trace_page[i] = arena_page_alloc(a);
		if (!c->trace_page[i]) {
			panic("no memory for the trace ring");
		}
	}
	sched_init(c);
	wrmsr(MSR_GS_BASE, (uint64_t)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	ASSERT(cpu_features.xsave_size <= ARENA_ALLOC_MAX);
	syscall_init();
}
