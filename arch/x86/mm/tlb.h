/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stale translations. What was unmapped (frames, page tables) may be reused only after every CPU has flushed past it.
 * Unmapping opens an epoch and kicks every other CPU (irq_kick); a CPU passes it when it runs tlb_cpu_pass() in the kernel: in
 * that interrupt, and going idle. Nobody waits: who needs an epoch gets E_AGAIN until it has passed.
 *
 * Guest TLB entries are tagged with an ASID: for them passing means that the CPU is out of the guest, because
 * vcpu_run compares space.generation before it enters again. The interrupt is taken with IF=1: also by a CPU that finishes an
 * exit, which compares after it.
 *
 * Epochs are opened and asked for, and pages retired, under the kernel lock; tlb_cpu_pass() needs none.
 */
#pragma once

#include "lib/base.h"

struct arena;
struct cpu;

/*
 * Opens an epoch for what the caller has just cleared and asks every CPU to pass it; this CPU does at once. Returns it.
 */
uint64_t tlb_retire_epoch(void);

/* The epoch that the next tlb_retire_epoch() opens. */
uint64_t tlb_next_epoch(void);

/* True when every online CPU has flushed since tlb_retire_epoch() returned epoch. Epoch 0 has always passed. */
bool tlb_epoch_passed(uint64_t epoch);

/* Frees page (an arena page that was a page table) once the next epoch to be opened has passed. */
void tlb_retire_page(struct arena *a, void *page);

/* This CPU flushes if an epoch asks for it. Context: kernel, IF=0. */
void tlb_cpu_pass(void);

/* Frees retired pages whose epoch has passed. Bounded. */
void tlb_reap(void);

/* Provided by kmap.c; a fake in tests. Flushes this CPU's non-global entries and paging-structure caches. */
void tlb_flush_this_cpu(void);
