/* SPDX-License-Identifier: Apache-2.0 */
/* MSR policy. SDM 4 2, APM 2 appendix A. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"

/* Where the value of a register stands. */
enum msr_home {
	CONSTANT,            /* value itself                                */
	IN_VCPU,             /* value is its offset in struct vcpu          */
	IN_BACKEND,          /* value is its offset in struct vcpu_state    */
	IN_TSC,
};

/* false: #GP. */
typedef bool write_fn(struct vcpu *, uint64_t);

struct row {
	uint32_t first, last;
	uint32_t home;               /* enum msr_home */
	uint64_t value;
	write_fn *write;             /* NULL: #GP */
};

static bool ignore(struct vcpu *v, uint64_t val)
{
	(void)v;
	(void)val;
	return true;
}

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
	v->work |= WORK_IRQ;
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

static bool write_pat(struct vcpu *v, uint64_t val)
{
	if (!msr_pat_valid(val)) {
		return false;
	}
	vcpu_ops->set_word(v, offsetof(struct vcpu_state, pat), val);
	return true;
}

/* Type, FE, E. */
static bool write_mtrr_def(struct vcpu *v, uint64_t val)
{
	if ((val & ~0xcffull) || !is_memory_type(val & 0xff)) {
		return false;
	}
	v->mtrr_def = val;
	return true;
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

#define AT(field)      IN_VCPU, offsetof(struct vcpu, field)
#define BACKEND(field) IN_BACKEND, offsetof(struct vcpu_state, field)

/* Sorted. A register without a row is #GP. */
static const struct row policy[] = {
	{ 0x00000010, 0x00000010, IN_TSC, 0, write_tsc },
	{ 0x00000011, 0x00000011, AT(kvm_wall_clock), write_wall },
	{ 0x00000012, 0x00000012, AT(kvm_system_time), write_clock },
	{ 0x00000017, 0x00000017, CONSTANT, 0, ignore },                /* platform id                         */
	{ 0x0000001b, 0x0000001b, AT(vapic.base), write_apic_base },
	{ 0x0000008b, 0x0000008b, CONSTANT, 0x01000065, ignore },       /* microcode revision                  */
	{ 0x000000fe, 0x000000fe, CONSTANT, 0x400, NULL },              /* MTRRs: write-combining, no ranges   */
	{ 0x00000179, 0x0000017a, CONSTANT, 0, ignore },                /* machine check: no banks             */
	{ 0x000001a0, 0x000001a0, CONSTANT, 1, ignore },                /* fast strings                        */
	{ 0x000001d9, 0x000001d9, CONSTANT, 0, ignore },                /* DEBUGCTL: no branch records         */
	{ 0x000001db, 0x000001de, CONSTANT, 0, ignore },
	{ 0x00000277, 0x00000277, BACKEND(pat), write_pat },
	{ 0x000002ff, 0x000002ff, AT(mtrr_def), write_mtrr_def },
	{ 0x000006e0, 0x000006e0, AT(vapic.tsc_deadline), write_deadline },
	{ 0x4b564d00, 0x4b564d00, AT(kvm_wall_clock), write_wall },
	{ 0x4b564d01, 0x4b564d01, AT(kvm_system_time), write_clock },
	{ 0xc0000080, 0xc0000080, BACKEND(efer), write_efer },
	{ 0xc0000103, 0xc0000103, AT(tsc_aux), write_aux },
	{ 0xc0010000, 0xc0010007, CONSTANT, 0, ignore },                /* performance counters: none count    */
	{ 0xc0010010, 0xc0010010, CONSTANT, 0, ignore },                /* SYSCFG                              */
	{ 0xc0010015, 0xc0010015, CONSTANT, 0x01000000, ignore },       /* HWCR: TSC counts at P0's frequency  */
	{ 0xc001001a, 0xc001001a, CONSTANT, 0, ignore },                /* TOP_MEM, TOP_MEM2, NB_CFG           */
	{ 0xc001001d, 0xc001001d, CONSTANT, 0, ignore },
	{ 0xc001001f, 0xc001001f, CONSTANT, 0, ignore },
	{ 0xc0010055, 0xc0010055, CONSTANT, 0, ignore },                /* interrupt pending message           */
	{ 0xc0010058, 0xc0010058, CONSTANT, 0, ignore },                /* MMIO configuration base             */
	{ 0xc0010112, 0xc0010113, CONSTANT, 0, ignore },                /* SMM segment                         */
	{ 0xc0010114, 0xc0010114, CONSTANT, 0x18, ignore },             /* VM_CR: SVM off and locked           */
	{ 0xc0011020, 0xc0011023, CONSTANT, 0, ignore },                /* load-store, cache configuration     */
	{ 0xc0011029, 0xc0011029, CONSTANT, 2, ignore },                /* DE_CFG: LFENCE serializes           */
	{ 0xc001102a, 0xc001102a, CONSTANT, 0, ignore },
};

static const struct row *find(uint32_t index)
{
	unsigned lo = 0, hi = ARRAY_SIZE(policy);

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (index > policy[mid].last) {
			lo = mid + 1;
		} else if (index < policy[mid].first) {
			hi = mid;
		} else {
			return &policy[mid];
		}
	}
	return NULL;
}

bool msr_read(struct vcpu *v, uint32_t index, uint64_t *val)
{
	const struct row *r = find(index);

	if (!r) {
		return vapic_read_x2(&v->vapic, index - MSR_X2APIC, val);
	}
	switch (r->home) {
	case IN_VCPU:    *val = *(const uint64_t *)((const char *)v + r->value); break;
	case IN_BACKEND: *val = vcpu_ops->get_word(v, r->value); break;
	case IN_TSC:     *val = rdtsc() + v->vapic.tsc_offset; break;
	default:         *val = r->value; break;
	}
	return true;
}

bool msr_write(struct vcpu *v, uint32_t index, uint64_t val)
{
	const struct row *r = find(index);

	return r && r->write && r->write(v, val);
}
