/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells of a guest space: which writes ring, and places that are used again.
 * sources: arch/x86/vcpu/vm.c
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vm.h"
#include "kernel/abi.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "tests/unit/check.h"

static struct vm vm;
static struct event event[2];
static struct cpu cpu;
struct kernel_lock kernel_lock_state;

enum { ARCH_SET_GS_CODE = 0x1001 };

/* What vm.c needs of the rest; an event counts its signals. */
uint64_t clock_ns(void) { return 0; }
void *arena_page_alloc(struct arena *a) { (void)a; return NULL; }
void arena_page_free(struct arena *a, void *page) { (void)a; (void)page; }
int copy_from_user(void *to, uint64_t from, size_t n) { (void)to; (void)from; (void)n; return E_FAULT; }
int copy_to_user(uint64_t to, const void *from, size_t n) { (void)to; (void)from; (void)n; return E_FAULT; }
void event_ref_set(struct event_ref *ref, struct event *e) { ref->event = e; }

void event_ref_signal(struct event_ref *ref)
{
	if (ref->event && kernel_lock_held()) {
		ref->event->count++;
	}
}

static void fresh(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(event, 0, sizeof(event));
	cpu.self = &cpu;
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS_CODE, &cpu), 0);
}

TEST(writes_that_ring)
{
	static const struct { const char *what; uint32_t flags; uint32_t kind; uint64_t at; uint32_t size; uint64_t value; bool rings; } row[] = {
		{ "as registered",  DOORBELL_MMIO | 4u << DOORBELL_SIZE_SHIFT, DOORBELL_MMIO, 0x1000, 4, 7, true },
		{ "another value",  DOORBELL_MMIO | 4u << DOORBELL_SIZE_SHIFT, DOORBELL_MMIO, 0x1000, 4, 8, false },
		{ "another size",   DOORBELL_MMIO | 4u << DOORBELL_SIZE_SHIFT, DOORBELL_MMIO, 0x1000, 2, 7, false },
		{ "a port",         DOORBELL_MMIO | 4u << DOORBELL_SIZE_SHIFT, DOORBELL_PIO, 0x1000, 4, 7, false },
		{ "beside it",      DOORBELL_MMIO | 4u << DOORBELL_SIZE_SHIFT, DOORBELL_MMIO, 0x1001, 4, 7, false },
		{ "any value",      DOORBELL_MMIO | DOORBELL_ANY_VALUE, DOORBELL_MMIO, 0x1000, 1, 99, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		CHECK_EQ(vm_doorbell_add(&vm, row[i].flags, 0x1000, 7, &event[0]), OK);
		CHECK_EQ(vm_doorbell_ring(&vm, row[i].kind, row[i].at, row[i].size, row[i].value), row[i].rings);
		CHECK_EQ(event[0].count, row[i].rings);
	}
}

TEST(a_removed_doorbell_is_an_ordinary_write_again)
{
	fresh();
	CHECK_EQ(vm_doorbell_add(&vm, DOORBELL_MMIO | DOORBELL_ANY_VALUE, 0x1000, 0, &event[0]), OK);
	CHECK_EQ(vm_doorbell_add(&vm, DOORBELL_MMIO | DOORBELL_ANY_VALUE, 0x2000, 0, &event[1]), OK);
	vm_doorbell_remove(&vm, DOORBELL_PIO, 0x1000);
	vm_doorbell_remove(&vm, DOORBELL_MMIO, 0x3000);
	CHECK(vm_doorbell_ring(&vm, DOORBELL_MMIO, 0x1000, 0, 0));
	vm_doorbell_remove(&vm, DOORBELL_MMIO, 0x1000);
	CHECK(!vm_doorbell_ring(&vm, DOORBELL_MMIO, 0x1000, 0, 0));
	CHECK(!vm_doorbell_ring(&vm, DOORBELL_MMIO, 0x1000, 4, 0));
	CHECK(vm_doorbell_ring(&vm, DOORBELL_MMIO, 0x2000, 4, 0));
	CHECK_EQ(event[0].count, 0);
	CHECK_EQ(event[1].count, 1);
}

/* A guest that moves a BAR about for ever. */
TEST(places_are_used_again)
{
	fresh();
	for (unsigned i = 0; i < VM_DOORBELL_MAX; i++) {
		CHECK_EQ(vm_doorbell_add(&vm, DOORBELL_MMIO, 0x1000 * i, 0, &event[0]), OK);
	}
	CHECK_EQ(vm_doorbell_add(&vm, DOORBELL_MMIO, 0xffff0000, 0, &event[0]), E_NOMEM);
	for (unsigned i = 0; i < 1000; i++) {
		vm_doorbell_remove(&vm, DOORBELL_MMIO, i ? 0x100000 + i : 0x5000);
		CHECK_EQ(vm_doorbell_add(&vm, DOORBELL_MMIO, 0x100000 + i + 1, 0, &event[1]), OK);
	}
	CHECK_EQ(vm_doorbell_add(&vm, DOORBELL_MMIO, 0xffff0000, 0, &event[0]), E_NOMEM);
	CHECK(vm_doorbell_ring(&vm, DOORBELL_MMIO, 0x100000 + 1000, 4, 0));
	CHECK_EQ(event[1].count, 1);
}
