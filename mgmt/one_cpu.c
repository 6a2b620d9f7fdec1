/* SPDX-License-Identifier: Apache-2.0 */
/* Names of processors and features: see one_cpu.h. */
#include "mgmt/one_cpu.h"

#include <cpuid.h>
#include <string.h>

enum { EAX, EBX, ECX, EDX, REGS };

#define EXTENDED 0x80000000u
#define AMD      0x68747541u             /* "Auth", EBX of leaf 0 */
#define INTEL    0x756e6547u             /* "Genu" */

/* What a bit of CPUID is called. Only what VMs see: the rows of vmm/cpuid.c. */
static const struct {
	uint32_t leaf;
	uint8_t subleaf, reg, bit;
	const char *name;
} features[] = {
	{ 1, 0, EDX, 0, "fpu" }, { 1, 0, EDX, 1, "vme" }, { 1, 0, EDX, 2, "de" }, { 1, 0, EDX, 3, "pse" }, { 1, 0, EDX, 4, "tsc" },
	{ 1, 0, EDX, 5, "msr" }, { 1, 0, EDX, 6, "pae" }, { 1, 0, EDX, 7, "mce" }, { 1, 0, EDX, 8, "cx8" }, { 1, 0, EDX, 9, "apic" },
	{ 1, 0, EDX, 11, "sep" }, { 1, 0, EDX, 13, "pge" }, { 1, 0, EDX, 14, "mca" }, { 1, 0, EDX, 15, "cmov" },
	{ 1, 0, EDX, 16, "pat" }, { 1, 0, EDX, 17, "pse36" }, { 1, 0, EDX, 19, "clflush" }, { 1, 0, EDX, 23, "mmx" },
	{ 1, 0, EDX, 24, "fxsr" }, { 1, 0, EDX, 25, "sse" }, { 1, 0, EDX, 26, "sse2" },
	{ 1, 0, ECX, 0, "pni" }, { 1, 0, ECX, 1, "pclmuldq" }, { 1, 0, ECX, 9, "ssse3" }, { 1, 0, ECX, 12, "fma" }, { 1, 0, ECX, 13, "cx16" },
	{ 1, 0, ECX, 19, "sse4.1" }, { 1, 0, ECX, 20, "sse4.2" }, { 1, 0, ECX, 22, "movbe" }, { 1, 0, ECX, 23, "popcnt" },
	{ 1, 0, ECX, 25, "aes" }, { 1, 0, ECX, 26, "xsave" }, { 1, 0, ECX, 28, "avx" }, { 1, 0, ECX, 29, "f16c" }, { 1, 0, ECX, 30, "rdrand" },
	{ 7, 0, EBX, 0, "fsgsbase" }, { 7, 0, EBX, 3, "bmi1" }, { 7, 0, EBX, 5, "avx2" }, { 7, 0, EBX, 7, "smep" }, { 7, 0, EBX, 8, "bmi2" },
	{ 7, 0, EBX, 9, "erms" }, { 7, 0, EBX, 18, "rdseed" }, { 7, 0, EBX, 19, "adx" }, { 7, 0, EBX, 20, "smap" },
	{ 7, 0, EBX, 23, "clflushopt" }, { 7, 0, EBX, 24, "clwb" }, { 7, 0, EBX, 29, "sha-ni" },
	{ 7, 0, ECX, 2, "umip" }, { 7, 0, ECX, 9, "vaes" }, { 7, 0, ECX, 10, "vpclmulqdq" }, { 7, 0, ECX, 22, "rdpid" }, { 7, 0, EDX, 4, "fsrm" },
	{ 13, 1, EAX, 0, "xsaveopt" }, { 13, 1, EAX, 1, "xsavec" }, { 13, 1, EAX, 2, "xgetbv1" },
	{ EXTENDED + 1, 0, EDX, 11, "syscall" }, { EXTENDED + 1, 0, EDX, 20, "nx" }, { EXTENDED + 1, 0, EDX, 22, "mmxext" },
	{ EXTENDED + 1, 0, EDX, 25, "fxsr_opt" }, { EXTENDED + 1, 0, EDX, 26, "pdpe1gb" }, { EXTENDED + 1, 0, EDX, 27, "rdtscp" },
	{ EXTENDED + 1, 0, EDX, 29, "lm" }, { EXTENDED + 1, 0, EDX, 30, "3dnowext" }, { EXTENDED + 1, 0, EDX, 31, "3dnow" },
	{ EXTENDED + 1, 0, ECX, 0, "lahf_lm" }, { EXTENDED + 1, 0, ECX, 4, "cr8legacy" }, { EXTENDED + 1, 0, ECX, 5, "abm" },
	{ EXTENDED + 1, 0, ECX, 6, "sse4a" }, { EXTENDED + 1, 0, ECX, 7, "misalignsse" }, { EXTENDED + 1, 0, ECX, 8, "3dnowprefetch" },
	{ EXTENDED + 7, 0, EDX, 8, "invtsc" }, { EXTENDED + 8, 0, EBX, 0, "clzero" }, { EXTENDED + 8, 0, EBX, 2, "xsaveerptr" },
	{ EXTENDED + 8, 0, EBX, 9, "wbnoinvd" },
};

