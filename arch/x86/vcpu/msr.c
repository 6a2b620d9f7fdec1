/* SPDX-License-Identifier: Apache-2.0 */
/* The MSRs that do something; those that only hold a value are the vmm's table. SDM 4 2, APM 2 appendix A. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"

const uint32_t msr_open[MSR_OPEN_COUNT] = {
	MSR_SYSENTER_CS, MSR_SYSENTER_CS + 1, MSR_SYSENTER_CS + 2, MSR_STAR, MSR_LSTAR, MSR_SFMASK, MSR_FS_BASE, MSR_GS_BASE,
	MSR_KERNEL_GS_BASE,
};

/* Where the value of a register stands. */
enum msr_home {
	IN_VCPU,             /* value is its offset in struct vcpu          */
	IN_BACKEND,          /* value is its offset in struct vcpu_state    */
	IN_TSC,
};

/* false: #GP. */
typedef bool write_fn(struct vcpu *, uint64_t);

struct row {
	uint32_t index;
	uint32_t needs;              /* enum kvm_feature: without it there is no such register */
	uint32_t home;               /* enum msr_home */
	uint32_t value;
	write_fn *write;             /* NULL: it is only stored, */
	bool (*valid)(uint64_t);     /* unless this says no      */
};

void vcpu_move_tsc(struct vcpu *v, uint64_t offset)
{
	v->vapic.tsc_offset = offset;
	vcpu_ops->update(v);
	vapic_timer_start(&v->vapic);
	kvmclock_update(v);
}

static bool write_tsc(struct vcpu *v, uint64_t val)
{
	vcpu_move_tsc(v, val - rdtsc());
	return true;
}

static bool write_apic_base(struct vcpu *v, uint64_t val)
{
	vcpu_add_work(v, WORK_IRQ);
	vcpu_take_apic(v);
	return vapic_write_base(&v->vapic, val);
}

static bool write_deadline(struct vcpu *v, uint64_t val)
{
	vapic_write_deadline(&v->vapic, val);
	return true;
}

/* Memory types 0, 1, 4, 5, 6. */
static bool is_memory_type(uint64_t type)
{
	return type < 7 && type != 2 && type != 3;
}

bool msr_pat_valid(uint64_t val)
{
	for (unsigned i = 0; i < 8; i++, val >>= 8) {
		if (!is_memory_type(val & 0xff) && (val & 0xff) != 7) {
			return false;
		}
	}
	return true;
}

/* Type, FE, E. */
static bool mtrr_def_valid(uint64_t val)
{
	return !(val & ~0xcffull) && is_memory_type(val & 0xff);
}

/* Of a linear address. */
static bool canonical(uint64_t val)
{
	return (uint64_t)((int64_t)(val << 16) >> 16) == val;
}

static bool fits_32(uint64_t val)
{
	return !(val >> 32);
}

static bool write_aux(struct vcpu *v, uint64_t val)
{
	if (val >> 32) {
		return false;
	}
	v->tsc_aux = val;
	vcpu_load_aux(v);
	return true;
}

/* LME cannot change while paging is on; LMA follows LME and CR0.PG. */
static bool write_efer(struct vcpu *v, uint64_t val)
{
	uint64_t old = vcpu_ops->get_word(v, offsetof(struct vcpu_state, efer));
	bool paging = (vcpu_ops->get_word(v, offsetof(struct vcpu_state, cr0)) & CR0_PG) != 0;

	if ((val & ~cpuid_allowed.efer) || (paging && ((old ^ val) & EFER_LME))) {
		return false;
	}
	vcpu_ops->set_word(v, offsetof(struct vcpu_state, efer), (val & ~(uint64_t)EFER_LMA) | (old & EFER_LMA));
	return true;
}

static bool write_clock(struct vcpu *v, uint64_t val)
{
	v->kvm_system_time = val;
	kvmclock_update(v);
	return true;
}

