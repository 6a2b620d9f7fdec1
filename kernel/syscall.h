/* SPDX-License-Identifier: Apache-2.0 */
/* System calls: what a handler gets, and the handlers by number of kernel/abi.h. */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

struct trap_frame;

/* A handle argument that was found. Every object begins with its struct object, so any of the pointers tells it. */
struct found {
	struct handle *handle;
	union {
		struct object *object;
		struct process *process;
		struct space *space;
		struct region *region;
		struct event *event;
		struct vcpu *vcpu;
		struct device *device;
	};
};

/* Handles are looked up, and their types and rights checked, as the dispatcher's table says; other arguments are raw. */
struct call {
	struct thread *thread;       /* the caller                                                    */
	const uint64_t *arg;         /* rdi rsi rdx r10 r8 r9                                         */
	struct found on, with;       /* first and second handle; object NULL: none, or SELF (handle: unset) */
};

/*
 * Returns what rax shall be; thread->frame.rdx is the second result. A handler that blocks or runs a vCPU does not
 * return; it has set thread->frame.rax or the waker will, and who takes the CPU gives the kernel lock back.
 */
typedef int64_t syscall_fn(const struct call *c);

/* Called by entry.S with the current thread's frame: its rax is the number. Takes the kernel lock, all handlers have it. */
int64_t syscall_dispatch(const struct trap_frame *f);

/* The object that was just made into the caller's table: a handle. On error the object is destroyed. */
int sys_give(const struct call *c, struct object *o, uint32_t rights) MUST_CHECK;

syscall_fn sys_exit, sys_yield, sys_clock, sys_close;
syscall_fn sys_process_create, sys_process_space, sys_process_destroy, sys_process_status, sys_process_notify,
	sys_process_weight, sys_process_cpus, sys_grant, sys_revoke, sys_thread_create;
syscall_fn sys_region_split, sys_region_merge, sys_region_reclaim, sys_region_clean;
syscall_fn sys_space_create, sys_map, sys_unmap;
syscall_fn sys_event_create, sys_event_signal, sys_event_bind, sys_event_wait, sys_event_timer, sys_event_route;
syscall_fn sys_vm_slot, sys_vm_msi, sys_vm_doorbell, sys_vcpu_create, sys_vcpu_run, sys_vcpu_get, sys_vcpu_set,
	sys_vcpu_kick, sys_vcpu_extint;
syscall_fn sys_log, sys_ports, sys_vector_bind, sys_machine_setup, sys_halt, sys_stats, sys_trace, sys_cpu_start;
syscall_fn sys_pci_config, sys_device_create, sys_device_read, sys_device_master, sys_device_bind;
