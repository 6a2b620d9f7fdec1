/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the back end at boot. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/ops.h"

const struct vcpu_ops *vcpu_ops;

static void host_leaf(uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS])
{
	struct cpuid r = cpuid(leaf, subleaf);

	out[REG_EAX] = r.eax;
	out[REG_EBX] = r.ebx;
	out[REG_ECX] = r.ecx;
	out[REG_EDX] = r.edx;
}

/* One row for each back end; the first whose CPU is there has the word, good or bad. */
static const struct vcpu_ops *const backends[] = { &svm_ops };

const char *vcpu_select(void)
{
	const char *why = NULL;

	cpuid_policy_init(host_leaf, cpu_features.xcr0);
	for (unsigned i = 0; i < ARRAY_SIZE(backends); i++) {
		why = backends[i]->missing();
		if (!why) {
			vcpu_ops = backends[i];
			return NULL;
		}
	}
	return why;
}
