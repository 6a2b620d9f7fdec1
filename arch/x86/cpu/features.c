/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU can do: see features.h. */
#include "arch/x86/cpu/features.h"

#include "arch/x86/cpu/regs.h"
#include "kernel/log.h"

struct cpu_features cpu_features;

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4 };

#define PAT_DEFAULT 0x0007040600070406ull

static bool bit(uint32_t word, unsigned n)
{
	return (word >> n & 1) != 0;
}

static void put_words(char *out, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t word[4] = { a, b, c, d };

	__builtin_memcpy(out, word, sizeof(word));
}

static void read_names(struct cpu_features *f)
{
	struct cpuid id = cpuid(0, 0);
	char vendor[16];

	f->max_leaf = id.eax;
	f->max_ext_leaf = cpuid(0x80000000, 0).eax;
	put_words(vendor, id.ebx, id.edx, id.ecx, 0);
	__builtin_memcpy(f->vendor, vendor, 12);
	for (unsigned i = 0; i < 3 && f->max_ext_leaf >= 0x80000004; i++) {
		id = cpuid(0x80000002 + i, 0);
		put_words(f->brand + 16 * i, id.eax, id.ebx, id.ecx, id.edx);
	}
	if (bit(cpuid(1, 0).ecx, 31)) {
		id = cpuid(0x40000000, 0);
		put_words(vendor, id.ebx, id.ecx, id.edx, 0);
		__builtin_memcpy(f->below, vendor, 12);
	}
}

static void read_extended(struct cpu_features *f, bool *nx, bool *syscall)
{
	struct cpuid id = cpuid(0x80000001, 0);

	*nx = bit(id.edx, 20);
	*syscall = bit(id.edx, 11);
	f->gib_pages = bit(id.edx, 26);
	f->rdtscp = bit(id.edx, 27);
	f->tsc_invariant = f->max_ext_leaf >= 0x80000007 && bit(cpuid(0x80000007, 0).edx, 8);
	f->phys_bits = 36;
	f->virt_bits = 48;
	if (f->max_ext_leaf >= 0x80000008) {
		id = cpuid(0x80000008, 0);
		f->phys_bits = (uint8_t)id.eax;
		f->virt_bits = (uint8_t)(id.eax >> 8);
	}
}

static void read_structured(struct cpu_features *f)
{
	struct cpuid id = cpuid(7, 0);

	f->fsgsbase = bit(id.ebx, 0);
	f->smep = bit(id.ebx, 7);
	f->smap = bit(id.ebx, 20);
	f->rdseed = bit(id.ebx, 18);
	f->umip = bit(id.ecx, 2);
	f->pku = bit(id.ecx, 3);
}

static void read_xsave(struct cpu_features *f, bool avx)
{
	struct cpuid id = cpuid(0xd, 0);

	f->xcr0 = (XCR0_X87 | XCR0_SSE | (avx ? XCR0_AVX : 0u)) & id.eax;
	f->xsave_size = 576;                            /* legacy area and header */
	if (f->xcr0 & XCR0_AVX) {
		struct cpuid part = cpuid(0xd, 2);      /* size and offset of the AVX component */

		f->xsave_size = part.eax + part.ebx;
	}
	id = cpuid(0xd, 1);
	f->xsaveopt = bit(id.eax, 0);
	f->xsavec = bit(id.eax, 1);
}

const char *cpu_features_detect(void)
{
	struct cpu_features *f = &cpu_features;
	bool nx, syscall, avx;
	struct cpuid id;

	read_names(f);
	id = cpuid(1, 0);
	f->pge = bit(id.edx, 13);
	f->x2apic = bit(id.ecx, 21);
	f->tsc_deadline = bit(id.ecx, 24);
	f->rdrand = bit(id.ecx, 30);
	f->hypervisor = bit(id.ecx, 31);
	avx = bit(id.ecx, 28);
	read_extended(f, &nx, &syscall);
	if (f->max_leaf >= 7) {
		read_structured(f);
	}
	if (!nx || !syscall) {
		return "This processor has no no-execute pages or no SYSCALL, which Brume needs.";
	}
	if (!bit(id.edx, 4) || !bit(id.edx, 9)) {
		return "This processor has no time stamp counter or no local APIC, which Brume needs.";
	}
	if (!bit(id.ecx, 26) || f->max_leaf < 0xd) {
		return "This processor has no XSAVE, which Brume needs.";
	}
	if (!f->smap) {
		return "This processor has no SMAP, which Brume needs.";
	}
	read_xsave(f, avx);
	return NULL;
}

void cpu_features_enable(void)
{
	const struct cpu_features *f = &cpu_features;
	uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_MCE | CR4_DE;

	cr4 |= f->pge ? CR4_PGE : 0u;
	cr4 |= f->smep ? CR4_SMEP : 0u;
	cr4 |= f->smap ? CR4_SMAP : 0u;
	cr4 |= f->umip ? CR4_UMIP : 0u;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE | EFER_SCE);
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(uint64_t)(CR0_EM | CR0_TS | CR0_AM | CR0_CD | CR0_NW));
	write_cr4(cr4);
	write_xcr0(f->xcr0);
	wrmsr(MSR_PAT, PAT_DEFAULT);
	if (f->smap) {
		__asm__ volatile("clac" : : : "memory");
	}
}

void cpu_unsupported(const char *sentence)
{
	log_printf("Brume cannot run here: %s", sentence);
	cpu_halt_forever();
}
