/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors for the messages of devices: given once, taken back, and never one of those that init binds to lines.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
/* tests/fake/machine.c has these. */
#define irq_kick real_irq_kick
#define trap_stubs fake_stubs
#define syscall_entry fake_entry

#include "arch/x86/entry/irq.c"

#undef irq_kick

#include "tests/fake/machine.h"
#include "tests/unit/check.h"

const char fake_stubs[1], fake_entry[1];

static unsigned eois;

void lapic_eoi(void) { eois++; }
void lapic_send(uint32_t apic_id, uint32_t what) { (void)apic_id; (void)what; }
uint64_t extable_find(uint64_t rip) { (void)rip; return 0; }
void panic_trap(const struct trap_frame *f, const char *fmt, ...) { (void)f; (void)fmt; __builtin_abort(); }

static struct event *fresh(void)
{
	memset(device_event, 0, sizeof(device_event));
	messages = 0;
	eois = 0;
	fake_machine(1);
	return event_create(fake_process(64));
}

/* As the CPU takes it, without the kernel lock. */
static void interrupt(uint8_t vector)
{
	kernel_lock_state = (struct kernel_lock){ .holder = NULL };
	dispatch(vector);
	fake_become_cpu(0);
}

TEST(a_vector_signals_its_event_until_it_is_given_back)
{
	struct event *e = fresh();
	int vector = irq_alloc_message(e);

	CHECK(vector >= DEVICE_VECTOR_FIRST + DEVICE_LINES && vector < DEVICE_VECTOR_FIRST + DEVICE_VECTORS);
	interrupt((uint8_t)vector);
	interrupt((uint8_t)vector);
	CHECK_EQ(e->count, 2);
	CHECK_EQ(eois, 2);
	irq_free_messages(1u << (vector - DEVICE_VECTOR_FIRST));
	interrupt((uint8_t)vector);                  /* one that was under way */
	CHECK_EQ(e->count, 2);
	CHECK_EQ(irq_alloc_message(e), vector);
}

TEST(vectors_are_given_once_and_run_out)
{
	struct event *e = fresh();
	uint64_t seen = 0;

	for (unsigned i = 0; i < DEVICE_VECTORS - DEVICE_LINES; i++) {
		int vector = irq_alloc_message(e);

		CHECK(vector >= 0 && !(seen & 1ull << (vector - DEVICE_VECTOR_FIRST)));
		seen |= 1ull << (vector - DEVICE_VECTOR_FIRST);
	}
	CHECK_EQ(seen & ((1u << DEVICE_LINES) - 1), 0);
	CHECK_EQ(irq_alloc_message(e), E_NOMEM);
	irq_free_messages(1u << 17);
	CHECK_EQ(irq_alloc_message(e), DEVICE_VECTOR_FIRST + 17);
}

TEST(the_end_of_an_event_leaves_its_vector_taken)
{
	struct event *e = fresh(), *next = event_create(process_init);
	int vector = irq_alloc_message(e);

	object_destroy(&e->object);
	interrupt((uint8_t)vector);
	CHECK(irq_alloc_message(next) != vector);    /* the device may still send it */
}

TEST(lines_are_not_touched_by_messages)
{
	struct event *e = fresh();

	irq_bind(DEVICE_VECTOR_FIRST + 1, e);
	irq_free_messages(UINT32_MAX);
	CHECK(irq_is_bound(DEVICE_VECTOR_FIRST + 1));
	interrupt(DEVICE_VECTOR_FIRST + 1);
	CHECK_EQ(e->count, 1);
}
