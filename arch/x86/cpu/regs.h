/* SPDX-License-Identifier: Apache-2.0 */
/* Control registers, MSRs, ports and other single instructions. SDM 2A/2B, APM 3. */
#pragma once

#include "lib/base.h"

enum {
	CR0_PE = 1u << 0, CR0_MP = 1u << 1, CR0_EM = 1u << 2, CR0_TS = 1u << 3, CR0_ET = 1u << 4, CR0_NE = 1u << 5,
	CR0_WP = 1u << 16, CR0_AM = 1u << 18, CR0_NW = 1u << 29, CR0_CD = 1u << 30,
};
#define CR0_PG (1u << 31)

enum {
	CR4_VME = 1u << 0, CR4_PVI = 1u << 1, CR4_TSD = 1u << 2, CR4_DE = 1u << 3, CR4_PSE = 1u << 4, CR4_PAE = 1u << 5,
	CR4_MCE = 1u << 6, CR4_PGE = 1u << 7, CR4_PCE = 1u << 8, CR4_OSFXSR = 1u << 9, CR4_OSXMMEXCPT = 1u << 10,
	CR4_UMIP = 1u << 11, CR4_LA57 = 1u << 12, CR4_VMXE = 1u << 13, CR4_FSGSBASE = 1u << 16, CR4_PCIDE = 1u << 17,
	CR4_OSXSAVE = 1u << 18, CR4_SMEP = 1u << 20, CR4_SMAP = 1u << 21, CR4_PKE = 1u << 22,
};

enum { EFER_SCE = 1u << 0, EFER_LME = 1u << 8, EFER_LMA = 1u << 10, EFER_NXE = 1u << 11, EFER_SVME = 1u << 12 };

enum {
	RFLAGS_CF = 1u << 0, RFLAGS_FIXED = 1u << 1, RFLAGS_TF = 1u << 8, RFLAGS_IF = 1u << 9, RFLAGS_DF = 1u << 10,
	RFLAGS_IOPL = 3u << 12, RFLAGS_NT = 1u << 14, RFLAGS_RF = 1u << 16, RFLAGS_AC = 1u << 18,
};

/* DR6: what is always set; the traps of DR0 to DR3; a single step. DR7: breakpoints that are on; access to these is one. */
enum { DR6_TRAPS = 0xf, DR6_BS = 1u << 14, DR6_FIXED = 0xffff0ff0, DR7_ENABLES = 0xff, DR7_GD = 1u << 13 };

enum exception {
	VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_UD = 6, VECTOR_DF = 8, VECTOR_GP = 13, VECTOR_PF = 14, VECTOR_AC = 17, VECTOR_MC = 18,
	EXCEPTIONS = 32,
};

/* What LGDT and LIDT read. */
struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

enum msr {
	MSR_APIC_BASE = 0x1b,
	MSR_SYSENTER_CS = 0x174,
	MSR_PAT = 0x277,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC = 0x800,             /* + register offset / 16                                */
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

struct cpuid { uint32_t eax, ebx, ecx, edx; };

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
	return r;
}

/* The MSR must exist: #GP in the kernel is a panic. The upper halves of both registers come as zeros. */
static inline uint64_t rdmsr(uint32_t msr)
{
	uint64_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return hi << 32 | lo;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

#define CPU_REG_ACCESSORS(reg) \
	static inline uint64_t read_##reg(void) \
	{ \
		uint64_t v; \
		__asm__ volatile("mov %%" #reg ", %0" : "=r"(v)); \
		return v; \
	} \
	static inline void write_##reg(uint64_t v) \
	{ \
		__asm__ volatile("mov %0, %%" #reg : : "r"(v) : "memory"); \
	}

CPU_REG_ACCESSORS(cr0)
CPU_REG_ACCESSORS(cr2)
CPU_REG_ACCESSORS(cr3)
CPU_REG_ACCESSORS(cr4)
CPU_REG_ACCESSORS(dr0)
CPU_REG_ACCESSORS(dr1)
CPU_REG_ACCESSORS(dr2)
CPU_REG_ACCESSORS(dr3)
CPU_REG_ACCESSORS(dr6)
CPU_REG_ACCESSORS(dr7)
#undef CPU_REG_ACCESSORS

static inline uint64_t read_rflags(void)
{
	uint64_t v;

	__asm__ volatile("pushfq; pop %0" : "=r"(v));
	return v;
}

static inline void write_xcr0(uint64_t v)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

#define CPU_PORT_ACCESSORS(suffix, type) \
	static inline void out##suffix(uint16_t port, type v) \
	{ \
		__asm__ volatile("out" #suffix " %0, %1" : : "a"(v), "Nd"(port) : "memory"); \
	} \
	static inline type in##suffix(uint16_t port) \
	{ \
		type v; \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port) : "memory"); \
		return v; \
	}

CPU_PORT_ACCESSORS(b, uint8_t)
CPU_PORT_ACCESSORS(w, uint16_t)
CPU_PORT_ACCESSORS(l, uint32_t)
#undef CPU_PORT_ACCESSORS

static inline void invlpg(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause");
}

static inline void cpu_cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Waits for one interrupt with interrupts on; returns with them off. Nothing can slip in between STI and HLT. */
static inline void cpu_wait_interrupt(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* Lets one pending interrupt in. */
static inline void cpu_let_interrupt(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

static inline _Noreturn void cpu_halt_forever(void)
{
	for (;;) {
		__asm__ volatile("cli; hlt" : : : "memory");
	}
}
