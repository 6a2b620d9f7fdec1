/* SPDX-License-Identifier: Apache-2.0 */
/* Starting further processors: SYS_CPU_START. The trampoline is ap.S. SDM 3A 9.4. */
#include "arch/x86/apic/lapic.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/ops.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"

/*
 * cpu.start. The new processor takes its part and is READY; who starts it says TELL, it notes its TSC and has TOLD, and is then
 * COUNTED as one of us, or UNFIT as it may say itself before.
 */
enum { READY = 1, TELL, TOLD, COUNTED, UNFIT };
/* SDM 3A 9.4.4.1: 10 ms after INIT, 200 us between two start-up IPIs. A machine below us may take long to run the processor. */
enum { INIT_US = 10000, STARTUP_US = 200, PATIENCE_US = 2000000, POLL_US = 10 };

extern const char ap_trampoline[], ap_trampoline_end[];
extern struct cpu *ap_claim;     /* whose part the next processor that starts takes */
extern uint64_t ap_root;         /* CR3 of the kernel */
struct cpu *ap_claim;
uint64_t ap_root;

_Noreturn void ap_main(struct cpu *c);

static void set_state(struct cpu *c, uint32_t state)
{
	__atomic_store_n(&c->start, state, __ATOMIC_SEQ_CST);
}

/* The next state after this one. Between processors that run our code, hence without a limit. */
static uint32_t state_after(struct cpu *c, uint32_t state)
{
	uint32_t now;

	while ((now = __atomic_load_n(&c->start, __ATOMIC_SEQ_CST)) == state) {
		cpu_relax();
	}
	return now;
}

static const char *bring_up(struct cpu *c)
{
	struct cpu_tables *tables = arena_alloc(c->arena, sizeof(*tables));

	gdt_load(tables, (struct cpu_stacks *)c->stack_top - 1);
	irq_load();
	if (cpu_features_missing() || vcpu_ops->missing()) {
		return "lacks what the first processor has";
	}
	cpu_features_enable();
	cpu_init(c->id, &tables->tss, c->stack_top, c->arena);
	lapic_init(lapic_is_x2apic());
	c->apic_id = lapic_id();
	clock_cpu_init();
	return vcpu_ops->cpu_on() < 0 ? "cannot switch virtualization on" : NULL;
}

/* On the new processor. The kernel lock is with who started it. */
void ap_main(struct cpu *c)
{
	const char *why = bring_up(c);

	if (why) {
		log_printf("cpu: processor %u %s", c->id, why);
	}
	set_state(c, why ? UNFIT : READY);
	if (state_after(c, READY) == TELL) {
		__asm__ volatile("lfence" : : : "memory");  /* not before it was told */
		c->start_tsc = rdtsc();
		set_state(c, TOLD);
	}
	if (state_after(c, TOLD) != COUNTED) {
		cpu_halt_forever();
	}
	kernel_lock();
	sched_run();
}

/* The region begins with the stacks; their guard pages are unmapped, the rest is the processor's arena. */
static void furnish(struct cpu *c, uint32_t id, hpa_t base)
{
	struct cpu_stacks *stacks = kmap_ptr(base);

	for (unsigned i = 0; i < sizeof(*stacks) / PAGE_SIZE; i++) {
		if (stack_page_is_guard(i)) {
			kmap_remove(hpa(base.v + i * PAGE_SIZE), PAGE_SIZE);
		}
	}
	*c = (struct cpu){ .id = id, .stack_top = (uint64_t)(stacks + 1), .tlb_epoch = tlb_next_epoch() - 1 };
	c->arena = arena_init(hpa(base.v + sizeof(*stacks)), (CPU_REGION_SIZE - sizeof(*stacks)) / PAGE_SIZE);
	c->rq.run_since_ns = clock_ns();
}

/* Sends c through the trampoline. False: it did not arrive, and never will. */
static bool wake(struct cpu *c, uint32_t apic_id)
{
	ap_root = kmap_root().v;
	phys_write(hpa(TRAMPOLINE_PHYS), ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	__atomic_store_n(&ap_claim, c, __ATOMIC_SEQ_CST);
	lapic_send(apic_id, LAPIC_INIT);
	clock_delay_us(INIT_US);
	lapic_send(apic_id, LAPIC_STARTUP | TRAMPOLINE_PHYS >> PAGE_SHIFT);
	clock_delay_us(STARTUP_US);
	lapic_send(apic_id, LAPIC_STARTUP | TRAMPOLINE_PHYS >> PAGE_SHIFT);
	for (uint32_t us = 0; us < PATIENCE_US && __atomic_load_n(&ap_claim, __ATOMIC_SEQ_CST); us += POLL_US) {
		clock_delay_us(POLL_US);
	}
	return !__atomic_exchange_n(&ap_claim, NULL, __ATOMIC_SEQ_CST);
}

/* Guests see the TSC itself and move from one processor to another: it must be one clock. */
static bool clock_agrees(struct cpu *c)
{
	uint64_t before = rdtsc();

	set_state(c, TELL);
	return state_after(c, TELL) == TOLD && before <= c->start_tsc && c->start_tsc <= rdtsc();
}

/*
 * E_NOMEM: CPU_MAX run, or no memory for kernel tables; E_INVAL: the region is not as it should be;
 * E_AGAIN: some CPU may still write to it. Takes milliseconds.
 */
int64_t sys_cpu_start(const struct call *call)
{
	uint32_t apic_id = (uint32_t)call->arg[1];
	struct region *r = call->with.region;
	struct cpu *c = &cpus[cpu_count];
	int ret;

	if (cpu_count == CPU_MAX) {
		return E_NOMEM;
	}
	if (r->kind != REGION_RAM || r->size != CPU_REGION_SIZE || region_busy(r)) {
		return E_INVAL;
	}
	ret = tlb_epoch_passed(r->epoch) ? kmap_add(r->base, r->size) : E_AGAIN;
	if (ret < 0) {
		return ret;
	}
	r->cleaned = 0;
	r->arena_of = process_init;          /* for ever */
	furnish(c, cpu_count, r->base);
	if (!wake(c, apic_id)) {
		return E_TIMEOUT;
	}
	if (state_after(c, 0) != READY || !clock_agrees(c)) {
		set_state(c, UNFIT);
		return E_IO;
	}
	__atomic_store_n(&cpu_count, cpu_count + 1, __ATOMIC_RELEASE);
	set_state(c, COUNTED);
	return c->id;
}
