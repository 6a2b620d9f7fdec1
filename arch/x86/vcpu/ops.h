/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole vendor boundary. arch/x86/svm and arch/x86/vmx export one const instance each; boot picks one by CPUID
 * (vcpu_select). Nothing else in the tree tests for Intel or AMD.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

struct vcpu;

/* An event on its way into the guest. The types are the hardware's of both vendors. */
enum event_type { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_SOFTWARE = 4 };

struct vcpu_event {
	bool valid, has_error;
	uint8_t type, vector;        /* enum event_type                                                */
	uint32_t error;
};

/* Both vendors' word for an event, without the error code (APM 2 15.20, SDM 3C 25.8.3). */
enum { EVENT_TYPE_SHIFT = 8, EVENT_TYPE_MASK = 7, EVENT_HAS_ERROR = 1 << 11 };
#define EVENT_VALID (1u << 31)

static inline uint32_t event_word(const struct vcpu_event *e)
{
	return EVENT_VALID | (uint32_t)e->type << EVENT_TYPE_SHIFT | e->vector | (e->has_error ? EVENT_HAS_ERROR : 0);
}

/*
 * What a back end tells about one exit. Kinds are those of kernel/abi.h; EXIT_NMI is the IRET that ends an NMI (SVM; VMX keeps
 * v->nmi_blocked by itself), EXIT_DR and
 * EXIT_OTHER are finished, or an instruction to step over. rip, rflags and the interrupt shadow are in struct vcpu, before
 * the instruction. inst_len is set for every kind whose instruction the kernel may complete, else 0; where decoding failed
 * exit.kind is EXIT_FAIL.
 */
struct vm_exit {
	uint32_t kind;               /* enum exit_kind                                                  */
	uint32_t inst_len;           /* bytes                                                           */
	union {
		struct exit_pio pio;
		struct exit_mmio mmio;
		struct exit_fail fail;
		struct vcpu_event exception;
		bool write;                  /* EXIT_MSR: WRMSR                                         */
		struct { uint64_t value; uint8_t number; } cr;       /* EXIT_CR: the value is written to CR0, CR4 or CR8 */
	};
	const char *why;             /* EXIT_FAIL                                                       */
};

/* The guest gets that exception. */
static inline void exit_exception(struct vm_exit *e, uint8_t vector, bool has_error, uint32_t error)
{
	e->kind = EXIT_EXCEPTION;
	e->exception = (struct vcpu_event){ .vector = vector, .has_error = has_error, .error = error };
}

/* An exit's handler. True: vcpu_run returns page->exit.kind, which is filled. */
typedef bool exit_fn(struct vcpu *, struct vm_exit *);

/* By enum exit_kind of the back end. Context: interrupts off, the vCPU loaded, its thread current. */
extern exit_fn *const exit_handlers[EXIT_KIND_COUNT];

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
	size_t own_bytes;            /* of the back end's state behind struct vcpu: vcpu_own()        */

	/* This CPU has the vendor's extension, by CPUID alone. */
	bool (*present)(void);

	/* NULL: this CPU can run guests. Else the sentence for the console before the halt. */
	const char *(*missing)(void);

	/* This CPU, once, before its first run. E_IO: firmware locked it off; E_NOMEM. */
	int (*cpu_on)(void);

	/* v->backend is a zeroed page, vcpu_own() is zeroed: makes v runnable but for what set() sets. */
	void (*init)(struct vcpu *v);

	/*
	 * This CPU, on which v ran last or where its state was last looked at, keeps nothing of it: another CPU may run it,
	 * or its memory goes. Nothing to do on a CPU that has nothing of v, while no other has. NULL: none ever keeps any.
	 */
	void (*release)(struct vcpu *v);

	/* Before the first run after ring 3 or another thread had this CPU. Vector state and XCR0 are the caller's. */
	void (*load)(struct vcpu *v);

	/* The reverse: the CPU is the host's again. */
	void (*unload)(struct vcpu *v);

	/*
	 * Enters the guest with v->gpr page, rip, rflags, shadow, event, virq and window; returns at the next exit with
	 * these brought up to date (v->event: what was interrupted while being delivered) and e filled. Host interrupts
	 * that ended the guest's run are still pending.
	 */
	void (*run)(struct vcpu *v, struct vm_exit *e);

	void (*mode)(const struct vcpu *v, struct guest_mode *m);
	bool (*mode_is)(const struct vcpu *v, const struct guest_mode *m);   /* mode() would say m                */

	/* CR0, CR4 and EFER of m, which are valid together, as MOV to CRn loads them: nothing cached stays. False: #GP. */
	bool (*set_mode)(struct vcpu *v, const struct guest_mode *m);

	/*
	 * The members of vcpu_state that are the back end's: segments, CR0-4, EFER, DR6-7, SYSCALL and SYSENTER MSRs, PAT.
	 * get may write others between cr0 and pat too. v is not loaded.
	 */
	void (*get)(struct vcpu *v, struct vcpu_state *s);
	void (*set)(struct vcpu *v, const struct vcpu_state *s);     /* checked by the caller                 */

	/*
	 * One of CR0, CR4, EFER, DR6, PAT, STAR to SFMASK, by its offset in struct vcpu_state; CR0 and CR4 are only read so. v is
	 * loaded.
	 */
	uint64_t (*get_word)(const struct vcpu *v, size_t offset);
	void (*set_word)(struct vcpu *v, size_t offset, uint64_t val);

	void (*flush)(struct vcpu *v);       /* nothing of the guest's translations is left at the next entry */
	/* Of v->apic_page: what the CPU keeps of the guest's APIC comes back into v->vapic. v is loaded or nobody's. */
	void (*take_apic)(struct vcpu *v);

	void (*update)(struct vcpu *v);      /* v->vapic.tsc_offset or v->nmi_blocked (then IRET exits) changed */
};

extern const struct vcpu_ops svm_ops, vmx_ops;
extern const struct vcpu_ops *vcpu_ops;          /* set by vcpu_select, constant afterwards               */
extern bool vcpu_apicv;                          /* vCPUs made from now on have their APIC in the CPU, where that can */

/*
 * Chooses the back end. Returns NULL, or a sentence that says why this machine cannot run guests; boot prints it and
 * halts. Boot processor, once.
 */
const char *vcpu_select(void);
