/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. */
#include "tests/fake/machine.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/device.h"
#include "kernel/log.h"
#include "kernel/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_SET_GS_CODE = 0x1001, RAM_MAX = 64 };

uint64_t fake_now_ns, fake_armed[CPU_MAX];
unsigned fake_messages;
unsigned fake_flushes[CPU_MAX], fake_kicks[CPU_MAX];
struct cpu cpus[CPU_MAX];
uint32_t cpu_count;
struct kernel_lock kernel_lock_state;
struct cpu_features cpu_features = { .xsave_size = 832, .xcr0 = 7 };
struct arena *kernel_arena;

jmp_buf *fake_blocks;

static void *ram[RAM_MAX];
static unsigned ram_count;
static struct trace_record trace_pages[CPU_MAX][CPU_TRACE_PAGES][PAGE_SIZE / sizeof(struct trace_record)];

void fake_become_cpu(uint32_t id)
{
	if (syscall(SYS_arch_prctl, ARCH_SET_GS_CODE, &cpus[id]) != 0) {
		abort();
	}
	kernel_lock_state = (struct kernel_lock){ .holder = &cpus[id] };
}

/* Pages that still wait for an epoch belong to the RAM that goes. */
static void forget_retired(void)
{
	for (uint32_t i = 0; i < cpu_count; i++) {
		cpus[i].tlb_epoch = UINT64_MAX;
	}
	for (unsigned i = 0; i < RAM_MAX; i++) {
		tlb_reap();
	}
}

void fake_machine(uint32_t cpu_count_wanted)
{
	forget_retired();
	while (ram_count) {
		free(ram[--ram_count]);
	}
	memset(cpus, 0, sizeof(cpus));
	memset(fake_flushes, 0, sizeof(fake_flushes));
	memset(fake_kicks, 0, sizeof(fake_kicks));
	memset(object_count, 0, sizeof(object_count));
	fake_now_ns = 1;
	process_init = NULL;
	cpu_count = cpu_count_wanted;
	for (uint32_t i = 0; i < cpu_count; i++) {
		cpus[i].self = &cpus[i];
		cpus[i].id = i;
		cpus[i].timer_armed = UINT64_MAX;
		fake_armed[i] = UINT64_MAX;
		cpus[i].tlb_epoch = tlb_next_epoch() - 1;
		for (unsigned j = 0; j < CPU_TRACE_PAGES; j++) {
			cpus[i].trace_page[j] = trace_pages[i][j];
		}
		sched_init(&cpus[i]);
	}
	fake_become_cpu(0);
}

hpa_t fake_ram(uint64_t pages)
{
	void *p = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);

	if (!p || ram_count == RAM_MAX) {
		abort();
	}
	memset(p, 0xa5, pages * PAGE_SIZE);
	ram[ram_count++] = p;
	return hpa((uint64_t)(uintptr_t)p);
}

struct process *fake_process(uint64_t pages)
{
	struct process *p = process_create(fake_ram(pages), pages, NULL);

	if (!process_init) {
		process_init = p;
	}
	return p;
}

struct region *fake_region(struct process *p, uint64_t pages, bool clean)
{
	struct region *r = region_create(p, fake_ram(pages), pages * PAGE_SIZE, REGION_RAM, clean);

	if (!r) {
		abort();
	}
	return r;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

void log_printf(const char *fmt, ...)
{
	(void)fmt;
}

uint64_t clock_ns(void) { return fake_now_ns; }
void clock_arm(uint64_t deadline_ns) { fake_armed_ns = deadline_ns; }

void tlb_flush_this_cpu(void) { fake_flushes[cpu_this()->id]++; }
void irq_kick(struct cpu *c) { fake_kicks[c->id]++; }

void phys_zero(hpa_t pa, size_t len) { memset(kmap_ptr(pa), 0, len); }
int kmap_add(hpa_t base, uint64_t size) { (void)base; (void)size; return OK; }
void kmap_remove(hpa_t base, uint64_t size) { memset(kmap_ptr(base), 0x5a, size); }
void kmap_share(struct pt *pt) { (void)pt; }
hpa_t kmap_root(void) { return hpa(0); }

void fpu_area_init(void *area) { (void)area; }

void stack_reset(uint64_t stack_top, void (*fn)(void))
{
	(void)stack_top;
	(void)fn;
	if (!fake_blocks) {
		abort();
	}
	longjmp(*fake_blocks, 1);
}

void user_return(struct trap_frame *f) { (void)f; abort(); }
void gdt_open_ports(struct tss *t, uint16_t first) { (void)t; (void)first; }

uint64_t clock_tsc_khz(void) { return 1000000; }

/* User memory: everything in range is there, and all zero. */
int copy_from_user(void *to, uint64_t from, size_t len)
{
	memset(to, 0, len);
	return range_within(from, len, USER_END) ? OK : E_FAULT;
}

int copy_to_user(uint64_t to, const void *from, size_t len)
{
	(void)from;
	return range_within(to, len, USER_END) ? OK : E_FAULT;
}

int vm_init(struct space *s) { (void)s; return OK; }
void vm_fini(struct space *s) { (void)s; }
void vm_msi(struct space *s, uint64_t addr, uint32_t data) { (void)s; (void)addr; (void)data; fake_messages++; }
void vcpu_thread_gone(struct thread *t) { (void)t; }
void vcpu_destroy(struct object *o) { (void)o; abort(); }
__attribute__((weak)) void device_destroy(struct object *o) { (void)o; abort(); }      /* the test of devices links the real one */
void vcpu_run(struct thread *t, struct vcpu *v) { (void)t; (void)v; abort(); }
