/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID policy of guests. APM 3 appendix D and E; the paravirtual leaves are those of Linux' KVM interface. */
#include "arch/x86/vcpu/cpuid.h"

#include "arch/x86/vcpu/vcpu.h"

enum {
	/* leaf 1 */
	EDX1_APIC = 1 << 9, EDX1_MTRR = 1 << 12, EDX1_HTT = 1 << 28,
	ECX1_X2APIC = 1 << 21, ECX1_DEADLINE = 1 << 24, ECX1_OSXSAVE = 1 << 27,
	/* leaf 40000001h */
	KVM_CLOCK = 1 << 0, KVM_NOP_IO_DELAY = 1 << 1, KVM_CLOCK2 = 1 << 3, KVM_CLOCK_STABLE = 1 << 24,
	KVM_BASE = 0x40000000,
	LEAF_XSAVE = 0xd,
};
#define ECX1_HYPERVISOR (1u << 31)

/*
 * One row: leaf, subleaf, host bits that pass, and bits that are set whatever the host has. A leaf without a row
 * reads 0. What is missing on purpose: MONITOR, SVM and VMX, performance counters, power and thermal control, trace,
 * memory protection keys and CET (their state is not switched), PCID (no tagged flushes), machine-check banks.
 */
struct row {
	uint32_t leaf, subleaf;
	uint32_t pass[CPUID_REGS], set[CPUID_REGS];
	bool dynamic;                /* complete() has a say */
};

#define ALL 0xffffffffu

static const struct row policy[] = {
	{ 0x00000000, 0, { 0, ALL, ALL, ALL }, { 0x0d, 0, 0, 0 }, false },
	/* EBX: brand, CLFLUSH size; ids are dynamic. ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
	{ 0x00000001, 0, { ALL, 0x0000ffff, 0x76d83203, 0x078be9ff }, { 0, 0, ECX1_HYPERVISOR | ECX1_X2APIC | ECX1_DEADLINE, EDX1_APIC | EDX1_MTRR }, true },
	{ 0x00000002, 0, { ALL, ALL, ALL, ALL }, { 0 }, false },
	/* EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. ECX: UMIP VAES VPCLMUL RDPID. EDX: FSRM */
	{ 0x00000007, 0, { 0, 0x219c03a9, 0x00400604, 0x00000010 }, { 0 }, false },
	{ 0x0000000d, 0, { ALL, ALL, ALL, ALL }, { 0 }, true },
	{ 0x0000000d, 1, { 0x00000007, 0, 0, 0 }, { 0 }, true },
	{ 0x0000000d, 2, { ALL, ALL, 0, 0 }, { 0 }, false },
	/* "KVMKVMKVM" */
	{ KVM_BASE, 0, { 0 }, { KVM_BASE + 1, 0x4b4d564b, 0x564b4d56, 0x0000004d }, false },
	{ KVM_BASE + 1, 0, { 0 }, { KVM_CLOCK | KVM_NOP_IO_DELAY | KVM_CLOCK2 | KVM_CLOCK_STABLE, 0, 0, 0 }, false },
	{ 0x80000000, 0, { 0, ALL, ALL, ALL }, { 0x80000008, 0, 0, 0 }, false },
	/* ECX: LAHF CR8 LZCNT SSE4A MISALIGN PREFETCHW. EDX: SYSCALL NX MMXEXT FXSR 1GiB RDTSCP LM 3DNOW */
	{ 0x80000001, 0, { ALL, 0x0000ffff, 0x000001f1, 0xedd3ebff }, { 0 }, true },
	{ 0x80000002, 0, { ALL, ALL, ALL, ALL }, { 0 }, false },
	{ 0x80000003, 0, { ALL, ALL, ALL, ALL }, { 0 }, false },
	{ 0x80000004, 0, { ALL, ALL, ALL, ALL }, { 0 }, false },
	{ 0x80000005, 0, { ALL, ALL, ALL, ALL }, { 0 }, false },
	{ 0x80000006, 0, { ALL, ALL, ALL, ALL }, { 0 }, false },
	/* EDX: invariant TSC */
	{ 0x80000007, 0, { 0, 0, 0, 0x00000100 }, { 0 }, false },
	/* Address widths; EBX: CLZERO XSAVEERPTR WBNOINVD. ECX: core count is dynamic */
	{ 0x80000008, 0, { 0x0000ffff, 0x00000205, 0, 0 }, { 0 }, true },
};

/* The policy over the host's leaves, filled at boot. */
static uint32_t table[ARRAY_SIZE(policy)][CPUID_REGS];
static uint32_t xsave_avx_end;       /* bytes with AVX */

struct cpuid_allowed cpuid_allowed;

static const uint32_t nothing[CPUID_REGS];

