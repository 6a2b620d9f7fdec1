/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of system calls that the portable kernel has itself, and what they share. */
#pragma once

#include "kernel/object.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

syscall_fn sys_exit, sys_yield, sys_clock, sys_close;
syscall_fn sys_process_create, sys_process_space, sys_process_destroy, sys_process_status, sys_process_notify,
	sys_process_weight, sys_grant, sys_revoke, sys_thread_create;
syscall_fn sys_region_split, sys_region_merge, sys_region_reclaim, sys_region_clean, sys_region_info;
syscall_fn sys_space_create, sys_map, sys_unmap;
syscall_fn sys_event_create, sys_event_signal, sys_event_bind, sys_event_wait, sys_event_timer, sys_event_route;
syscall_fn sys_log, sys_serial_write, sys_serial_read, sys_serial_notify, sys_power, sys_stats, sys_trace;

/* The object that the machine handle stands for. */
extern struct object machine_object;
