/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on the machine handle. */
#include "arch/x86/apic/lapic.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/ops.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/object.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

enum { CHUNK = 256, TRACE_CHUNK = 16 };  /* bytes, records: what one call copies over the kernel stack */

static size_t least(uint64_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copies size bytes of what a call has to tell: the count, or E_FAULT. */
static int64_t tell(const struct call *c, const void *from, size_t size)
{
	int r = copy_to_user(c->arg[1], from, size);

	return r < 0 ? r : (int64_t)size;
}

int64_t sys_log(const struct call *c)
{
	char text[CHUNK];
	size_t n = least(c->arg[2], CHUNK);
	int r = copy_from_user(text, c->arg[1], n);

	if (r < 0) {
		return r;
	}
	log_write(text, n);
	return (int64_t)n;
}

int64_t sys_ports(const struct call *c)
{
	if (c->arg[2] % TSS_PORT_GROUP || c->arg[2] >= TSS_PORTS) {
		return E_INVAL;
	}
	c->with.process->ports = (uint16_t)c->arg[2];
	return OK;
}

int64_t sys_vector_bind(const struct call *c)
{
	if (c->arg[2] - DEVICE_VECTOR_FIRST >= DEVICE_LINES) {
		return E_INVAL;
	}
	irq_bind((uint8_t)c->arg[2], c->with.event);
	return OK;
}

/* init is believed; a slip of it should be an error all the same, and not a fault of ours. */
static bool good_setup(const struct machine_setup *m)
{
	uint64_t memory = 1ull << cpu_features.phys_bits, ports = 1 << 16;

	return m->tsc_hz >= 1000000 && m->tsc_hz <= 1000000000000 &&
	       (!m->counter_hz || m->counter < (m->flags & MACHINE_COUNTER_PORT ? ports : memory)) &&
	       m->reset < (m->flags & MACHINE_RESET_PORT ? ports : memory) && m->panic_log % PAGE_SIZE == 0 &&
	       (!m->panic_log || (m->panic_log >= image_pa(__image_end).v && m->panic_log <= GIB(4) - PANIC_LOG_BYTES));
}

int64_t sys_machine_setup(const struct call *c)
{
	static bool done;
	struct machine_setup m;
	int r = copy_from_user(&m, c->arg[1], sizeof(m));

	if (r < 0 || done || !good_setup(&m)) {
		return r < 0 ? r : done ? E_BUSY : E_INVAL;
	}
	lapic_init(m.flags & MACHINE_X2APIC);
	cpu_this()->apic_id = lapic_id();
	r = clock_init(&m);
	if (r < 0) {
		return r;
	}
	done = true;
	panic_init(&m);
	trace_on = m.flags & MACHINE_TRACE;
	vcpu_apicv = m.flags & MACHINE_APICV;
	cpu_this()->rq.run_since_ns = clock_ns();
	c->thread->frame.rflags |= RFLAGS_IF;
	return lapic_id();
}

int64_t sys_halt(const struct call *c)
{
	(void)c;
	irq_stop_others();
	cpu_halt_forever();
}

int64_t sys_stats(const struct call *c)
{
	struct machine_stats m = {
		.uptime_ns = clock_ns(), .kernel_bytes = (uint64_t)(__image_end - __image_start),
		.processes = object_count[OBJECT_PROCESS], .threads = object_count[OBJECT_THREAD],
		.spaces = object_count[OBJECT_SPACE] + object_count[OBJECT_GUEST], .regions = object_count[OBJECT_REGION],
		.vcpus = object_count[OBJECT_VCPU], .events = object_count[OBJECT_EVENT],
	};

	for (uint32_t i = 0; i < cpu_count; i++) {
		const struct cpu_stats *s = &cpus[i].stats;

		m.idle_ns += s->idle_ns;
		m.switches += s->switches;
		m.preemptions += s->preemptions;
		m.interrupts += s->interrupts;
		m.syscalls += s->syscalls;
	}
	return tell(c, &m, least(c->arg[2], sizeof(m)));
}

int64_t sys_trace(const struct call *c)
{
	struct trace_record record[TRACE_CHUNK];
	size_t n = trace_read(record, least(c->arg[2] / sizeof(record[0]), TRACE_CHUNK));

	return tell(c, record, n * sizeof(record[0]));
}