/* libvirt's models by the processor's family and model, from and to. */
static const struct {
	uint32_t vendor;
	uint8_t family, from, to;
	const char *name;
} models[] = {
	{ INTEL, 6, 0x1a, 0x1a, "Nehalem" }, { INTEL, 6, 0x1e, 0x1f, "Nehalem" }, { INTEL, 6, 0x2e, 0x2e, "Nehalem" },
	{ INTEL, 6, 0x25, 0x25, "Westmere" }, { INTEL, 6, 0x2c, 0x2c, "Westmere" }, { INTEL, 6, 0x2f, 0x2f, "Westmere" },
	{ INTEL, 6, 0x2a, 0x2a, "SandyBridge" }, { INTEL, 6, 0x2d, 0x2d, "SandyBridge" },
	{ INTEL, 6, 0x3a, 0x3a, "IvyBridge" }, { INTEL, 6, 0x3e, 0x3e, "IvyBridge" },
	{ INTEL, 6, 0x3c, 0x3c, "Haswell" }, { INTEL, 6, 0x3f, 0x3f, "Haswell" }, { INTEL, 6, 0x45, 0x46, "Haswell" },
	{ INTEL, 6, 0x3d, 0x3d, "Broadwell" }, { INTEL, 6, 0x47, 0x47, "Broadwell" }, { INTEL, 6, 0x4f, 0x4f, "Broadwell" },
	{ INTEL, 6, 0x56, 0x56, "Broadwell" },
	{ INTEL, 6, 0x4e, 0x4e, "Skylake-Client" }, { INTEL, 6, 0x5e, 0x5e, "Skylake-Client" }, { INTEL, 6, 0x8e, 0x8e, "Skylake-Client" },
	{ INTEL, 6, 0x9e, 0x9e, "Skylake-Client" }, { INTEL, 6, 0x55, 0x55, "Skylake-Server" }, { INTEL, 6, 0x6a, 0x6c, "Icelake-Server" },
	{ INTEL, 6, 0x8f, 0x8f, "SapphireRapids" },
	{ AMD, 0x10, 0, 0xff, "Opteron_G3" }, { AMD, 0x15, 1, 1, "Opteron_G4" }, { AMD, 0x15, 2, 0x1f, "Opteron_G5" },
	{ AMD, 0x17, 0, 0x2f, "EPYC" }, { AMD, 0x17, 0x30, 0xff, "EPYC-Rome" }, { AMD, 0x19, 0x10, 0x1f, "EPYC-Genoa" },
	{ AMD, 0x19, 0xa0, 0xaf, "EPYC-Genoa" }, { AMD, 0x19, 0, 0xff, "EPYC-Milan" },
};

static uint32_t extended_by(uint32_t eax, uint32_t base, uint32_t extension)
{
	uint32_t family = eax >> 8 & 15;

	return family == 15 || family == 6 ? base + extension : base;
}

/* Family and model as SDM 2A, CPUID, and APM 3 E.3.2 put them together. */
static const char *find_model(uint32_t vendor, uint32_t eax)
{
	uint32_t family = (eax >> 8 & 15) == 15 ? 15 + (eax >> 20 & 0xff) : eax >> 8 & 15;
	uint32_t model = extended_by(eax, eax >> 4 & 15, eax >> 12 & 0xf0);

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		if (models[i].vendor == vendor && models[i].family == family && model >= models[i].from && model <= models[i].to) {
			return models[i].name;
		}
	}
	return "qemu64";
}

static void read_leaf(one_cpuid_fn *cpuid, uint32_t leaf, uint32_t subleaf, uint32_t reg[REGS])
{
	uint32_t last[REGS];

	cpuid(leaf & EXTENDED, 0, last);
	memset(reg, 0, REGS * sizeof(reg[0]));
	if (leaf <= last[EAX]) {
		cpuid(leaf, subleaf, reg);
	}
}

static void put_brand(one_cpuid_fn *cpuid, char *brand)
{
	uint32_t reg[3][REGS];
	char text[sizeof(reg) + 1] = "";
	const char *from;
	size_t n = 0;

	for (uint32_t i = 0; i < 3; i++) {
		read_leaf(cpuid, EXTENDED + 2 + i, 0, reg[i]);
	}
	memcpy(text, reg, sizeof(reg));
	for (from = text + strspn(text, " "); *from; from++) {
		if (*from >= ' ' && *from <= '~' && *from != '"' && *from != '\\') {
			brand[n++] = *from;
		}
	}
	while (n && brand[n - 1] == ' ') {
		n--;
	}
	brand[n] = '\0';
}

void one_cpu_describe(one_cpuid_fn *cpuid, struct one_cpu *cpu)
{
	uint32_t zero[REGS], one[REGS], reg[REGS];
	size_t n = 0;

	read_leaf(cpuid, 0, 0, zero);
	read_leaf(cpuid, 1, 0, one);
	put_brand(cpuid, cpu->brand);
	cpu->model = find_model(zero[EBX], one[EAX]);
	cpu->features[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		size_t len = strlen(features[i].name);

		read_leaf(cpuid, features[i].leaf, features[i].subleaf, reg);
		if (!(reg[features[i].reg] >> features[i].bit & 1) || n + len + 2 > sizeof(cpu->features)) {
			continue;
		}
		if (n) {
			cpu->features[n++] = ',';
		}
		memcpy(cpu->features + n, features[i].name, len + 1);
		n += len;
	}
}

void one_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t reg[REGS])
{
	__cpuid_count(leaf, subleaf, reg[EAX], reg[EBX], reg[ECX], reg[EDX]);
}
