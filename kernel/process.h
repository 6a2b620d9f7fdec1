/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes. All that belongs to one lives in its arena, the struct process included.
 *
 *   PROCESS_RUNS --exit, fault, kill--> ended (its threads never run again, its event is signalled)
 *                                         --SYS_PROCESS_DESTROY, in pieces--> gone, arena region given back
 */
#pragma once

#include "kernel/abi.h"
#include "kernel/event.h"
#include "kernel/handle.h"
#include "kernel/object.h"

struct process {
	struct object object;        /* owner NULL: it lives in its own arena                         */
	uint32_t id;                 /* counts processes since boot; 1 is init                        */
	struct arena *arena;
	struct region *arena_region; /* of the creator; NULL for init                                 */
	struct space *space;         /* its user space                                                */
	struct handle_table handles;
	struct list objects;         /* owned objects, latest first                                   */
	struct list threads;         /* struct thread.in_process                                      */
	uint32_t object_count;
	uint32_t weight;             /* 1..10000, 100 is usual                                        */
	uint16_t ports;              /* first of the group of I/O ports that it may use; 0: none      */
	struct sched_group *group;   /* one per CPU                                                   */
	uint32_t cpus, home;         /* bit n: its threads may run on CPU n; that is where its memory is */
	uint64_t progress;           /* counted ns * 100 / weight on all CPUs, as far as it is remembered (kernel/sched.h) */
	uint64_t cpu_ns;             /* counted run time, guests included                             */
	enum process_end end;
	int32_t code;                /* SYS_EXIT's                                                    */
	uint32_t fault_vector, fault_error;
	uint64_t fault_rip, fault_address;
	struct event_ref notify;     /* signalled at the end                                          */
};

extern struct process *process_init;     /* pid 1; its end is a panic */

/*
 * Makes a process in the arena [base, +pages), at least ARENA_PAGES_MIN, which is mapped in kmap already. region: what the
 * arena is made of (marked busy and unclean), or NULL.
 */
struct process *process_create(hpa_t base, uint64_t page_count, struct region *region);

/*
 * Stops all threads of p for ever and tells who wants to know. Also for the process of the current thread: the caller
 * then ends with sched_run(). Does nothing if p has ended before.
 */
void process_end(struct process *p, enum process_end why, int32_t code);

/* As above for an exception that p's code raised. */
void process_fault(struct process *p, uint32_t vector, uint32_t error, uint64_t rip, uint64_t address);

/* One bounded step of destruction; ends p first if it runs. E_AGAIN: call again. OK: p is gone. */
int process_destroy(struct process *p) MUST_CHECK;
