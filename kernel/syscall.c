/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch of system calls. */
#include "kernel/syscall.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/sys.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

syscall_fn *const syscall_table[SYS_COUNT] = {
	[SYS_EXIT] = sys_exit,
	[SYS_YIELD] = sys_yield,
	[SYS_CLOCK] = sys_clock,
	[SYS_CLOSE] = sys_close,
	[SYS_PROCESS_CREATE] = sys_process_create,
	[SYS_PROCESS_SPACE] = sys_process_space,
	[SYS_PROCESS_DESTROY] = sys_process_destroy,
	[SYS_PROCESS_STATUS] = sys_process_status,
	[SYS_PROCESS_NOTIFY] = sys_process_notify,
	[SYS_PROCESS_WEIGHT] = sys_process_weight,
	[SYS_GRANT] = sys_grant,
	[SYS_REVOKE] = sys_revoke,
	[SYS_THREAD_CREATE] = sys_thread_create,
	[SYS_REGION_SPLIT] = sys_region_split,
	[SYS_REGION_MERGE] = sys_region_merge,
	[SYS_REGION_RECLAIM] = sys_region_reclaim,
	[SYS_REGION_CLEAN] = sys_region_clean,
	[SYS_REGION_INFO] = sys_region_info,
	[SYS_SPACE_CREATE] = sys_space_create,
	[SYS_MAP] = sys_map,
	[SYS_UNMAP] = sys_unmap,
	[SYS_EVENT_CREATE] = sys_event_create,
	[SYS_EVENT_SIGNAL] = sys_event_signal,
	[SYS_EVENT_BIND] = sys_event_bind,
	[SYS_EVENT_WAIT] = sys_event_wait,
	[SYS_EVENT_TIMER] = sys_event_timer,
	[SYS_EVENT_ROUTE] = sys_event_route,
	[SYS_VM_SLOT] = sys_vm_slot,
	[SYS_VM_MSI] = sys_vm_msi,
	[SYS_VM_DOORBELL] = sys_vm_doorbell,
	[SYS_VM_SET] = sys_vm_set,
	[SYS_VCPU_CREATE] = sys_vcpu_create,
	[SYS_VCPU_RUN] = sys_vcpu_run,
	[SYS_VCPU_GET] = sys_vcpu_get,
	[SYS_VCPU_SET] = sys_vcpu_set,
	[SYS_VCPU_KICK] = sys_vcpu_kick,
	[SYS_VCPU_EXTINT] = sys_vcpu_extint,
	[SYS_LOG] = sys_log,
	[SYS_SERIAL_WRITE] = sys_serial_write,
	[SYS_SERIAL_READ] = sys_serial_read,
	[SYS_SERIAL_NOTIFY] = sys_serial_notify,
	[SYS_POWER] = sys_power,
	[SYS_STATS] = sys_stats,
	[SYS_TRACE] = sys_trace,
};

/* Called by entry.S with the current thread's frame. */
int64_t syscall_dispatch(const struct trap_frame *f);
int64_t syscall_dispatch(const struct trap_frame *f)
{
	struct cpu *c = cpu_this();

	c->stats.syscalls++;
	if (f->rax >= SYS_COUNT) {
		return E_NOSYS;
	}
	trace(TRACE_SYSCALL, (uint64_t)c->current->process->id << 32 | f->rax, f->rdi);
	return syscall_table[f->rax](c->current, &f->rdi);
}
