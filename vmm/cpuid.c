/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID and MSR policy: see cpuid.h. */
#include "vmm/cpuid.h"

#include <string.h>

enum { EAX, EBX, ECX, EDX };
enum {
	/* leaf 1 */
	EDX1_APIC = 1 << 9, EDX1_MTRR = 1 << 12, EDX1_HTT = 1 << 28,
	ECX1_X2APIC = 1 << 21, ECX1_DEADLINE = 1 << 24,
	LEAF_XSAVE = 0xd, XSAVE_WITHOUT_AVX = 576, XCR0_AVX = 4, XCR0_OFFERED = 7, XSAVEC = 2,
	LEAF_KVM = 0x40000000,
};
#define ECX1_HYPERVISOR (1u << 31)
#define LEAF_EXTENDED   0x80000000u
#define ALL             0xffffffffu
#define ANY             CPUID_ANY

/*
 * One row: leaf, subleaf, host bits that pass, and bits that are set whatever the host has. A leaf without a row
 * reads 0. What is missing on purpose: MONITOR, SVM and VMX, performance counters, power and thermal control, trace,
 * memory protection keys and CET (the kernel does not switch their state), PCID (no tagged flushes), machine-check
 * banks. The leaves that guests ask for at run time come first.
 */
static const struct {
	uint32_t leaf, subleaf;
	uint32_t pass[CPUID_REGS], set[CPUID_REGS];
} policy[] = {
	{ 0x00000000, ANY, { 0, ALL, ALL, ALL }, { 0x0d, 0, 0, 0 } },
	/* EBX: brand, CLFLUSH size. ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4 MOVBE POPCNT AES XSAVE AVX F16C RDRAND */
	{ 0x00000001, ANY, { ALL, 0x0000ffff, 0x76d83203, 0x078be9ff },
	  { 0, 0, ECX1_HYPERVISOR | ECX1_X2APIC | ECX1_DEADLINE, EDX1_APIC | EDX1_MTRR } },
	{ 0x00000002, ANY, { ALL, ALL, ALL, ALL }, { 0 } },
	/* EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS RDSEED ADX SMAP CLFLUSHOPT CLWB SHA. ECX: UMIP VAES VPCLMUL RDPID. EDX: FSRM */
	{ 0x00000007, 0, { 0, 0x219c03a9, 0x00400604, 0x00000010 }, { 0 } },
	{ LEAF_XSAVE, 0, { 0 }, { 0 } },
	{ LEAF_XSAVE, 1, { 0x00000007, 0, 0, 0 }, { 0 } },
	{ LEAF_XSAVE, 2, { ALL, ALL, 0, 0 }, { 0 } },
	/* "KVMKVMKVM" */
	{ LEAF_KVM, ANY, { 0 }, { LEAF_KVM + 1, 0x4b4d564b, 0x564b4d56, 0x0000004d } },
	{ LEAF_KVM + 1, ANY, { 0 }, { 0 } },
	{ LEAF_EXTENDED, ANY, { 0, ALL, ALL, ALL }, { 0x80000008, 0, 0, 0 } },
	/* ECX: LAHF CR8 LZCNT SSE4A MISALIGN PREFETCHW. EDX: SYSCALL NX MMXEXT FXSR 1GiB RDTSCP LM 3DNOW */
	{ 0x80000001, ANY, { ALL, 0x0000ffff, 0x000001f1, 0xedd3ebff }, { 0 } },
	{ 0x80000002, ANY, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000003, ANY, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000004, ANY, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000005, ANY, { ALL, ALL, ALL, ALL }, { 0 } },
	{ 0x80000006, ANY, { ALL, ALL, ALL, ALL }, { 0 } },
	/* EDX: invariant TSC */
	{ 0x80000007, ANY, { 0, 0, 0, 0x00000100 }, { 0 } },
	/* Address widths; EBX: CLZERO XSAVEERPTR WBNOINVD */
	{ 0x80000008, ANY, { 0x0000ffff, 0x00000205, 0, 0 }, { 0 } },
};
_Static_assert(ARRAY_SIZE(policy) <= CPUID_ROWS, "the page holds them");

/* A fixed-range MTRR: memory type 6 in each of its eight ranges (SDM 3A 12.11.2.2). */
#define ALL_WRITE_BACK 0x0606060606060606ull

