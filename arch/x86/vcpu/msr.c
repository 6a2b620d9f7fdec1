/* SPDX-License-Identifier: Apache-2.0 */
/* MSR policy. SDM 4 2, APM 2 appendix A. */
#include "arch/x86/vcpu/msr.h"

#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/irq.h"
#include "arch/x86/vcpu/kvmclock.h"
#include "arch/x86/vcpu/vcpu.h"

enum { X2APIC_FIRST = 0x800, X2APIC_LAST = 0x8ff };

/* How a register of the table behaves. */
enum msr_kind {
	MSR_FIXED,           /* reads value; writes are ignored                                      */
	MSR_READ_ONLY,       /* reads value; writes are #GP                                          */
	MSR_TSC, MSR_BASE, MSR_AUX, MSR_MTRR_DEF, MSR_GUEST_PAT, MSR_GUEST_EFER, MSR_DEADLINE, MSR_KVM_CLOCK, MSR_KVM_WALL,
};

struct row {
	uint32_t first, last;
	uint32_t kind;               /* enum msr_kind */
	uint64_t value;
};

/* Sorted. A register without a row is #GP. */
static const struct row policy[] = {
	{ 0x00000010, 0x00000010, MSR_TSC, 0 },
	{ 0x00000011, 0x00000011, MSR_KVM_WALL, 0 },
	{ 0x00000012, 0x00000012, MSR_KVM_CLOCK, 0 },
	{ 0x00000017, 0x00000017, MSR_FIXED, 0 },                /* platform id                         */
	{ 0x0000001b, 0x0000001b, MSR_BASE, 0 },
	{ 0x0000008b, 0x0000008b, MSR_FIXED, 0x01000065 },       /* microcode revision                  */
	{ 0x000000fe, 0x000000fe, MSR_READ_ONLY, 0x400 },        /* MTRRs: write-combining, no ranges   */
	{ 0x00000179, 0x0000017a, MSR_FIXED, 0 },                /* machine check: no banks             */
	{ 0x000001a0, 0x000001a0, MSR_FIXED, 1 },                /* fast strings                        */
	{ 0x000001d9, 0x000001d9, MSR_FIXED, 0 },                /* DEBUGCTL: no branch records         */
	{ 0x000001db, 0x000001de, MSR_FIXED, 0 },
	{ 0x00000277, 0x00000277, MSR_GUEST_PAT, 0 },
	{ 0x000002ff, 0x000002ff, MSR_MTRR_DEF, 0 },
	{ 0x000006e0, 0x000006e0, MSR_DEADLINE, 0 },
	{ 0x4b564d00, 0x4b564d00, MSR_KVM_WALL, 0 },
	{ 0x4b564d01, 0x4b564d01, MSR_KVM_CLOCK, 0 },
	{ 0xc0000080, 0xc0000080, MSR_GUEST_EFER, 0 },
	{ 0xc0000103, 0xc0000103, MSR_AUX, 0 },
	{ 0xc0010000, 0xc0010007, MSR_FIXED, 0 },                /* performance counters: none count    */
	{ 0xc0010010, 0xc0010010, MSR_FIXED, 0 },                /* SYSCFG                              */
	{ 0xc0010015, 0xc0010015, MSR_FIXED, 0x01000000 },       /* HWCR: TSC counts at P0's frequency  */
	{ 0xc001001a, 0xc001001a, MSR_FIXED, 0 },                /* TOP_MEM, TOP_MEM2, NB_CFG           */
	{ 0xc001001d, 0xc001001d, MSR_FIXED, 0 },
	{ 0xc001001f, 0xc001001f, MSR_FIXED, 0 },
	{ 0xc0010055, 0xc0010055, MSR_FIXED, 0 },                /* interrupt pending message           */
	{ 0xc0010058, 0xc0010058, MSR_FIXED, 0 },                /* MMIO configuration base             */
	{ 0xc0010112, 0xc0010113, MSR_FIXED, 0 },                /* SMM segment                         */
	{ 0xc0010114, 0xc0010114, MSR_FIXED, 0x18 },             /* VM_CR: SVM off and locked           */
	{ 0xc0011020, 0xc0011023, MSR_FIXED, 0 },                /* load-store, cache configuration     */
	{ 0xc0011029, 0xc0011029, MSR_FIXED, 2 },                /* DE_CFG: LFENCE serializes           */
	{ 0xc001102a, 0xc001102a, MSR_FIXED, 0 },
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

bool msr_pat_valid(uint64_t val)
{
	for (unsigned i = 0; i < 8; i++, val >>= 8) {
		unsigned type = val & 0xff;

		if (type > 7 || type == 2 || type == 3) {
			return false;
		}
	}
	return true;
}

bool msr_efer_valid(uint64_t old, uint64_t val, uint64_t cr0)
{
	return !(val & ~cpuid_efer_allowed()) && (!(cr0 & CR0_PG) || !((old ^ val) & EFER_LME));
}

bool msr_read(struct vcpu *v, uint32_t index, uint64_t *val)
{
	const struct row *r;

	if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
		return vapic_x2(&v->vapic) && vapic_read_x2(&v->vapic, index - X2APIC_FIRST, val);
	}
	r = find(index);
	if (!r) {
		return false;
	}
	switch (r->kind) {
	case MSR_TSC:        *val = rdtsc() + v->tsc_offset; break;
	case MSR_BASE:       *val = v->vapic.base; break;
	case MSR_AUX:        *val = v->tsc_aux; break;
	case MSR_MTRR_DEF:   *val = v->mtrr_def; break;
	case MSR_DEADLINE:   *val = v->vapic.tsc_deadline; break;
	case MSR_KVM_CLOCK:  *val = v->kvm_system_time; break;
	case MSR_KVM_WALL:   *val = v->kvm_wall_clock; break;
	case MSR_GUEST_PAT:
	case MSR_GUEST_EFER: *val = vcpu_ops->get_msr(v, index); break;
	default:             *val = r->value; break;
	}
	return true;
}

