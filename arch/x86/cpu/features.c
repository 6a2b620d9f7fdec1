/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU can do: see features.h. */
#include "arch/x86/cpu/features.h"

#include "arch/x86/cpu/regs.h"
#include "kernel/log.h"

enum { XCR0_X87 = 1, XCR0_SSE = 2, XCR0_AVX = 4, XSAVE_LEGACY_BYTES = 576 };
enum { EAX, EBX, ECX, EDX };

#define PAT_DEFAULT 0x0007040600070406ull

struct cpu_features cpu_features;

static const struct {
	uint32_t leaf;
	uint8_t reg, bit;
	uint32_t cr4;                   /* to switch on where the CPU has it                        */
	bool *known;                    /* NULL: nobody asks                                        */
	const char *sentence;           /* NULL: it may be missing                                  */
} features[] = {
	{ 1, EDX, 9, 0, NULL, "This processor has no local APIC, which Brume needs." },
	{ 1, ECX, 26, CR4_OSXSAVE, NULL, "This processor has no XSAVE, which Brume needs." },
	{ 0x80000001, EDX, 20, 0, NULL, "This processor has no no-execute pages, which Brume needs." },
	{ 1, ECX, 21, 0, &cpu_features.x2apic, NULL },
	{ 1, ECX, 24, 0, &cpu_features.tsc_deadline, NULL },
	{ 1, ECX, 30, 0, &cpu_features.rdrand, NULL },
	{ 7, EBX, 7, CR4_SMEP, NULL, NULL },
	{ 7, EBX, 20, CR4_SMAP, &cpu_features.smap, NULL },
	{ 7, ECX, 2, CR4_UMIP, NULL, NULL },
	{ 0x80000001, EDX, 26, 0, &cpu_features.gib_pages, NULL },
	{ 0x80000001, EDX, 27, 0, &cpu_features.rdtscp, NULL },
};

/* Zeroes where the CPU has no such leaf. */
static struct cpuid leaf(uint32_t number, uint32_t subleaf)
{
	if (number > cpuid(number & 0xc0000000, 0).eax) {
		return (struct cpuid){ 0 };
	}
	return cpuid(number, subleaf);
}

static bool has(size_t i)
{
	struct cpuid id = leaf(features[i].leaf, 0);
	const uint32_t reg[] = { [EAX] = id.eax, [EBX] = id.ebx, [ECX] = id.ecx, [EDX] = id.edx };

	return reg[features[i].reg] >> features[i].bit & 1;
}

void cpu_features_detect(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid avx = leaf(0xd, 2);

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (features[i].known) {
			*features[i].known = has(i);
		}
	}
	f->phys_bits = (uint8_t)leaf(0x80000008, 0).eax;
	f->xcr0 = leaf(0xd, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
	f->xsave_size = f->xcr0 & XCR0_AVX ? avx.eax + avx.ebx : XSAVE_LEGACY_BYTES;
}

const char *cpu_features_missing(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (features[i].sentence && !has(i)) {
			return features[i].sentence;
		}
	}
	return NULL;
}

void cpu_features_enable(void)
{
	uint64_t cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE | CR4_DE;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		cr4 |= has(i) ? features[i].cr4 : 0;
	}
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE | EFER_SCE);
	write_cr0((read_cr0() | CR0_WP | CR0_NE | CR0_MP) & ~(uint64_t)(CR0_EM | CR0_TS | CR0_AM | CR0_CD | CR0_NW));
	write_cr4(cr4);
	write_xcr0(cpu_features.xcr0);
	wrmsr(MSR_PAT, PAT_DEFAULT);
}

void cpu_unsupported(const char *sentence)
{
	log_printf("Brume cannot run here: %s", sentence);
	cpu_halt_forever();
}
