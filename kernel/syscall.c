/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch of system calls: one row tells which arguments are handles, of what, with which rights. */
#include "kernel/syscall.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

/* Types that a handle argument may have. */
enum {
	MACHINE = 1 << OBJECT_MACHINE, PROCESS = 1 << OBJECT_PROCESS, SPACE = 1 << OBJECT_SPACE, GUEST = 1 << OBJECT_GUEST,
	REGION = 1 << OBJECT_REGION, EVENT = 1 << OBJECT_EVENT, VCPU = 1 << OBJECT_VCPU, DEVICE = 1 << OBJECT_DEVICE,
	ANY = (1 << OBJECT_TYPE_COUNT) - 1,
	OR_SELF = 1 << OBJECT_TYPE_COUNT,    /* SELF is taken too: no object                          */
};

enum { R = RIGHT_READ, W = RIGHT_WRITE, G = RIGHT_GRANT, D = RIGHT_DESTROY };

struct handle_arg {
	uint16_t types;              /* 0: the call has no such argument                              */
	uint8_t rights;
	uint8_t index;               /* which argument                                                */
};

static const struct {
	syscall_fn *fn;
	struct handle_arg on, with;
} table[SYS_COUNT] = {
	[SYS_EXIT] = { .fn = sys_exit },
	[SYS_YIELD] = { .fn = sys_yield },
	[SYS_CLOCK] = { .fn = sys_clock },
	[SYS_CLOSE] = { .fn = sys_close },
	[SYS_PROCESS_CREATE] = { .fn = sys_process_create, .on = { REGION, D, 0 } },
	[SYS_PROCESS_SPACE] = { .fn = sys_process_space, .on = { PROCESS, G, 0 } },
	[SYS_PROCESS_DESTROY] = { .fn = sys_process_destroy, .on = { PROCESS, G, 0 } },
	[SYS_PROCESS_STATUS] = { .fn = sys_process_status, .on = { PROCESS, G, 0 } },
	[SYS_PROCESS_NOTIFY] = { .fn = sys_process_notify, .on = { PROCESS, G, 0 }, .with = { EVENT, W, 1 } },
	[SYS_PROCESS_WEIGHT] = { .fn = sys_process_weight, .on = { PROCESS, G, 0 } },
	[SYS_PROCESS_CPUS] = { .fn = sys_process_cpus, .on = { PROCESS | OR_SELF, G, 0 } },
	[SYS_GRANT] = { .fn = sys_grant, .on = { PROCESS, G, 0 }, .with = { ANY, 0, 1 } },
	[SYS_REVOKE] = { .fn = sys_revoke, .on = { PROCESS, G, 0 } },
	[SYS_THREAD_CREATE] = { .fn = sys_thread_create, .on = { PROCESS | OR_SELF, G, 0 } },
	[SYS_REGION_SPLIT] = { .fn = sys_region_split, .on = { REGION, D, 0 } },
	[SYS_REGION_MERGE] = { .fn = sys_region_merge, .on = { REGION, D, 0 }, .with = { REGION, D, 1 } },
	[SYS_REGION_RECLAIM] = { .fn = sys_region_reclaim, .on = { REGION, D, 0 } },
	[SYS_REGION_CLEAN] = { .fn = sys_region_clean, .on = { REGION, D, 0 } },
	[SYS_SPACE_CREATE] = { .fn = sys_space_create },
	[SYS_MAP] = { .fn = sys_map, .on = { SPACE | GUEST, W, 0 }, .with = { REGION, 0, 2 } },
	[SYS_UNMAP] = { .fn = sys_unmap, .on = { SPACE | GUEST, W, 0 } },
	[SYS_EVENT_CREATE] = { .fn = sys_event_create, .on = { PROCESS | OR_SELF, G, 0 } },
	[SYS_EVENT_SIGNAL] = { .fn = sys_event_signal, .on = { EVENT, W, 0 } },
	[SYS_EVENT_BIND] = { .fn = sys_event_bind, .on = { EVENT, R, 0 } },
	[SYS_EVENT_WAIT] = { .fn = sys_event_wait },
	[SYS_EVENT_TIMER] = { .fn = sys_event_timer, .on = { EVENT, R | W, 0 } },
	[SYS_EVENT_ROUTE] = { .fn = sys_event_route, .on = { EVENT, R | W, 0 }, .with = { GUEST | OR_SELF, W, 1 } },
	[SYS_VM_SLOT] = { .fn = sys_vm_slot, .on = { GUEST, W, 0 } },
	[SYS_VM_MSI] = { .fn = sys_vm_msi, .on = { GUEST, W, 0 } },
	[SYS_VM_DOORBELL] = { .fn = sys_vm_doorbell, .on = { GUEST, W, 0 }, .with = { EVENT, W, 4 } },
	[SYS_VCPU_CREATE] = { .fn = sys_vcpu_create, .on = { GUEST, W, 0 } },
	[SYS_VCPU_RUN] = { .fn = sys_vcpu_run, .on = { VCPU, W, 0 } },
	[SYS_VCPU_GET] = { .fn = sys_vcpu_get, .on = { VCPU, W, 0 } },
	[SYS_VCPU_SET] = { .fn = sys_vcpu_set, .on = { VCPU, W, 0 } },
	[SYS_VCPU_KICK] = { .fn = sys_vcpu_kick, .on = { VCPU, W, 0 } },
	[SYS_VCPU_EXTINT] = { .fn = sys_vcpu_extint, .on = { VCPU, W, 0 } },
	[SYS_LOG] = { .fn = sys_log, .on = { MACHINE, W, 0 } },
	[SYS_PORTS] = { .fn = sys_ports, .on = { MACHINE, D, 0 }, .with = { PROCESS, G, 1 } },
	[SYS_VECTOR_BIND] = { .fn = sys_vector_bind, .on = { MACHINE, D, 0 }, .with = { EVENT, W, 1 } },
	[SYS_MACHINE_SETUP] = { .fn = sys_machine_setup, .on = { MACHINE, D, 0 } },
	[SYS_HALT] = { .fn = sys_halt, .on = { MACHINE, D, 0 } },
	[SYS_STATS] = { .fn = sys_stats, .on = { MACHINE, R, 0 } },
	[SYS_TRACE] = { .fn = sys_trace, .on = { MACHINE, D, 0 } },
	[SYS_CPU_START] = { .fn = sys_cpu_start, .on = { MACHINE, D, 0 }, .with = { REGION, D, 2 } },
	[SYS_PCI_CONFIG] = { .fn = sys_pci_config, .on = { MACHINE, D, 0 } },
	[SYS_DEVICE_CREATE] = { .fn = sys_device_create, .on = { MACHINE, D, 0 }, .with = { PROCESS, G, 1 } },
	[SYS_DEVICE_READ] = { .fn = sys_device_read, .on = { DEVICE, R, 0 } },
	[SYS_DEVICE_MASTER] = { .fn = sys_device_master, .on = { DEVICE, W, 0 } },
	[SYS_DEVICE_BIND] = { .fn = sys_device_bind, .on = { DEVICE, D, 0 }, .with = { EVENT, W, 1 } },
};

