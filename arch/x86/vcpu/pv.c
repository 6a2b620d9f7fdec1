/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paravirtual features of Linux' KVM interface: clock, steal time, end of interrupt, hypercalls. Linux
 * Documentation/virt/kvm/x86/msr.rst, hypercalls.rst. The guest's pages are reached where the vmm has them mapped; an
 * address that is not RAM is the guest's loss.
 */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"

enum { ENABLE = 1, CLOCK_TSC_STABLE = 1, STEAL_RESERVED = 0x3e, EOI_RESERVED = 2 };
enum { KVM_EPERM = 1, KVM_ENOSYS = 1000 };
enum { CALL_KICK = 5, CALL_IPI = 10, CALL_YIELD = 11 };

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

/* The record of steal time, 64 bytes: where its parts stand, and what "preempted" holds. */
enum { STEAL_NS = 0, STEAL_VERSION = 8, STEAL_PREEMPTED = 16, PREEMPTED = 1, FLUSH_TLB = 2 };

/* ns = (ticks << shift) * mul >> 32. */
static void scale(uint64_t khz, struct time_page *t)
{
	const uint64_t base = 1000000;

	for (t->shift = 0; khz <= base; khz <<= 1) {
		t->shift++;
	}
	t->mul = (uint32_t)((base << 32) / khz);
}

/* Writes data at gpa while the version, a word elsewhere in the record, is odd. False is the guest's bad address. */
static bool publish(struct vcpu *v, uint64_t version_gpa, uint64_t gpa, const void *data, size_t size)
{
	uint32_t old, odd, even;

	if (vm_read(v->vm, version_gpa, &old, sizeof(old)) < 0) {
		return false;
	}
	odd = (old | 1) + 2;
	even = odd + 1;
	return vm_write(v->vm, version_gpa, &odd, sizeof(odd)) == OK && vm_write(v->vm, gpa, data, size) == OK &&
	       vm_write(v->vm, version_gpa, &even, sizeof(even)) == OK;
}

static bool write_byte(struct vcpu *v, uint64_t gpa, uint8_t byte)
{
	return vm_write(v->vm, gpa, &byte, sizeof(byte)) == OK;
}

/* A record that begins with its version. */
static void publish_whole(struct vcpu *v, uint64_t gpa, const uint32_t *record, size_t size)
{
	(void)publish(v, gpa, gpa + sizeof(*record), record + 1, size - sizeof(*record));
}

void kvmclock_update(struct vcpu *v)
{
	struct time_page t = { .flags = CLOCK_TSC_STABLE };

	if (!(v->kvm_system_time & ENABLE)) {
		return;
	}
	scale(clock_tsc_khz(), &t);
	t.tsc = rdtsc() + v->vapic.tsc_offset;
	t.system_ns = clock_ns() - v->vm->clock_base;
	publish_whole(v, v->kvm_system_time & ~1ull, &t.version, sizeof(t));
}

void kvmclock_write_wall(struct vcpu *v)
{
	uint64_t zero_ns = clock_wall_ns() - (clock_ns() - v->vm->clock_base);
	struct wall_page w = { .sec = (uint32_t)(zero_ns / 1000000000), .nsec = (uint32_t)(zero_ns % 1000000000) };

	publish_whole(v, v->kvm_wall_clock, &w.version, sizeof(w));
}

/* ---- steal time ---- */

static uint64_t steal_gpa(const struct vcpu *v, size_t offset)
{
	return (v->kvm_steal_time & ~63ull) + offset;
}

bool pv_write_steal(struct vcpu *v, uint64_t val)
{
	if (val & STEAL_RESERVED) {
		return false;
	}
	v->kvm_steal_time = val;
	v->off_cpu = true;
	pv_enter(v);
	return true;
}

void pv_tell_steal(struct vcpu *v)
{
	uint64_t flag = vm_user_address(v->vm, steal_gpa(v, STEAL_PREEMPTED), 1);
	uint8_t was = 0;

	/* From here on others of the VM send their flushes by IPI again. */
	if (flag && user_exchange_byte(flag, &was) == OK && (was & FLUSH_TLB)) {
		vcpu_ops->flush(v);
	}
	v->off_cpu = false;
	v->stolen_ns = v->thread->waited_ns;
	(void)publish(v, steal_gpa(v, STEAL_VERSION), steal_gpa(v, STEAL_NS), &v->stolen_ns, sizeof(v->stolen_ns));
}

void pv_leave(struct vcpu *v)
{
	if (v->kvm_steal_time & ENABLE) {
		v->off_cpu = true;
		(void)write_byte(v, steal_gpa(v, STEAL_PREEMPTED), PREEMPTED);
	}
}

/* ---- end of interrupt: a bit in the guest's memory that it clears instead of writing to its APIC ---- */

bool pv_write_eoi(struct vcpu *v, uint64_t val)
{
	if (val & EOI_RESERVED) {
		return false;
	}
	v->kvm_eoi = val;
	v->eoi_armed = false;
	vcpu_add_work(v, WORK_IRQ);
	return true;
}

/*
 * Armed while one interrupt is in service or on its way, and none is behind it: nothing waits for its end. One whose end
 * the IOAPIC must hear is ended at the APIC.
 */
void pv_eoi_choose(struct vcpu *v)
{
	uint8_t vector = vapic_only(&v->vapic);
	bool arm = (v->kvm_eoi & ENABLE) && !vcpu_has_apicv(v) && vector && !(v->page->eoi_exit_bitmap[vector >> 6] >> (vector & 63) & 1);

	if (arm != v->eoi_armed) {
		v->eoi_armed = write_byte(v, v->kvm_eoi & ~3ull, arm) && arm;
	}
}

void pv_eoi_look(struct vcpu *v)
{
	uint8_t bit = 0;

	if (vm_read(v->vm, v->kvm_eoi & ~3ull, &bit, sizeof(bit)) < 0 || !(bit & 1)) {
		v->eoi_armed = false;
		vcpu_add_work(v, WORK_IRQ);
		(void)vapic_write(&v->vapic, APIC_EOI, 0);
	}
}

/* ---- hypercalls: number in RAX, arguments in RBX, RCX, RDX, RSI ---- */

int64_t pv_hypercall(struct vcpu *v)
{
	static const uint32_t needs[] = { [CALL_KICK] = KVM_UNHALT, [CALL_IPI] = KVM_IPI, [CALL_YIELD] = KVM_YIELD };
	const uint64_t *gpr = v->page->gpr;
	uint32_t nr = (uint32_t)gpr[GPR_RAX];
	uint64_t map[2];
	struct guest_mode m;

	if (nr >= ARRAY_SIZE(needs) || !(needs[nr] & v->page->kvm_features)) {
		return -KVM_ENOSYS;
	}
	vcpu_ops->mode(v, &m);
	if (m.cpl) {
		return -KVM_EPERM;
	}
	switch (nr) {
	case CALL_KICK:
		irq_unhalt(v->vm, (uint32_t)gpr[GPR_RCX]);
		return 0;
	case CALL_IPI:
		map[0] = gpr[GPR_RBX];
		map[1] = gpr[GPR_RCX];
		return irq_send_many(v->vm, map, (m.efer & EFER_LMA) && (m.cs_attr & SEG_L) ? 64 : 32,
				     (uint32_t)gpr[GPR_RDX], (uint32_t)gpr[GPR_RSI]);
	default:
		v->yields = true;
		cpu_this()->need_resched = 1;
		return 0;
	}
}