static int find(uint32_t leaf, uint32_t subleaf)
{
	for (unsigned i = 0; i < ARRAY_SIZE(policy); i++) {
		if (policy[i].leaf == leaf && policy[i].subleaf == subleaf) {
			return (int)i;
		}
	}
	return -1;
}

/* Control bits that the guest's CPUID announces. */
static void allow(uint64_t xcr0)
{
	uint32_t ebx7 = table[find(7, 0)][REG_EBX], ecx7 = table[find(7, 0)][REG_ECX], ecx1 = table[find(1, 0)][REG_ECX];
	uint32_t edx = table[find(0x80000001, 0)][REG_EDX];

	cpuid_allowed.cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE |
			    CR4_OSFXSR | CR4_OSXMMEXCPT | (ecx1 & 1u << 26 ? CR4_OSXSAVE : 0) |
			    (ebx7 & 1 ? CR4_FSGSBASE : 0) | (ebx7 & 1u << 7 ? CR4_SMEP : 0) |
			    (ebx7 & 1u << 20 ? CR4_SMAP : 0) | (ecx7 & 4 ? CR4_UMIP : 0);
	cpuid_allowed.efer = EFER_SCE | EFER_LME | EFER_LMA | (edx & 1u << 20 ? EFER_NXE : 0);
	cpuid_allowed.xcr0 = xcr0 & 7;
}

void cpuid_policy_init(cpuid_host_fn *host, uint64_t xcr0)
{
	uint32_t *avx = table[find(LEAF_XSAVE, 2)];

	for (unsigned i = 0; i < ARRAY_SIZE(policy); i++) {
		const struct row *p = &policy[i];
		struct cpuid h = host(p->leaf, p->subleaf);
		const uint32_t has[CPUID_REGS] = { h.eax, h.ebx, h.ecx, h.edx };
		bool known = p->leaf <= host(p->leaf & 0x80000000, 0).eax;

		for (unsigned r = 0; r < CPUID_REGS; r++) {
			table[i][r] = (known ? has[r] & p->pass[r] : 0) | p->set[r];
		}
	}
	allow(xcr0);
	xsave_avx_end = avx[REG_EAX] + avx[REG_EBX];
	if (!(xcr0 & 4)) {
		avx[REG_EAX] = avx[REG_EBX] = 0;
	}
}

/* Bytes of the standard-format XSAVE area for the components in xcr0. */
static uint32_t xsave_size(uint64_t xcr0)
{
	return xcr0 & 4 ? xsave_avx_end : 576;
}

static void fill_xsave(const struct vcpu *v, uint32_t subleaf, uint32_t out[CPUID_REGS])
{
	if (subleaf == 0) {
		out[REG_EAX] = (uint32_t)cpuid_allowed.xcr0;
		out[REG_EBX] = xsave_size(v->xcr0);
		out[REG_ECX] = xsave_size(cpuid_allowed.xcr0);
		out[REG_EDX] = 0;
	} else if (subleaf == 1) {
		/* Compacted size; with x87, SSE and AVX it is the standard one. */
		out[REG_EBX] = out[REG_EAX] & 2 ? xsave_size(v->xcr0) : 0;
	}
}

static void fill_leaf1(const struct vcpu *v, uint32_t out[CPUID_REGS])
{
	uint32_t vcpus = v->vm->vcpu_count;

	out[REG_EBX] |= v->vapic.id << 24 | vcpus << 16;
	if (vcpu_ops->get_word(v, offsetof(struct vcpu_state, cr4)) & CR4_OSXSAVE) {
		out[REG_ECX] |= ECX1_OSXSAVE;
	}
	if (!vapic_on(&v->vapic)) {
		out[REG_EDX] &= ~(uint32_t)EDX1_APIC;
	}
	if (vcpus > 1) {
		out[REG_EDX] |= EDX1_HTT;
	}
}

/* What depends on the vCPU at this moment. Apart, so that the leaves that do not are spared its frame. */
static void __attribute__((noinline)) complete(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
					       uint32_t out[CPUID_REGS])
{
	uint32_t vcpus = v->vm->vcpu_count;

	switch (leaf) {
	case 1:
		fill_leaf1(v, out);
		break;
	case LEAF_XSAVE:
		fill_xsave(v, subleaf, out);
		break;
	case 0x80000001:
		out[REG_ECX] |= vcpus > 1 ? 2 : 0;   /* CmpLegacy: cores, not threads */
		break;
	default:
		out[REG_ECX] = vcpus - 1;            /* 80000008h */
	}
}

void cpuid_guest(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS])
{
	int i = find(leaf, leaf == LEAF_XSAVE || leaf == 7 ? subleaf : 0);

	__builtin_memcpy(out, i < 0 ? nothing : table[i], sizeof(nothing));
	if (i >= 0 && policy[i].dynamic) {
		complete(v, leaf, subleaf, out);
	}
}
