/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls as functions: one per number of kernel/abi.h, which tells arguments, rights and errors.
 * Every function returns 0, a handle or a count, or a negative error. Calls marked (progress) there are
 * repeated here until all is done.
 */
#pragma once

#include "kernel/abi.h"

struct sys_result {
	int64_t value;               /* rax                                                          */
	uint64_t second;             /* rdx                                                          */
};

/* The kernel may run other threads in between: the vector registers are those of a function call. */
#define SYS_CLOBBERS "rcx", "r11", "memory", "cc", \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
	"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

static inline struct sys_result sys_call3(enum sys nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct sys_result r;

	__asm__ volatile("syscall" : "=a"(r.value), "=d"(r.second), "+D"(a), "+S"(b)
			 : "0"(nr), "1"(c) : SYS_CLOBBERS, "r8", "r9", "r10");
	return r;
}

static inline struct sys_result sys_call6(enum sys nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
					  uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	struct sys_result r;

	__asm__ volatile("syscall" : "=a"(r.value), "=d"(r.second), "+D"(a), "+S"(b), "+r"(r10), "+r"(r8), "+r"(r9)
			 : "0"(nr), "1"(c) : SYS_CLOBBERS);
	return r;
}

static inline uint64_t sys_pointer(const void *p) { return (uint64_t)(uintptr_t)p; }

/* ---- the caller ---- */

static inline _Noreturn void sys_exit(int code)
{
	for (;;) {
		sys_call3(SYS_EXIT, (uint64_t)(int64_t)code, 0, 0);
	}
}

static inline void sys_yield(void) { sys_call3(SYS_YIELD, 0, 0, 0); }

/* Nanoseconds since boot; the TSC's frequency in kHz where tsc_khz is not NULL. */
static inline uint64_t sys_clock(uint64_t *tsc_khz)
{
	struct sys_result r = sys_call3(SYS_CLOCK, 0, 0, 0);

	if (tsc_khz) {
		*tsc_khz = r.second;
	}
	return (uint64_t)r.value;
}

static inline int sys_close(uint32_t handle) { return (int)sys_call3(SYS_CLOSE, handle, 0, 0).value; }

/* ---- processes and threads ---- */

/* Returns the process. */
static inline int sys_process_create(uint32_t arena) { return (int)sys_call3(SYS_PROCESS_CREATE, arena, 0, 0).value; }

static inline int sys_process_space(uint32_t process)
{
	return (int)sys_call3(SYS_PROCESS_SPACE, process, 0, 0).value;
}

/* Repeats while the kernel reports E_AGAIN: ending a large process is work in pieces. */
int sys_process_destroy(uint32_t process) MUST_CHECK;

static inline int sys_process_status(uint32_t process, struct process_status *status)
{
	return (int)sys_call3(SYS_PROCESS_STATUS, process, sys_pointer(status), 0).value;
}

static inline int sys_process_notify(uint32_t process, uint32_t event)
{
	return (int)sys_call3(SYS_PROCESS_NOTIFY, process, event, 0).value;
}

static inline int sys_process_weight(uint32_t process, uint32_t weight)
{
	return (int)sys_call3(SYS_PROCESS_WEIGHT, process, weight, 0).value;
}

/* mask, home: bit n is processor n. process SELF: the calling thread, and home does not count. */
static inline int sys_process_cpus(uint32_t process, uint64_t mask, uint64_t home)
{
	return (int)sys_call3(SYS_PROCESS_CPUS, process, mask, home).value;
}

static inline int sys_grant(uint32_t process, uint32_t handle, uint32_t rights, uint32_t slot)
{
	return (int)sys_call6(SYS_GRANT, process, handle, rights, slot, 0, 0).value;
}

static inline int sys_revoke(uint32_t process, uint32_t slot)
{
	return (int)sys_call3(SYS_REVOKE, process, slot, 0).value;
}

