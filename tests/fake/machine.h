/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for kernel code on the host: RAM is host memory, physical addresses are host addresses (KMAP_BASE is 0 in
 * tests), the clock stands still unless told, and flushes of the TLB are logged.
 */
#pragma once

#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/thread.h"
#include "lib/base.h"

#include <setjmp.h>

extern uint64_t fake_now_ns;             /* what clock_ns() says                                  */
extern uint64_t fake_armed[CPU_MAX];     /* last clock_arm() of each CPU                          */
#define fake_armed_ns fake_armed[cpu_this()->id]
extern unsigned fake_messages;           /* MSIs to guests                                        */
extern unsigned fake_flushes[CPU_MAX];   /* tlb_flush_this_cpu() per CPU                          */
extern unsigned fake_kicks[CPU_MAX];     /* irq_kick() per CPU                                    */
extern jmp_buf *fake_blocks;             /* where sched_run() goes; NULL: abort                   */

/* A new machine with so many CPUs online; this thread runs on CPU 0. Forgets all RAM given out. */
void fake_machine(uint32_t cpu_count_wanted);

/* Goes on as another CPU, which has the kernel lock at once. */
void fake_become_cpu(uint32_t id);

/* Page-aligned RAM full of garbage. */
hpa_t fake_ram(uint64_t pages);

/* A process with an arena of so many pages; init is the first one made. */
struct process *fake_process(uint64_t pages);

/* A region of fake RAM owned by p. */
struct region *fake_region(struct process *p, uint64_t pages, bool clean);