/* The handle of a row, if it has one that is not SELF. */
static inline int find(const struct call *c, const struct handle_arg *a, struct found *out)
{
	int r = OK;

	out->object = NULL;
	if (a->types && !(c->arg[a->index] == SELF && a->types & OR_SELF)) {
		r = handle_find(c->thread->process, c->arg[a->index], a->types, a->rights, &out->handle);
		out->object = r == OK ? out->handle->object : NULL;
	}
	return r;
}

static inline int64_t call(struct call *c, uint64_t nr)
{
	int r = nr < SYS_COUNT ? find(c, &table[nr].on, &c->on) : E_NOSYS;

	if (r == OK) {
		r = find(c, &table[nr].with, &c->with);
	}
	return r < 0 ? r : table[nr].fn(c);
}

/* On the way of every exit to a vmm, and without a buffer: no stack guard. */
__attribute__((no_stack_protector)) int64_t syscall_dispatch(const struct trap_frame *f)
{
	struct cpu *c = cpu_this();
	struct call what;
	int64_t r;

	what.thread = c->current;
	what.arg = &f->rdi;
	c->stats.syscalls++;
	trace(TRACE_SYSCALL, (uint64_t)c->current->process->id << 32 | f->rax, f->rdi);
	kernel_lock();
	if (__builtin_expect(what.thread->state == THREAD_DEAD, 0)) {
		sched_run();         /* ended by another CPU on its way here */
	}
	r = call(&what, f->rax);
	kernel_unlock();
	return r;
}
