/* SPDX-License-Identifier: Apache-2.0 */
/* System calls: handlers by number of kernel/abi.h. */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

struct object;
struct thread;
struct trap_frame;

/*
 * One system call. object: what arg[0] stands for where the table in syscall.c names a type, found and its rights checked
 * before; arg: rdi rsi rdx r10 r8 r9 as the caller set them, else nothing is checked.
 */
struct sys_args {
	struct thread *thread;
	struct object *object;
	const uint64_t *arg;
};

/*
 * Returns what rax shall be; thread_return2() sets rdx. A handler that blocks or runs a vCPU does not return; it has
 * called thread_return() or the waker will.
 */
typedef int64_t syscall_fn(const struct sys_args *a);

/* The system call of the current thread, whose frame f is. Called by entry.S. */
int64_t syscall_dispatch(const struct trap_frame *f);

/* Of arch/x86/vcpu/sys_vcpu.c. */
syscall_fn sys_vm_slot, sys_vm_msi, sys_vm_doorbell, sys_vcpu_create, sys_vcpu_run, sys_vcpu_get,
	sys_vcpu_set, sys_vcpu_kick, sys_vcpu_extint;
