/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch of system calls. */
#include "kernel/syscall.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/sys.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

#define PLAIN(fn)                 { fn, OBJECT_NONE, 0, false }
#define ON(type, rights, fn)      { fn, OBJECT_##type, rights, false }
#define ON_SELF(type, rights, fn) { fn, OBJECT_##type, rights, true }

/* What arg[0] of a call is: a handle to an object of that type, with these rights; OBJECT_NONE: the handler's business. */
static const struct row {
	syscall_fn *fn;
	uint8_t type, rights;        /* enum object_type, enum right                                  */
	bool self;                   /* SELF, which is no handle, stands for the caller's process       */
} table[SYS_COUNT] = {
	[SYS_EXIT] = PLAIN(sys_exit),
	[SYS_YIELD] = PLAIN(sys_yield),
	[SYS_CLOCK] = PLAIN(sys_clock),
	[SYS_CLOSE] = PLAIN(sys_close),
	[SYS_PROCESS_CREATE] = ON(REGION, RIGHT_DESTROY, sys_process_create),
	[SYS_PROCESS_SPACE] = ON(PROCESS, RIGHT_GRANT, sys_process_space),
	[SYS_PROCESS_DESTROY] = ON(PROCESS, RIGHT_GRANT, sys_process_destroy),
	[SYS_PROCESS_STATUS] = ON(PROCESS, RIGHT_GRANT, sys_process_status),
	[SYS_PROCESS_NOTIFY] = ON(PROCESS, RIGHT_GRANT, sys_process_notify),
	[SYS_PROCESS_WEIGHT] = ON(PROCESS, RIGHT_GRANT, sys_process_weight),
	[SYS_GRANT] = ON(PROCESS, RIGHT_GRANT, sys_grant),
	[SYS_REVOKE] = ON(PROCESS, RIGHT_GRANT, sys_revoke),
	[SYS_THREAD_CREATE] = ON_SELF(PROCESS, RIGHT_GRANT, sys_thread_create),
	[SYS_REGION_SPLIT] = ON(REGION, RIGHT_DESTROY, sys_region_split),
	[SYS_REGION_MERGE] = ON(REGION, RIGHT_DESTROY, sys_region_merge),
	[SYS_REGION_RECLAIM] = ON(REGION, RIGHT_DESTROY, sys_region_reclaim),
	[SYS_REGION_CLEAN] = ON(REGION, RIGHT_DESTROY, sys_region_clean),
	[SYS_REGION_INFO] = ON(REGION, 0, sys_region_info),
	[SYS_SPACE_CREATE] = PLAIN(sys_space_create),
	[SYS_MAP] = ON(SPACE, RIGHT_WRITE, sys_map),
	[SYS_UNMAP] = ON(SPACE, RIGHT_WRITE, sys_unmap),
	[SYS_EVENT_CREATE] = ON_SELF(PROCESS, RIGHT_GRANT, sys_event_create),
	[SYS_EVENT_SIGNAL] = ON(EVENT, RIGHT_WRITE, sys_event_signal),
	[SYS_EVENT_BIND] = ON(EVENT, RIGHT_READ, sys_event_bind),
	[SYS_EVENT_WAIT] = PLAIN(sys_event_wait),
	[SYS_EVENT_TIMER] = ON(EVENT, RIGHT_READ | RIGHT_WRITE, sys_event_timer),
	[SYS_EVENT_ROUTE] = ON(EVENT, RIGHT_READ | RIGHT_WRITE, sys_event_route),
	[SYS_VM_SLOT] = ON(SPACE, RIGHT_WRITE, sys_vm_slot),
	[SYS_VM_MSI] = ON(SPACE, RIGHT_WRITE, sys_vm_msi),
	[SYS_VM_DOORBELL] = ON(SPACE, RIGHT_WRITE, sys_vm_doorbell),
	[SYS_VCPU_CREATE] = ON(SPACE, RIGHT_WRITE, sys_vcpu_create),
	[SYS_VCPU_RUN] = ON(VCPU, RIGHT_WRITE, sys_vcpu_run),
	[SYS_VCPU_GET] = ON(VCPU, RIGHT_WRITE, sys_vcpu_get),
	[SYS_VCPU_SET] = ON(VCPU, RIGHT_WRITE, sys_vcpu_set),
	[SYS_VCPU_KICK] = ON(VCPU, RIGHT_WRITE, sys_vcpu_kick),
	[SYS_VCPU_EXTINT] = ON(VCPU, RIGHT_WRITE, sys_vcpu_extint),
	[SYS_LOG] = ON(MACHINE, RIGHT_WRITE, sys_log),
	[SYS_SERIAL_WRITE] = ON(MACHINE, RIGHT_WRITE, sys_serial_write),
	[SYS_SERIAL_READ] = ON(MACHINE, RIGHT_READ, sys_serial_read),
	[SYS_SERIAL_NOTIFY] = ON(MACHINE, RIGHT_READ, sys_serial_notify),
	[SYS_POWER] = ON(MACHINE, RIGHT_DESTROY, sys_power),
	[SYS_STATS] = ON(MACHINE, RIGHT_READ, sys_stats),
	[SYS_TRACE] = ON(MACHINE, RIGHT_DESTROY, sys_trace),
};

/* On the way of every exit to a vmm, and without a buffer: no stack guard. */
__attribute__((no_stack_protector)) int64_t syscall_dispatch(const struct trap_frame *f)
{
	struct cpu *c = cpu_this();
	struct sys_args a = { .thread = c->current, .arg = &f->rdi };
	const struct row *row;

	c->stats.syscalls++;
	if (f->rax >= SYS_COUNT) {
		return E_NOSYS;
	}
	trace(TRACE_SYSCALL, (uint64_t)a.thread->process->id << 32 | f->rax, f->rdi);
	row = &table[f->rax];
	if (row->type != OBJECT_NONE) {
		int r = handle_find(a.thread->process, f->rdi, row->type, row->rights, &a.object);

		if (r < 0 && row->self && f->rdi == SELF) {
			a.object = &a.thread->process->object;
		} else if (r < 0) {
			return r;
		}
	}
	return row->fn(&a);
}
