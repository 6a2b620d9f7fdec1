/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block. APM 2 appendix B (layout), appendix C (exit codes). */
#pragma once

#include "lib/base.h"

/* Word 3 and 4 of the intercepts, at 0Ch and 10h. */
enum vmcb_intercept3 {
	ICPT3_INTR = 1 << 0, ICPT3_NMI = 1 << 1, ICPT3_VINTR = 1 << 4, ICPT3_RDPMC = 1 << 15, ICPT3_CPUID = 1 << 18,
	ICPT3_IRET = 1 << 20, ICPT3_INVD = 1 << 22, ICPT3_HLT = 1 << 24, ICPT3_INVLPGA = 1 << 26, ICPT3_IOIO = 1 << 27,
	ICPT3_MSR = 1 << 28, ICPT3_FERR_FREEZE = 1 << 30,
};
#define ICPT3_SHUTDOWN (1u << 31)

enum vmcb_intercept4 {
	ICPT4_VMRUN = 1 << 0, ICPT4_VMMCALL = 1 << 1, ICPT4_VMLOAD = 1 << 2, ICPT4_VMSAVE = 1 << 3, ICPT4_STGI = 1 << 4,
	ICPT4_CLGI = 1 << 5, ICPT4_SKINIT = 1 << 6, ICPT4_WBINVD = 1 << 9, ICPT4_MONITOR = 1 << 10, ICPT4_MWAIT = 1 << 11,
	ICPT4_MWAIT_ARMED = 1 << 12, ICPT4_XSETBV = 1 << 13, ICPT4_RDPRU = 1 << 14,
};

/* Virtual interrupt control at 60h: V_TPR, V_IRQ, priority, flags, vector, as one 64-bit word. */
#define VINTR_IRQ       (1ull << 8)
#define VINTR_PRIO(p)   ((uint64_t)(p) << 16)
#define VINTR_IGN_TPR   (1ull << 20)
#define VINTR_MASKING   (1ull << 24)
#define VINTR_VECTOR(v) ((uint64_t)(v) << 32)

enum { TLB_NOTHING = 0, TLB_FLUSH_ALL = 1, NESTED_PAGING = 1 };

enum svm_exit {
	VMEXIT_CR4_WRITE = 0x014, VMEXIT_CR8_WRITE = 0x018, VMEXIT_DR0_READ = 0x020, VMEXIT_DR15_WRITE = 0x03f,
	VMEXIT_EXCP_0 = 0x040, VMEXIT_INTR = 0x060, VMEXIT_NMI = 0x061, VMEXIT_SMI = 0x062,
	VMEXIT_INIT = 0x063, VMEXIT_VINTR = 0x064, VMEXIT_RDPMC = 0x06f, VMEXIT_CPUID = 0x072, VMEXIT_IRET = 0x074,
	VMEXIT_INVD = 0x076, VMEXIT_HLT = 0x078, VMEXIT_INVLPGA = 0x07a, VMEXIT_IOIO = 0x07b, VMEXIT_MSR = 0x07c,
	VMEXIT_FERR_FREEZE = 0x07e, VMEXIT_SHUTDOWN = 0x07f, VMEXIT_VMRUN = 0x080, VMEXIT_VMMCALL = 0x081, VMEXIT_VMLOAD = 0x082,
	VMEXIT_SKINIT = 0x086, VMEXIT_WBINVD = 0x089, VMEXIT_MONITOR = 0x08a, VMEXIT_MWAIT = 0x08b,
	VMEXIT_MWAIT_ARMED = 0x08c, VMEXIT_XSETBV = 0x08d, VMEXIT_RDPRU = 0x08e, VMEXIT_NPF = 0x400,
};
#define VMEXIT_INVALID 0xffffffffu   /* compare 32 bits: QEMU before 10.0.13 stores no more */

struct vmcb_segment {
	uint16_t selector;
	uint16_t attr;               /* descriptor bits 40-47 and 52-55, packed in 12 bits                */
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	uint16_t icpt_cr_read, icpt_cr_write, icpt_dr_read, icpt_dr_write;
	uint32_t icpt_exceptions, icpt3, icpt4;
	uint8_t pad014[0x40 - 0x14];
	uint64_t iopm_pa, msrpm_pa, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, pad05d[3];
	uint64_t vintr;
	uint64_t shadow;             /* bit 0: interrupt shadow                                           */
	uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
	uint64_t nested_ctl;
	uint8_t pad098[0xa8 - 0x98];
	uint64_t event_inj, nested_cr3, lbr_ctl;
	uint32_t clean, pad0c4;
	uint64_t next_rip;
	uint8_t inst_count, inst[15];
	uint8_t pad0e0[0x3e0 - 0xe0];
	/* 3E0h-3FFh are the host's to use. */
	uint64_t host_space_generation, host_asid_generation;
	uint32_t host_asid_cpu, host_steps, host_pad[2];

	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t pad4a0[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t pad4cc;
	uint64_t efer;
	uint8_t pad4d8[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t pad580[0x5d8 - 0x580];
	uint64_t rsp;
	uint8_t pad5e0[0x5f8 - 0x5e0];
	uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t pad648[0x668 - 0x648];
	uint64_t pat, debugctl, br_from, br_to, last_from, last_to;
	uint8_t pad698[0x1000 - 0x698];
};

_Static_assert(offsetof(struct vmcb, vintr) == 0x60, "APM 2 B.1");
_Static_assert(offsetof(struct vmcb, event_inj) == 0xa8, "APM 2 B.1");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "APM 2 B.1");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "APM 2 B.2");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "APM 2 B.2");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "APM 2 B.2");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "APM 2 B.2");
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "APM 2 B");
