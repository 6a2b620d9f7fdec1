/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole vendor boundary. arch/x86/svm exports one const instance, arch/x86/vmx will export another; boot picks one
 * by CPUID (vcpu_select). Nothing else in the tree tests for Intel or AMD.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

struct vcpu;

/*
 * What a back end tells about one exit. Kinds are those of kernel/abi.h. rip, rflags and the interrupt shadow are in
 * struct vcpu, before the instruction. inst_len is set for every kind whose instruction the kernel may complete
 * (0 where decoding failed: then exit.kind is EXIT_FAIL).
 */
struct vm_exit {
	uint32_t kind;               /* enum exit_kind                                                  */
	uint32_t inst_len;           /* bytes                                                           */
	union {
		struct { uint16_t port; uint8_t size; bool in, string, rep; uint64_t next_rip; } pio;
		struct { uint64_t gpa; bool write, fetch, walk, present; } mmio;
		struct { bool write; } msr;
		struct { uint8_t number; } cr;               /* a write of CR8                           */
		struct { uint8_t vector; bool has_error; uint32_t error; } exception;
		struct { uint64_t code, info1, info2; const char *why; } fail;
		struct { uint32_t code; } other;             /* enum other_exit                          */
	};
};

/* Kinds of EXIT_OTHER: instructions the guest has no use for. */
enum other_exit {
	OTHER_UNDEFINED,     /* inject #UD: VMRUN and friends, MONITOR, MWAIT                          */
	OTHER_FORBIDDEN,     /* inject #GP: RDPMC                                                      */
	OTHER_SKIP,          /* WBINVD, INVD: nothing to do                                            */
	OTHER_IRET,          /* NMIs are open again after this IRET                                    */
	OTHER_NONE,          /* the back end finished it                                               */
};

/* An event on its way into the guest. The types are the hardware's of both vendors. */
enum event_type { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_SOFTWARE = 4 };

struct vcpu_event {
	bool valid, has_error;
	uint8_t type, vector;        /* enum event_type                                                */
	uint32_t error;
};

/* Bits of vcpu_segment.attr and guest_mode.cs_attr: those of a descriptor's bits 40-55. */
enum segment_attr { SEG_S = 1 << 4, SEG_P = 1 << 7, SEG_L = 1 << 13, SEG_D = 1 << 14, SEG_G = 1 << 15 };

/* What instruction fetch and page walks need to know, copied out of the back end's state. */
struct guest_mode {
	uint64_t cs_base, cr0, cr3, cr4, efer;
	uint16_t cs_attr;            /* as struct vcpu_segment.attr                                    */
	uint8_t cpl;
};

/* Context of all: on the vCPU's CPU, interrupts off. */
struct vcpu_ops {
	const char *name;

	/* NULL: this CPU can run guests. Else the sentence for the console before the halt. */
	const char *(*missing)(void);

	/* This CPU, once, before its first run. E_IO: firmware locked it off; E_NOMEM. */
	int (*cpu_on)(void);

	/* Memory from the vCPU's arena; leaves it at the architectural reset. E_NOMEM. */
	int (*create)(struct vcpu *v);
	void (*destroy)(struct vcpu *v);
	void (*reset)(struct vcpu *v);
	void (*start)(struct vcpu *v, uint8_t vector);       /* from reset to real mode at vector * 4 KiB       */

	/* Before the first run after ring 3 or another thread had this CPU. Vector state and XCR0 are the caller's. */
	void (*load)(struct vcpu *v);

	/* The reverse, and only when v->dr_loaded: takes the guest's debug registers out of the CPU. */
	void (*unload)(struct vcpu *v);

	/*
	 * Enters the guest with v->gpr page, rip, rflags, shadow, event, virq and window; returns at the next exit with
	 * these brought up to date (v->event: what was interrupted while being delivered) and e filled. Host interrupts
	 * that ended the guest's run are still pending.
	 */
	void (*run)(struct vcpu *v, struct vm_exit *e);

	void (*mode)(const struct vcpu *v, struct guest_mode *m);
	bool (*mode_is)(const struct vcpu *v, const struct guest_mode *m);   /* mode() would say m                */
	void (*get)(const struct vcpu *v, struct vcpu_state *s);
	void (*set)(struct vcpu *v, const struct vcpu_state *s);     /* checked by the caller                 */

	/* MSRs that live in the back end's state: EFER, PAT, SYSCALL and SYSENTER MSRs, FS, GS, kernel GS base. */
	uint64_t (*get_msr)(const struct vcpu *v, uint32_t index);
	void (*set_msr)(struct vcpu *v, uint32_t index, uint64_t val);

	void (*set_tsc_offset)(struct vcpu *v, uint64_t offset);
	void (*set_dr6)(struct vcpu *v, uint64_t bits);              /* ORed in                               */
	void (*watch_iret)(struct vcpu *v, bool on);                 /* OTHER_IRET exits                      */
	void (*dump)(const struct vcpu *v);                          /* to the log                            */
};

extern const struct vcpu_ops svm_ops;
extern const struct vcpu_ops *vcpu_ops;          /* set by vcpu_select, constant afterwards               */

/*
 * Chooses the back end. Returns NULL, or a sentence that says why this machine cannot run guests; boot prints it and
 * halts. Boot processor, once.
 */
const char *vcpu_select(void);
