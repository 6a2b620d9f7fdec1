/* SPDX-License-Identifier: Apache-2.0 */
/* The paravirtual clock. Linux Documentation/virt/kvm/x86/msr.rst. */
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"

enum { CLOCK_ENABLE = 1, CLOCK_TSC_STABLE = 1 };

struct time_page {
	uint32_t version, pad;
	uint64_t tsc, system_ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad2[2];
};
_Static_assert(sizeof(struct time_page) == 32, "msr.rst");

struct wall_page {
	uint32_t version, sec, nsec;
};

/* ns = (ticks << shift) * mul >> 32. */
static void scale(uint64_t khz, struct time_page *t)
{
	const uint64_t base = 1000000;

	for (t->shift = 0; khz <= base; khz <<= 1) {
		t->shift++;
	}
	t->mul = (uint32_t)((base << 32) / khz);
}

/* Writes a record whose first word is its version: odd while it changes. False is the guest's bad address. */
static bool publish(struct vcpu *v, uint64_t gpa, uint32_t *record, size_t size)
{
	uint32_t old, odd, even;

	if (vm_read(v->vm, gpa, &old, sizeof(old)) < 0) {
		return false;
	}
	odd = (old | 1) + 2;
	even = odd + 1;
	return vm_write(v->vm, gpa, &odd, sizeof(odd)) == OK &&
	       vm_write(v->vm, gpa + sizeof(odd), record + 1, size - sizeof(odd)) == OK &&
	       vm_write(v->vm, gpa, &even, sizeof(even)) == OK;
}

void kvmclock_update(struct vcpu *v)
{
	struct time_page t = { .flags = CLOCK_TSC_STABLE };

	if (!(v->kvm_system_time & CLOCK_ENABLE)) {
		return;
	}
	scale(clock_tsc_khz(), &t);
	t.tsc = rdtsc() + v->vapic.tsc_offset;
	t.system_ns = clock_ns() - v->vm->clock_base;
	(void)publish(v, v->kvm_system_time & ~1ull, &t.version, sizeof(t));
}

void kvmclock_write_wall(struct vcpu *v)
{
	uint64_t zero_ns = clock_wall_ns() - (clock_ns() - v->vm->clock_base);
	struct wall_page w = { .sec = (uint32_t)(zero_ns / 1000000000), .nsec = (uint32_t)(zero_ns % 1000000000) };

	(void)publish(v, v->kvm_wall_clock, &w.version, sizeof(w));
}