/* entry is user_thread_start() for C functions (user.h); the address of a program's entry for another process. */
static inline int sys_thread_create(uint32_t process, uint64_t entry, uint64_t stack_top, uint64_t argument)
{
	return (int)sys_call6(SYS_THREAD_CREATE, process, entry, stack_top, argument, 0, 0).value;
}

/* ---- memory ---- */

static inline int sys_region_split(uint32_t region, uint64_t offset)
{
	return (int)sys_call3(SYS_REGION_SPLIT, region, offset, 0).value;
}

static inline int sys_region_merge(uint32_t low, uint32_t high)
{
	return (int)sys_call3(SYS_REGION_MERGE, low, high, 0).value;
}

/* Takes the region away from everybody; its contents are unclean then. */
int sys_region_reclaim(uint32_t region) MUST_CHECK;

/* Zeroes all of size bytes; a region that is clean already costs one call. */
int sys_region_clean(uint32_t region, uint64_t size) MUST_CHECK;

/* Zeroes a bounded piece from offset on. Returns its bytes; 0: all of the region is clean; E_AGAIN. */
int64_t sys_region_clean_some(uint32_t region, uint64_t offset) MUST_CHECK;

static inline int sys_space_create(void) { return (int)sys_call3(SYS_SPACE_CREATE, 0, 0, 0).value; }

/* On an error what was mapped before it is unmapped again. */
int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot) MUST_CHECK;
int sys_unmap(uint32_t space, uint64_t address, uint64_t size) MUST_CHECK;

/* ---- events ---- */

static inline int sys_event_create(uint32_t process)
{
	return (int)sys_call3(SYS_EVENT_CREATE, process, 0, 0).value;
}

static inline int sys_event_signal(uint32_t event) { return (int)sys_call3(SYS_EVENT_SIGNAL, event, 0, 0).value; }

static inline int sys_event_bind(uint32_t event, uint64_t key)
{
	return (int)sys_call3(SYS_EVENT_BIND, event, key, 0).value;
}

/* Returns the key of the event (keys should fit 63 bits), or E_TIMEOUT. deadline: ns since boot, 0 polls, ~0 for ever. */
static inline int64_t sys_event_wait(uint64_t deadline_ns, uint64_t *count)
{
	struct sys_result r = sys_call3(SYS_EVENT_WAIT, deadline_ns, 0, 0);

	if (count) {
		*count = r.second;
	}
	return r.value;
}

static inline int sys_event_timer(uint32_t event, uint64_t deadline_ns)
{
	return (int)sys_call3(SYS_EVENT_TIMER, event, deadline_ns, 0).value;
}

/* space: a guest, or SELF: signals are counted again. */
static inline int sys_event_route(uint32_t event, uint32_t space, uint64_t msi_address, uint32_t msi_data)
{
	return (int)sys_call6(SYS_EVENT_ROUTE, event, space, msi_address, msi_data, 0, 0).value;
}

/* ---- virtual machines ---- */

static inline int sys_vm_slot(uint32_t space, uint64_t gpa_base, uint64_t size, const void *address)
{
	return (int)sys_call6(SYS_VM_SLOT, space, gpa_base, size, sys_pointer(address), 0, 0).value;
}

static inline int sys_vm_msi(uint32_t space, uint64_t msi_address, uint32_t msi_data)
{
	return (int)sys_call3(SYS_VM_MSI, space, msi_address, msi_data).value;
}

/* kind: enum doorbell_kind bits. */
static inline int sys_vm_doorbell(uint32_t space, uint32_t kind, uint64_t address, uint64_t value, uint32_t event)
{
	return (int)sys_call6(SYS_VM_DOORBELL, space, kind, address, value, event, 0).value;
}

static inline int sys_vcpu_create(uint32_t space, uint32_t apic_id, struct vcpu_page *page)
{
	return (int)sys_call3(SYS_VCPU_CREATE, space, apic_id, sys_pointer(page)).value;
}

