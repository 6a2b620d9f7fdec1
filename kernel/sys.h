/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of system calls that the portable kernel has itself, and what they share. */
#pragma once

#include "kernel/object.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

struct event;
struct region;
struct space;

syscall_fn sys_exit, sys_yield, sys_clock, sys_close;
syscall_fn sys_process_create, sys_process_space, sys_process_destroy, sys_process_status, sys_process_notify,
	sys_process_weight, sys_grant, sys_revoke, sys_thread_create;
syscall_fn sys_region_split, sys_region_merge, sys_region_reclaim, sys_region_clean, sys_region_info;
syscall_fn sys_space_create, sys_map, sys_unmap;
syscall_fn sys_event_create, sys_event_signal, sys_event_bind, sys_event_wait, sys_event_timer, sys_event_route;
syscall_fn sys_log, sys_serial_write, sys_serial_read, sys_serial_notify, sys_power, sys_stats, sys_trace;

/* The caller's handle h as a typed object. Errors of handle_find(). */
int sys_find_process(struct thread *t, uint64_t h, struct process **out) MUST_CHECK;   /* needs RIGHT_GRANT */
int sys_find_region(struct thread *t, uint64_t h, uint32_t rights, struct region **out) MUST_CHECK;
int sys_find_space(struct thread *t, uint64_t h, uint32_t rights, struct space **out) MUST_CHECK;
int sys_find_event(struct thread *t, uint64_t h, uint32_t rights, struct event **out) MUST_CHECK;

/* A process handle with RIGHT_GRANT, or SELF. */
int sys_find_payer(struct thread *t, uint64_t h, struct process **out) MUST_CHECK;

/* The object that the machine handle stands for. */
extern struct object machine_object;
