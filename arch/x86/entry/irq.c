/* SPDX-License-Identifier: Apache-2.0 */
/* IDT, dispatch of interrupts, what exceptions mean. SDM 3A ch. 6. */
#include "arch/x86/entry/irq.h"
#include "arch/x86/apic/lapic.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/offsets.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "kernel/trace.h"

enum { GATE_INTERRUPT = 0x8e, STUB_SIZE = 16, IDT_ENTRIES = 256 };

_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "entry.S");
_Static_assert(offsetof(struct trap_frame, rax) == FRAME_RAX, "entry.S");
_Static_assert(offsetof(struct trap_frame, vector) == FRAME_VECTOR, "entry.S");
_Static_assert(offsetof(struct trap_frame, rip) == FRAME_RIP, "entry.S");

struct idt_gate {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "SDM 3A 6.14.1");

static struct idt_gate idt[IDT_ENTRIES];
static void (*handler[IDT_ENTRIES])(void);
static struct event_ref device_event[DEVICE_VECTORS];
static uint32_t messages;        /* bit n: device_event[n] is of a device's messages */
static bool stopping;            /* an NMI is the last thing that a CPU hears */

extern const char trap_stubs[];
extern const char syscall_entry[];

/* Called by entry.S only. */
void trap_from_user(struct trap_frame *f);
void trap_from_kernel(struct trap_frame *f);
void trap_ist(struct trap_frame *f);

void irq_register(uint8_t vector, void (*fn)(void))
{
	ASSERT(vector >= IRQ_FIRST && vector <= IRQ_LAST);
	handler[vector] = fn;
}

void irq_bind(uint8_t vector, struct event *e)
{
	event_ref_set(&device_event[vector - DEVICE_VECTOR_FIRST], e);
}

int irq_alloc_message(struct event *e)
{
	for (unsigned i = DEVICE_LINES; i < DEVICE_VECTORS; i++) {
		if (!(messages & 1u << i)) {
			messages |= 1u << i;
			event_ref_set(&device_event[i], e);
			return DEVICE_VECTOR_FIRST + (int)i;
		}
	}
	return E_NOMEM;
}

void irq_free_messages(uint32_t mask)
{
	messages &= ~mask;
	for (unsigned i = DEVICE_LINES; i < DEVICE_VECTORS; i++) {
		if (mask & 1u << i) {
			event_ref_set(&device_event[i], NULL);
		}
	}
}

bool irq_is_bound(uint8_t vector)
{
	return device_event[vector - DEVICE_VECTOR_FIRST].event;
}

static void set_gate(unsigned vector, uint8_t ist)
{
	uint64_t stub = (uint64_t)trap_stubs + vector * STUB_SIZE;

	idt[vector] = (struct idt_gate){
		.offset_0 = (uint16_t)stub, .offset_16 = (uint16_t)(stub >> 16), .offset_32 = (uint32_t)(stub >> 32),
		.selector = KERNEL_CS, .ist = ist, .type = GATE_INTERRUPT,
	};
}

void irq_init(void)
{
	for (unsigned i = 0; i < IDT_ENTRIES; i++) {
		set_gate(i, 0);
	}
	set_gate(VECTOR_NMI, IST_NMI);
	set_gate(VECTOR_DF, IST_DF);
	set_gate(VECTOR_MC, IST_MC);
}

void irq_load(void)
{
	const struct table_pointer idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(idtr));
	wrmsr(MSR_SYSENTER_CS, 0);   /* SYSENTER is a fault */
}

void irq_kick(struct cpu *c)
{
	lapic_send(c->apic_id, VECTOR_KICK);
}

void irq_stop_others(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_SEQ_CST);
	if (cpu_count > 1) {
		lapic_send(0, LAPIC_OTHERS | LAPIC_NMI);
	}
}

void syscall_init(void)
{
	wrmsr(MSR_STAR, (uint64_t)STAR_USER << 48 | (uint64_t)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
}

/* Vectors without a handler, the spurious one among them, are counted only. */
static void dispatch(uint64_t vector)
{
	cpu_this()->stats.interrupts++;
	trace(TRACE_IRQ, vector, 0);
	if (vector == VECTOR_KICK || vector == VECTOR_POSTED) {
		lapic_eoi();
		tlb_cpu_pass();
	} else if (handler[vector]) {
		lapic_eoi();
		kernel_lock();
		handler[vector]();
		kernel_unlock();
	} else if (vector - DEVICE_VECTOR_FIRST < DEVICE_VECTORS) {
		lapic_eoi();
		kernel_lock();
		event_ref_signal(&device_event[vector - DEVICE_VECTOR_FIRST]);
		kernel_unlock();
	}
}

void trap_from_user(struct trap_frame *f)
{
	struct cpu *c = cpu_this();

	if (f->vector >= EXCEPTIONS) {
		dispatch(f->vector);
		if (c->need_resched) {
			sched_preempt();
		}
		return;
	}
	kernel_lock();
	if (c->current->state == THREAD_DEAD) {
		sched_run();
	}
	process_fault(c->current->process, (uint32_t)f->vector, (uint32_t)f->error, f->rip,
		      f->vector == VECTOR_PF ? read_cr2() : 0);
	sched_run();
}

void trap_from_kernel(struct trap_frame *f)
{
	uint64_t fixup;

	if (f->vector >= EXCEPTIONS) {
		dispatch(f->vector);
		return;
	}
	fixup = f->vector == VECTOR_PF || f->vector == VECTOR_GP ? extable_find(f->rip) : 0;
	if (!fixup) {
		panic_trap(f, "exception %llu, error %#llx, address %#llx", (unsigned long long)f->vector,
			   (unsigned long long)f->error, (unsigned long long)read_cr2());
	}
	f->rip = fixup;
}

/* An NMI that is nobody's is counted as an interrupt; nothing here may touch what the interrupted code holds. */
void trap_ist(struct trap_frame *f)
{
	if (f->vector == VECTOR_NMI) {
		if (__atomic_load_n(&stopping, __ATOMIC_RELAXED)) {
			cpu_halt_forever();
		}
		cpu_this()->stats.interrupts++;
		return;
	}
	panic_trap(f, f->vector == VECTOR_MC ? "machine check" : "double fault");
}