/* Returns enum exit_kind. */
static inline int sys_vcpu_run(uint32_t vcpu) { return (int)sys_call3(SYS_VCPU_RUN, vcpu, 0, 0).value; }

static inline int sys_vcpu_get(uint32_t vcpu, void *state, size_t bytes)
{
	return (int)sys_call3(SYS_VCPU_GET, vcpu, sys_pointer(state), bytes).value;
}

static inline int sys_vcpu_set(uint32_t vcpu, const void *state, size_t bytes)
{
	return (int)sys_call3(SYS_VCPU_SET, vcpu, sys_pointer(state), bytes).value;
}

static inline int sys_vcpu_kick(uint32_t vcpu) { return (int)sys_call3(SYS_VCPU_KICK, vcpu, 0, 0).value; }

static inline int sys_vcpu_extint(uint32_t vcpu, bool level)
{
	return (int)sys_call3(SYS_VCPU_EXTINT, vcpu, level, 0).value;
}

/* ---- the machine ---- */

static inline int sys_log(uint32_t machine, const char *text, size_t bytes)
{
	return (int)sys_call3(SYS_LOG, machine, sys_pointer(text), bytes).value;
}

static inline int sys_ports(uint32_t machine, uint32_t process, uint16_t port)
{
	return (int)sys_call3(SYS_PORTS, machine, process, port).value;
}

static inline int sys_vector_bind(uint32_t machine, uint32_t event, uint8_t vector)
{
	return (int)sys_call3(SYS_VECTOR_BIND, machine, event, vector).value;
}

/* Returns the APIC id of the boot CPU. */
static inline int64_t sys_machine_setup(uint32_t machine, const struct machine_setup *setup)
{
	return sys_call3(SYS_MACHINE_SETUP, machine, sys_pointer(setup), 0).value;
}

/* Does not return where the machine handle allows it. */
static inline void sys_halt(uint32_t machine) { sys_call3(SYS_HALT, machine, 0, 0); }

/* handle: machine, process or vcpu; kernel/abi.h names the structure of each. */
static inline int sys_stats(uint32_t handle, void *stats, size_t bytes)
{
	return (int)sys_call3(SYS_STATS, handle, sys_pointer(stats), bytes).value;
}

/* Returns the processor's number. */
static inline int sys_cpu_start(uint32_t machine, uint32_t apic_id, uint32_t region)
{
	return (int)sys_call3(SYS_CPU_START, machine, apic_id, region).value;
}

static inline int64_t sys_trace(uint32_t machine, void *buffer, size_t bytes)
{
	return sys_call3(SYS_TRACE, machine, sys_pointer(buffer), bytes).value;
}

/* ---- PCI functions ---- */

/* A 32-bit register of configuration space, or a negative error. */
static inline int64_t sys_pci_read(uint32_t machine, uint64_t function, uint32_t reg)
{
	return sys_call6(SYS_PCI_CONFIG, machine, function, reg, 0, false, 0).value;
}

static inline int sys_pci_write(uint32_t machine, uint64_t function, uint32_t reg, uint32_t value)
{
	return (int)sys_call6(SYS_PCI_CONFIG, machine, function, reg, value, true, 0).value;
}

/* Returns the device. */
static inline int sys_device_create(uint32_t machine, uint32_t process, const struct device_setup *setup)
{
	return (int)sys_call3(SYS_DEVICE_CREATE, machine, process, sys_pointer(setup)).value;
}

static inline int64_t sys_device_read(uint32_t device, uint32_t reg)
{
	return sys_call3(SYS_DEVICE_READ, device, reg, 0).value;
}

static inline int sys_device_master(uint32_t device, bool on)
{
	return (int)sys_call3(SYS_DEVICE_MASTER, device, on, 0).value;
}

static inline int sys_device_bind(uint32_t device, uint32_t event, uint32_t first, uint32_t count)
{
	return (int)sys_call6(SYS_DEVICE_BIND, device, event, first, count, 0, 0).value;
}