static bool write_wall(struct vcpu *v, uint64_t val)
{
	v->kvm_wall_clock = val;
	kvmclock_write_wall(v);
	return true;
}

#define AT(field)      .home = IN_VCPU, .value = offsetof(struct vcpu, field)
#define BACKEND(field) .home = IN_BACKEND, .value = offsetof(struct vcpu_state, field)

/* Those that guests use most come first. */
static const struct row rows[] = {
	{ 0x000006e0, 0, AT(vapic.tsc_deadline), .write = write_deadline },
	{ 0x0000001b, 0, AT(vapic.base), .write = write_apic_base },
	{ 0x00000010, 0, .home = IN_TSC, .write = write_tsc },
	{ 0x00000011, KVM_CLOCK, AT(kvm_wall_clock), .write = write_wall },
	{ 0x00000012, KVM_CLOCK, AT(kvm_system_time), .write = write_clock },
	{ 0x00000277, 0, BACKEND(pat), .valid = msr_pat_valid },
	{ 0x000002ff, 0, AT(mtrr_def), .valid = mtrr_def_valid },
	{ 0x4b564d00, KVM_CLOCK2, AT(kvm_wall_clock), .write = write_wall },
	{ 0x4b564d01, KVM_CLOCK2, AT(kvm_system_time), .write = write_clock },
	{ 0x4b564d03, KVM_STEAL_TIME, AT(kvm_steal_time), .write = pv_write_steal },
	{ 0x4b564d04, KVM_EOI, AT(kvm_eoi), .write = pv_write_eoi },
	{ 0xc0000080, 0, BACKEND(efer), .write = write_efer },
	{ 0xc0000081, 0, BACKEND(star) },
	{ 0xc0000082, 0, BACKEND(lstar), .valid = canonical },
	{ 0xc0000083, 0, BACKEND(cstar), .valid = canonical },
	{ 0xc0000084, 0, BACKEND(sfmask), .valid = fits_32 },
	{ 0xc0000103, 0, AT(tsc_aux), .write = write_aux },
};

static const struct row *find(const struct vcpu *v, uint32_t index)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].index == index && !(rows[i].needs & ~v->page->kvm_features)) {
			return &rows[i];
		}
	}
	return NULL;
}

/* The vmm's row, for registers that are only values. NULL: #GP. */
static struct msr_row *find_value(struct vcpu *v, uint32_t index)
{
	uint32_t count = __atomic_load_n(&v->page->msr_count, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < count && i < MSR_ROWS; i++) {
		struct msr_row *r = &v->page->msr[i];

		if (index - r->first < r->count) {
			return r;
		}
	}
	return NULL;
}

bool msr_read(struct vcpu *v, uint32_t index, uint64_t *val)
{
	const struct row *r = find(v, index);
	const struct msr_row *value;

	if (!r) {
		value = find_value(v, index);
		*val = value ? value->value : 0;
		return value || vapic_read_x2(&v->vapic, index - MSR_X2APIC, val);
	}
	switch (r->home) {
	case IN_VCPU:    *val = *(const uint64_t *)((const char *)v + r->value); break;
	case IN_BACKEND: *val = vcpu_ops->get_word(v, r->value); break;
	default:         *val = rdtsc() + v->vapic.tsc_offset; break;
	}
	return true;
}

static bool store(struct vcpu *v, const struct row *r, uint64_t val)
{
	if (r->write) {
		return r->write(v, val);
	}
	if (r->valid && !r->valid(val)) {
		return false;
	}
	if (r->home == IN_VCPU) {
		*(uint64_t *)((char *)v + r->value) = val;
	} else {
		vcpu_ops->set_word(v, r->value, val);
	}
	return true;
}

bool msr_write(struct vcpu *v, uint32_t index, uint64_t val)
{
	const struct row *r = find(v, index);
	struct msr_row *value = r ? NULL : find_value(v, index);

	if (value && value->write == MSR_KEEP) {
		value->value = val;
	}
	return r ? store(v, r, val) : value && value->write != MSR_FAULT;
}