/* Registers that guests look at on this kind of platform and that do nothing. */
static const struct msr_row values[] = {
	{ 0x00000017, 1, MSR_IGNORE, 0 },                /* platform id                         */
	{ 0x0000008b, 1, MSR_IGNORE, 0x01000065 },       /* microcode revision                  */
	{ 0x000000fe, 1, MSR_FAULT, 0x400 },             /* MTRRs: write-combining, no ranges   */
	{ 0x00000250, 1, MSR_FAULT, ALL_WRITE_BACK },    /* fixed ones, which Linux before 6.5 reads */
	{ 0x00000258, 2, MSR_FAULT, ALL_WRITE_BACK },    /* without asking whether they are there   */
	{ 0x00000268, 8, MSR_FAULT, ALL_WRITE_BACK },
	{ 0x00000179, 2, MSR_IGNORE, 0 },                /* machine check: no banks             */
	{ 0x000001a0, 1, MSR_IGNORE, 1 },                /* fast strings                        */
	{ 0x000001d9, 1, MSR_IGNORE, 0 },                /* DEBUGCTL: no branch records         */
	{ 0x000001db, 4, MSR_IGNORE, 0 },
	{ 0xc0010000, 8, MSR_IGNORE, 0 },                /* performance counters: none count    */
	{ 0xc0010010, 1, MSR_IGNORE, 0 },                /* SYSCFG                              */
	{ 0xc0010015, 1, MSR_IGNORE, 0x01000000 },       /* HWCR: TSC counts at P0's frequency  */
	{ 0xc001001a, 1, MSR_IGNORE, 0 },                /* TOP_MEM, TOP_MEM2, NB_CFG           */
	{ 0xc001001d, 1, MSR_IGNORE, 0 },
	{ 0xc001001f, 1, MSR_IGNORE, 0 },
	{ 0xc0010055, 1, MSR_IGNORE, 0 },                /* interrupt pending message           */
	{ 0xc0010058, 1, MSR_IGNORE, 0 },                /* MMIO configuration base             */
	{ 0xc0010112, 2, MSR_IGNORE, 0 },                /* SMM segment                         */
	{ 0xc0010114, 1, MSR_IGNORE, 0x18 },             /* VM_CR: SVM off and locked           */
	{ 0xc0011020, 4, MSR_IGNORE, 0 },                /* load-store, cache configuration     */
	{ 0xc0011029, 1, MSR_IGNORE, 2 },                /* DE_CFG: LFENCE serializes           */
	{ 0xc001102a, 1, MSR_IGNORE, 0 },
};
/* Brume never polls for a halted vCPU, so what the guest wants of it is only kept for it. */
static const struct msr_row poll_control = { 0x4b564d05, 1, MSR_KEEP, 1 };
_Static_assert(ARRAY_SIZE(values) + 1 <= MSR_ROWS, "the page holds them");

void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t reg[CPUID_REGS])
{
	__asm__ volatile("cpuid" : "=a"(reg[EAX]), "=b"(reg[EBX]), "=c"(reg[ECX]), "=d"(reg[EDX]) : "a"(leaf), "c"(subleaf));
}

uint64_t cpuid_host_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* The area for all that is offered; the kernel replaces EBX by the size for what is in use. */
static void fill_xsave(const struct cpuid_request *req, uint32_t subleaf, uint32_t reg[CPUID_REGS])
{
	uint32_t avx[CPUID_REGS], size = XSAVE_WITHOUT_AVX;

	req->host(LEAF_XSAVE, 2, avx);
	if (req->xcr0 & XCR0_AVX) {
		size = avx[EAX] + avx[EBX];
	}
	switch (subleaf) {
	case 0:
		reg[EAX] = req->xcr0 & XCR0_OFFERED;
		reg[EBX] = reg[ECX] = size;
		break;
	case 1:
		reg[EBX] = reg[EAX] & XSAVEC ? size : 0;
		break;
	default:
		if (!(req->xcr0 & XCR0_AVX)) {
			reg[EAX] = reg[EBX] = 0;
		}
	}
}

/* What depends on the VM and the vCPU. */
static void complete(const struct cpuid_request *req, struct cpuid_row *row)
{
	uint32_t *reg = row->reg;

	switch (row->leaf) {
	case 1:
		reg[EBX] |= req->apic_id << 24 | req->vcpus << 16;
		reg[EDX] |= req->vcpus > 1 ? EDX1_HTT : 0;
		break;
	case LEAF_XSAVE:
		fill_xsave(req, row->subleaf, reg);
		break;
	case LEAF_KVM + 1:
		reg[EAX] = req->kvm;
		break;
	case 0x80000001:
		reg[ECX] |= req->vcpus > 1 ? 2 : 0;      /* CmpLegacy: cores, not threads */
		break;
	case 0x80000008:
		reg[ECX] = req->vcpus - 1;
		break;
	}
}

static void compose_row(const struct cpuid_request *req, size_t i, struct cpuid_row *row)
{
	uint32_t leaf = policy[i].leaf, has[CPUID_REGS], last[CPUID_REGS];

	row->leaf = leaf;
	row->subleaf = policy[i].subleaf;
	req->host(leaf & LEAF_EXTENDED, 0, last);
	req->host(leaf, row->subleaf == CPUID_ANY ? 0 : row->subleaf, has);
	for (unsigned r = 0; r < CPUID_REGS; r++) {
		row->reg[r] = (leaf <= last[EAX] ? has[r] & policy[i].pass[r] : 0) | policy[i].set[r];
	}
	complete(req, row);
}

void cpuid_compose(const struct cpuid_request *req, struct vcpu_page *page)
{
	uint32_t rows = 0;

	for (size_t i = 0; i < ARRAY_SIZE(policy); i++) {
		if (req->kvm || (policy[i].leaf & ~1u) != LEAF_KVM) {
			compose_row(req, i, &page->cpuid[rows++]);
		}
	}
	memcpy(page->msr, values, sizeof(values));
	page->msr_count = ARRAY_SIZE(values);
	if (req->kvm & KVM_POLL_CONTROL) {
		page->msr[page->msr_count++] = poll_control;
	}
	page->cpuid_count = rows;
	page->kvm_features = req->kvm;
}
