/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID of guests: see cpuid.h. */
#include "arch/x86/vcpu/cpuid.h"

#include "arch/x86/cpu/features.h"
#include "arch/x86/vcpu/vcpu.h"

enum { EDX1_APIC = 1 << 9, ECX1_OSXSAVE = 1 << 27, LEAF_XSAVE = 0xd, XSAVE_WITHOUT_AVX = 576 };

struct cpuid_allowed cpuid_allowed;

/* Missing on purpose: PKE, PCIDE, LA57, CET, whose state is not switched. NX is there: boot insists on it. */
void cpuid_allowed_init(cpuid_host_fn *host, uint64_t xcr0)
{
	struct cpuid seven = host(0, 0).eax >= 7 ? host(7, 0) : (struct cpuid){ 0 };

	cpuid_allowed.cr4 = (host(1, 0).edx & 2 ? CR4_VME | CR4_PVI : 0) | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE |
			    CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | (seven.ebx & 1 ? CR4_FSGSBASE : 0) |
			    (seven.ebx & 1u << 7 ? CR4_SMEP : 0) | (seven.ebx & 1u << 20 ? CR4_SMAP : 0) |
			    (seven.ecx & 4 ? CR4_UMIP : 0);
	cpuid_allowed.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
	cpuid_allowed.xcr0 = xcr0 & 7;
}

/* What depends on the vCPU at this moment. Apart, so that the leaves that do not are spared its frame. */
static void __attribute__((noinline)) complete(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
					       uint32_t out[CPUID_REGS])
{
	if (leaf == LEAF_XSAVE) {
		/* Bytes in use. The compacted size is the standard one, as AVX follows the legacy part. */
		if (subleaf <= 1 && out[REG_EBX]) {
			out[REG_EBX] = v->xcr0 & 4 ? cpu_features.xsave_size : XSAVE_WITHOUT_AVX;
		}
		return;
	}
	out[REG_ECX] &= ~(uint32_t)ECX1_OSXSAVE;
	if (vcpu_ops->get_word(v, offsetof(struct vcpu_state, cr4)) & CR4_OSXSAVE) {
		out[REG_ECX] |= ECX1_OSXSAVE;
	}
	if (!vapic_on(&v->vapic)) {
		out[REG_EDX] &= ~(uint32_t)EDX1_APIC;
	}
}

void cpuid_guest(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS])
{
	const struct vcpu_page *page = v->page;
	uint32_t count = __atomic_load_n(&page->cpuid_count, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < count && i < CPUID_ROWS; i++) {
		const struct cpuid_row *r = &page->cpuid[i];

		if (r->leaf == leaf && (r->subleaf == subleaf || r->subleaf == CPUID_ANY)) {
			__builtin_memcpy(out, r->reg, sizeof(r->reg));
			if (leaf == 1 || leaf == LEAF_XSAVE) {
				complete(v, leaf, subleaf, out);
			}
			return;
		}
	}
	__builtin_memset(out, 0, sizeof(page->cpuid[0].reg));
}
