/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on the machine handle. */
#include "arch/x86/cpu/power.h"
#include "arch/x86/dev/serial.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/sys.h"
#include "kernel/trace.h"

enum { CHUNK = 256, TRACE_CHUNK = 16 };  /* bytes, records: what one call copies over the kernel stack */

struct object machine_object;

static struct event_ref serial_event;

static size_t chunk(uint64_t want)
{
	return want < CHUNK ? want : CHUNK;
}

int64_t sys_log(const struct sys_args *a)
{
	char text[CHUNK];
	size_t n = chunk(a->arg[2]);
	int r = copy_from_user(text, a->arg[1], n);

	if (r < 0) {
		return r;
	}
	if (!serial_event.event) {
		serial_set_notify(NULL);     /* whoever had the serial line is gone: the log goes there again */
	}
	log_write(text, n);
	return (int64_t)n;
}

int64_t sys_serial_write(const struct sys_args *a)
{
	char bytes[CHUNK];
	size_t n = chunk(a->arg[2]);
	int r = copy_from_user(bytes, a->arg[1], n);

	return r < 0 ? r : (int64_t)serial_write(bytes, n);
}

int64_t sys_serial_read(const struct sys_args *a)
{
	char bytes[CHUNK];
	size_t n = serial_read(bytes, chunk(a->arg[2]));
	int r = copy_to_user(a->arg[1], bytes, n);

	return r < 0 ? r : (int64_t)n;
}

static void serial_notify(void)
{
	event_ref_signal(&serial_event);
}

int64_t sys_serial_notify(const struct sys_args *a)
{
	struct object *event;
	int r = handle_find(a->thread->process, a->arg[1], OBJECT_EVENT, RIGHT_WRITE, &event);

	if (r < 0) {
		return r;
	}
	event_ref_set(&serial_event, container_of(event, struct event, object));
	serial_set_notify(serial_notify);
	return OK;
}

int64_t sys_power(const struct sys_args *a)
{
	if (a->arg[1] == POWER_OFF) {
		power_off();
	}
	if (a->arg[1] == POWER_REBOOT) {
		power_reboot();
	}
	return E_INVAL;
}

static void machine_stats(struct machine_stats *m)
{
	*m = (struct machine_stats){
		.uptime_ns = clock_ns(), .kernel_bytes = mm_kernel_bytes(),
		.processes = object_count[OBJECT_PROCESS], .threads = object_count[OBJECT_THREAD],
		.spaces = object_count[OBJECT_SPACE], .regions = object_count[OBJECT_REGION],
		.vcpus = object_count[OBJECT_VCPU], .events = object_count[OBJECT_EVENT],
	};
	for (uint32_t i = 0; i < cpu_count; i++) {
		const struct cpu_stats *s = &cpus[i].stats;

		m->idle_ns += s->idle_ns;
		m->switches += s->switches;
		m->preemptions += s->preemptions;
		m->interrupts += s->interrupts;
		m->syscalls += s->syscalls;
	}
}

int64_t sys_stats(const struct sys_args *a)
{
	struct machine_stats m;
	size_t n = a->arg[2] < sizeof(m) ? a->arg[2] : sizeof(m);
	int r;

	machine_stats(&m);
	r = copy_to_user(a->arg[1], &m, n);
	return r < 0 ? r : (int64_t)n;
}

int64_t sys_trace(const struct sys_args *a)
{
	struct trace_record record[TRACE_CHUNK];
	size_t max = a->arg[2] / sizeof(record[0]), n;
	int r;

	n = trace_read(record, max < TRACE_CHUNK ? max : TRACE_CHUNK) * sizeof(record[0]);
	r = copy_to_user(a->arg[1], record, n);
	return r < 0 ? r : (int64_t)n;
}