static bool write_efer(struct vcpu *v, uint64_t val)
{
	struct guest_mode m;

	vcpu_ops->mode(v, &m);
	if (!msr_efer_valid(m.efer, val, m.cr0)) {
		return false;
	}
	vcpu_ops->set_msr(v, MSR_EFER, (val & ~(uint64_t)EFER_LMA) | (m.efer & EFER_LMA));
	return true;
}

static void write_tsc(struct vcpu *v, uint64_t val)
{
	v->tsc_offset = val - rdtsc();
	v->vapic.tsc_offset = (int64_t)v->tsc_offset;
	vcpu_ops->set_tsc_offset(v, v->tsc_offset);
	vapic_timer_restart(&v->vapic);
	kvmclock_update(v);
}

static bool write_apic_base(struct vcpu *v, uint64_t val)
{
	v->work |= WORK_IRQ;
	return vapic_write_base(&v->vapic, val, !(v->vm->hide & VM_FEATURE_X2APIC));
}

static bool write_x2apic(struct vcpu *v, unsigned reg, uint64_t val, bool *eoi)
{
	enum vapic_effect effect = vapic_x2(&v->vapic) ? vapic_write_x2(&v->vapic, reg, val) : VAPIC_FAULT;

	v->work |= WORK_IRQ;
	*eoi = effect == VAPIC_EOI_EXIT;
	if (effect == VAPIC_SEND) {
		irq_send_ipi(v);
	}
	return effect != VAPIC_FAULT;
}

static bool write_pat(struct vcpu *v, uint64_t val)
{
	if (!msr_pat_valid(val)) {
		return false;
	}
	vcpu_ops->set_msr(v, MSR_PAT, val);
	return true;
}

/* Type 0, 1, 4, 5, 6; FE and E. */
static bool write_mtrr_def(struct vcpu *v, uint64_t val)
{
	unsigned type = val & 0xff;

	if ((val & ~0xcffull) || type > 6 || type == 2 || type == 3) {
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
	wrmsr(MSR_TSC_AUX, val);
	return true;
}

bool msr_write(struct vcpu *v, uint32_t index, uint64_t val, bool *eoi)
{
	const struct row *r;

	*eoi = false;
	if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
		return write_x2apic(v, index - X2APIC_FIRST, val, eoi);
	}
	r = find(index);
	if (!r) {
		return false;
	}
	switch (r->kind) {
	case MSR_FIXED:      return true;
	case MSR_TSC:        write_tsc(v, val); return true;
	case MSR_BASE:       return write_apic_base(v, val);
	case MSR_AUX:        return write_aux(v, val);
	case MSR_MTRR_DEF:   return write_mtrr_def(v, val);
	case MSR_GUEST_PAT:  return write_pat(v, val);
	case MSR_GUEST_EFER: return write_efer(v, val);
	case MSR_DEADLINE:
		vapic_write_deadline(&v->vapic, val);
		return true;
	case MSR_KVM_CLOCK:
		v->kvm_system_time = val;
		kvmclock_update(v);
		return true;
	case MSR_KVM_WALL:
		v->kvm_wall_clock = val;
		kvmclock_write_wall(v);
		return true;
	default:
		return false;
	}
}
