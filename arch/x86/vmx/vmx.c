/* SPDX-License-Identifier: Apache-2.0 */
/* VT-x: switching it on, and running one vCPU. SDM 3C 24 to 28, 31. */
#include "arch/x86/vmx/vmx.h"

#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/space.h"

enum {
	CPUID1_ECX_VMX = 1 << 5, FEATURE_LOCKED = 1 << 0, FEATURE_VMXON = 1 << 2, MISC_TIMER_SHIFT = 0x1f,
	MSR_BITMAP_BYTES = 4096, IO_BITMAP_BYTES = 8192,
	/* #DB and #AC: a guest could make the CPU deliver them for ever. #MC: is the host's. */
	TAKEN = 1 << VECTOR_DB | 1 << VECTOR_AC | 1 << VECTOR_MC,
	EPTP_WRITE_BACK = 6, EPTP_4_LEVELS = 3 << 3, EPT_2M_AT = 16, EPT_1G_AT = 17, INVEPT_SPACE = 1, INVVPID_ONE = 1,
};
#define BASIC_TRUE_CONTROLS (1ull << 55)

/* MSR 48Ch: 4 levels, write-back tables, INVEPT and INVVPID of one context. */
#define EPT_NEEDS (1ull << 6 | 1ull << 14 | 1ull << 20 | 1ull << 25 | 1ull << 32 | 1ull << 41)

static const struct {
	uint32_t msr, field, must, may, never;
} control[] = {
	{ MSR_PIN, VMCS_PIN, PIN_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMI | PIN_PREEMPTION_TIMER, 0, 0 },
	{ MSR_PROC, VMCS_PROC, PROC_TSC_OFFSET | PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8_LOAD | PROC_CR8_STORE |
	  PROC_MOV_DR | PROC_IO_BITMAPS | PROC_MSR_BITMAP | PROC_MONITOR | PROC_SECONDARY, 0, PROC_CR3_LOAD | PROC_CR3_STORE },
	{ MSR_PROC2, VMCS_PROC2, PROC2_EPT | PROC2_VPID | PROC2_WBINVD | PROC2_UNRESTRICTED, PROC2_RDTSCP, 0 },
	{ MSR_EXIT, VMCS_EXIT, EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_LOAD_EFER, 0, 0 },
	{ MSR_ENTRY, VMCS_ENTRY, ENTRY_LOAD_DEBUG | ENTRY_LOAD_EFER, 0, 0 },
};
enum { PROC_AT = 1, ENTRY_AT = 4 };

static uint32_t controls[ARRAY_SIZE(control)];
static uint32_t revision;            /* first word of a VMXON region and of a VMCS */
uint32_t vmx_entry_control;

/* One of each for all VMs: every port exits, and all MSRs but those that are switched. */
static uint8_t io_bitmap[IO_BITMAP_BYTES] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msr_bitmap[MSR_BITMAP_BYTES] __attribute__((aligned(PAGE_SIZE)));

/* True unless the CPU refuses, by CF or ZF. */
#define VMX_DO(instruction, ...) \
	({ \
		bool ok_; \
		__asm__ volatile(instruction : "=@cca"(ok_) : __VA_ARGS__ : "memory"); \
		ok_; \
	})

struct vmx_cpu {
	struct vcpu *current;        /* whose VMCS is current: at most this one is active here     */
	struct table_pointer gdtr;
};

static struct vmx_cpu vmx_cpus[CPU_MAX];

extern const char vmx_exit[];

/* ---- what the machine has ---- */

static bool present(void)
{
	return (cpuid(1, 0).ecx & CPUID1_ECX_VMX) != 0;
}

/* Computes controls[]. The secondary ones' MSR is there when the control that enables them may be 1; EPT's when EPT may. */
static const char *missing(void)
{
	bool ok = (rdmsr(MSR_VMX_BASIC) & BASIC_TRUE_CONTROLS) && (rdmsr(MSR_PROC) >> 32 & PROC_SECONDARY);

	if ((rdmsr(MSR_FEATURE_CONTROL) & (FEATURE_LOCKED | FEATURE_VMXON)) == FEATURE_LOCKED) {
		return "VT-x (VMX) is switched off by the firmware: enable it in the machine's setup.";
	}
	for (unsigned i = 0; ok && i < ARRAY_SIZE(control); i++) {
		ok = vmx_control(rdmsr(control[i].msr), control[i].must, control[i].may, control[i].never, &controls[i]);
	}
	return ok && (rdmsr(MSR_EPT_VPID) & EPT_NEEDS) == EPT_NEEDS ? NULL :
	       "This processor has VT-x but no nested paging (EPT) with unrestricted guests, which Brume needs.";
}

/* ---- once, and per CPU ---- */

static void prepare(void)
{
	unsigned ept = (unsigned)rdmsr(MSR_EPT_VPID);

	vmx_entry_control = controls[ENTRY_AT];
	revision = (uint32_t)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
	pt_guest = &pt_ept;
	pt_ept.leaf_levels = 1 + (ept >> EPT_2M_AT & 1) + (ept >> EPT_1G_AT & 1);
	__builtin_memset(io_bitmap, 0xff, sizeof(io_bitmap));
	__builtin_memset(msr_bitmap, 0xff, sizeof(msr_bitmap));
	for (unsigned i = 0; i < MSR_OPEN_COUNT; i++) {
		uint32_t msr = msr_open[i], at = (msr >= 0xc0000000 ? MSR_BITMAP_HIGH : 0) + (msr & 0x1fff) / 8;

		msr_bitmap[at] &= (uint8_t) ~(1u << msr % 8);
		/* Those that are switched by software are seen when they are written, so that they need not be read each time. */
		if (msr < MSR_STAR || msr > MSR_SFMASK) {
			msr_bitmap[at + MSR_BITMAP_WRITES] &= (uint8_t) ~(1u << msr % 8);
		}
	}
	vmx_apicv_prepare(msr_bitmap);
}

static int cpu_on(void)
{
	struct vmx_cpu *c = &vmx_cpus[cpu_this()->id];
	uint64_t feature = rdmsr(MSR_FEATURE_CONTROL), region;
	uint32_t *page = arena_page_alloc(cpu_this()->arena);

	if (!page) {
		return E_NOMEM;
	}
	if (!(feature & FEATURE_LOCKED)) {
		feature |= FEATURE_LOCKED | FEATURE_VMXON;
		wrmsr(MSR_FEATURE_CONTROL, feature);
	}
	if (!(feature & FEATURE_VMXON)) {
		return E_IO;
	}
	if (!vmx_entry_control) {
		prepare();
	}
	*page = revision;
	region = kmap_hpa(page).v;
	write_cr4(read_cr4() | CR4_VMXE);
	__asm__ volatile("sgdt %0" : "=m"(c->gdtr));
	return VMX_DO("vmxon %1", "m"(region)) ? OK : E_IO;
}

/* ---- one VMCS ---- */

/* After VMCLEAR all of the VMCS is in memory, and the next entry is a VMLAUNCH. */
static void release(struct vcpu *v)
{
	struct vmx_cpu *c = &vmx_cpus[cpu_this()->id];
	hpa_t pa = kmap_hpa(v->backend);

	if (c->current == v) {
		ASSERT(VMX_DO("vmclear %1", "m"(pa)));
		vmx_of(v)->cpu = NO_CPU;
		vmx_of(v)->launched = false;
		c->current = NULL;
	}
	ASSERT(vmx_of(v)->cpu == NO_CPU);
}

static void set_host_state(const struct vmx_cpu *c)
{
	struct table_pointer idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_GS_BASE, (uint64_t)cpu_this());
	vmwrite(VMCS_HOST_TR_BASE, (uint64_t)cpu_this()->tss);
	vmwrite(VMCS_HOST_GDTR, c->gdtr.base);
	vmwrite(VMCS_HOST_IDTR, idtr.base);
}

/*
 * Apart, for its frame. VMCLEAR makes a VMCS of a fresh page. On another CPU than before the host's state is another, and
 * what that CPU caches may be from before the vCPU left it, or from a VM that had the same root.
 */
static void __attribute__((noinline)) attach(struct vcpu *v, struct vmx_cpu *c)
{
	struct vmx *x = vmx_of(v);
	hpa_t pa = kmap_hpa(v->backend);

	if (c->current) {
		release(c->current);
	}
	ASSERT(x->cpu == NO_CPU && (x->last_cpu != NO_CPU || VMX_DO("vmclear %1", "m"(pa))) && VMX_DO("vmptrld %1", "m"(pa)));
	c->current = v;
	x->cpu = cpu_this()->id;
	if (x->last_cpu != x->cpu) {
		x->last_cpu = x->cpu;
		x->flushed_generation = NEVER;
		set_host_state(c);
	}
}

void vmx_use(struct vcpu *v)
{
	struct vmx_cpu *c = &vmx_cpus[cpu_this()->id];

	if (c->current != v) {
		attach(v, c);
	}
}

/* A VMCS has no defined content: each field that the controls bring into play is written once. */
static const struct {
	uint32_t field;
	uint64_t value;
} initial[] = {
	{ VMCS_EXCEPTIONS, TAKEN }, { VMCS_PF_MASK, 0 }, { VMCS_PF_MATCH, 0 }, { VMCS_CR3_TARGETS, 0 }, { VMCS_LINK, ~0ull },
	{ VMCS_EXIT_STORES, 0 }, { VMCS_EXIT_LOADS, 0 }, { VMCS_ENTRY_LOADS, 0 }, { VMCS_ENTRY_EVENT, 0 }, { VMCS_ACTIVITY, 0 },
	{ VMCS_CR0_MASK, ~0ull }, { VMCS_CR4_MASK, ~0ull }, { VMCS_GUEST_DEBUGCTL, 0 }, { VMCS_INTERRUPTIBILITY, 0 },
	{ VMCS_PENDING_DEBUG, 0 }, { VMCS_HOST_ES, 0 }, { VMCS_HOST_CS, KERNEL_CS }, { VMCS_HOST_SS, KERNEL_DS },
	{ VMCS_HOST_DS, 0 }, { VMCS_HOST_FS, 0 }, { VMCS_HOST_GS, 0 }, { VMCS_HOST_TR, TSS_SEL }, { VMCS_HOST_FS_BASE, 0 },
	{ VMCS_HOST_SYSENTER_CS, 0 }, { VMCS_HOST_SYSENTER_ESP, 0 }, { VMCS_HOST_SYSENTER_EIP, 0 },
};

static uint64_t eptp(const struct vcpu *v)
{
	return v->space->pt.root.v | EPTP_WRITE_BACK | EPTP_4_LEVELS;
}

/* What is cached of one VM's vCPUs is told apart by this, and VMs by their EPT root (SDM 3C 29.4.3.1). */
static uint16_t vpid(const struct vcpu *v)
{
	return (uint16_t)(v->vapic.id + 1);
}

static void update(struct vcpu *v)
{
	vmx_use(v);
	vmwrite(VMCS_TSC_OFFSET, v->vapic.tsc_offset);
}

static void init(struct vcpu *v)
{
	struct vmx *x = vmx_of(v);

	*(uint32_t *)v->backend = revision;
	x->cpu = x->last_cpu = NO_CPU;
	update(v);
	for (unsigned i = 0; i < ARRAY_SIZE(initial); i++) {
		vmwrite(initial[i].field, initial[i].value);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(control); i++) {
		vmwrite(control[i].field, controls[i]);
	}
	vmwrite(VMCS_IO_BITMAP_A, image_pa(io_bitmap).v);
	vmwrite(VMCS_IO_BITMAP_B, image_pa(io_bitmap + PAGE_SIZE).v);
	vmwrite(VMCS_MSR_BITMAP, image_pa(msr_bitmap).v);
	vmwrite(VMCS_EPTP, eptp(v));
	vmwrite(VMCS_VPID, vpid(v));
	/*
	 * 1 ms. Always armed, though interrupts end the guest's run by themselves: Bochs 3.0 takes none from a guest that
	 * was entered with IF=0.
	 */
	vmwrite(VMCS_PREEMPTION_TIMER, clock_tsc_khz() >> (rdmsr(MSR_VMX_MISC) & MISC_TIMER_SHIFT));
	vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit);
	x->proc = x->proc_base = controls[PROC_AT];
	vmx_apicv_init(v);
}

void vmx_load_debug(struct vcpu *v)
{
	vcpu_load_dr(v);
	write_dr6(vmx_of(v)->dr6);
}

void vmx_load_syscall(const struct vmx *x)
{
	wrmsr(MSR_STAR, x->star);
	wrmsr(MSR_LSTAR, x->lstar);
	wrmsr(MSR_SFMASK, x->sfmask);
}

static void load(struct vcpu *v)
{
	const struct vmx *x = vmx_of(v);

	vmx_use(v);
	vmx_load_syscall(x);
	wrmsr(MSR_KERNEL_GS_BASE, x->kernel_gs_base);
	if (x->dr7 & DR7_ENABLES) {
		vmx_load_debug(v);
	}
}

/*
 * An exit leaves the limits of GDT and IDT at 64 KiB. Ring 3 must not find descriptors behind the GDT; behind the IDT are no
 * vectors.
 */
static void unload(struct vcpu *v)
{
	struct vmx *x = vmx_of(v);

	x->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	syscall_init();
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	if (v->dr_loaded) {
		x->dr6 = read_dr6();
		x->dr7 = vmread(VMCS_GUEST_DR7);     /* only with the others loaded can the guest change it */
		vcpu_save_dr(v);
	}
	__asm__ volatile("lgdt %0" : : "m"(vmx_cpus[cpu_this()->id].gdtr));
}

/* ---- running ---- */

void vmx_flush_vpid(struct vcpu *v)
{
	const uint64_t descriptor[2] = { vpid(v), 0 };

	ASSERT(VMX_DO("invvpid %1, %2", "m"(descriptor), "r"((uint64_t)INVVPID_ONE)));
}

/* The event, or the virtual interrupt if the guest can take it now. Else the CPU exits when it can: returns controls. */
static uint32_t choose_event(struct vcpu *v, const struct vmx *x)
{
	if (v->event.valid) {
		v->event.valid = false;
		v->event.has_error &= (x->cr0 & CR0_PE) != 0;        /* none in real mode: an entry refuses it */
		vmwrite(VMCS_ENTRY_EVENT, event_word(&v->event));
		vmwrite(VMCS_ENTRY_ERROR, v->event.error);
	} else if (v->virq && !v->window && vcpu_interruptible(v)) {
		vmwrite(VMCS_ENTRY_EVENT, EVENT_VALID | v->virq);
		irq_taken(v);
	}
	return (v->virq || v->window ? PROC_INTERRUPT_WINDOW : 0) | (v->nmi_pending ? PROC_NMI_WINDOW : 0);
}

/*
 * A shadow without IF can only be MOV SS's, and a trap that waits behind it is told (SDM 3C 27.3.1.5). An NMI on its way
 * in blocks others by itself.
 */
static uint32_t interruptibility_of(const struct vcpu *v)
{
	uint32_t shadow = v->shadow && !(v->rflags & RFLAGS_IF) ? BLOCKED_BY_MOV_SS : v->shadow;
	bool injected = v->event.valid && v->event.type == EVENT_NMI;

	return shadow | (v->nmi_blocked && !injected ? BLOCKED_BY_NMI : 0);
}

static inline void change(uint32_t field, uint64_t known, uint64_t val)
{
	if (val != known) {
		vmwrite(field, val);
	}
}

/* Something waits or is blocked, or was at the last entry. */
static void __attribute__((noinline)) enter_rare(struct vcpu *v, struct vmx *x)
{
	uint32_t interruptibility = interruptibility_of(v), proc = x->proc_base;

	if (interruptibility != x->interruptibility) {
		vmwrite(VMCS_INTERRUPTIBILITY, interruptibility);
		vmwrite(VMCS_PENDING_DEBUG, v->shadow && (v->rflags & RFLAGS_TF) ? PENDING_BS : 0);
	}
	if (v->event.valid | v->virq | v->window | v->nmi_pending) {
		proc |= choose_event(v, x);
	}
	if (v->dr_loaded) {
		proc &= ~(uint32_t)PROC_MOV_DR;
	}
	if (proc != x->proc) {
		x->proc = proc;
		vmwrite(VMCS_PROC, proc);
	}
}

static void enter_state(struct vcpu *v, struct vmx *x)
{
	if (v->rare | v->event.valid | v->virq | x->interruptibility | (x->proc ^ x->proc_base)) {
		enter_rare(v, x);
	}
	change(VMCS_GUEST_RFLAGS, x->rflags, v->rflags);
	change(VMCS_GUEST_RIP, x->rip, v->rip);
	change(VMCS_GUEST_RSP, x->rsp, v->page->gpr[GPR_RSP]);
	if (read_cr2() != x->cr2) {
		write_cr2(x->cr2);
	}
}

static void leave_state(struct vcpu *v, struct vmx *x)
{
	x->cr2 = read_cr2();
	v->rip = x->rip = vmread(VMCS_GUEST_RIP);
	v->rflags = x->rflags = vmread(VMCS_GUEST_RFLAGS);
	v->page->gpr[GPR_RSP] = x->rsp = vmread(VMCS_GUEST_RSP);
	/* Bochs keeps the host's interrupts from such a guest, and its exits may come too fast for the timer. */
	if (!(v->rflags & RFLAGS_IF)) {
		__asm__ volatile("sti; nop; cli" : : : "memory");
	}
	x->interruptibility = vmread(VMCS_INTERRUPTIBILITY);
	v->shadow = x->interruptibility & (BLOCKED_BY_STI | BLOCKED_BY_MOV_SS);
	v->nmi_blocked = (x->interruptibility & BLOCKED_BY_NMI) != 0;
	if (v->window | v->nmi_pending) {
		v->window = false;
		vcpu_add_work(v, WORK_IRQ);
	}
}

/* Drops all that was translated through the root, of any VPID: INVEPT. */
static void __attribute__((noinline)) refresh(struct vcpu *v, struct vmx *x)
{
	const uint64_t descriptor[2] = { eptp(v), 0 };

	x->flushed_generation = v->space->generation;
	ASSERT(VMX_DO("invept %1, %2", "m"(descriptor), "r"((uint64_t)INVEPT_SPACE)));
}

static void run(struct vcpu *v, struct vm_exit *e)
{
	struct vmx *x = vmx_of(v);
	bool entered;

	if (x->flushed_generation != v->space->generation) {
		refresh(v, x);
	}
	if (v->apic_page) {
		vmx_apicv_enter(v, x);
	}
	enter_state(v, x);
	e->inst_len = 0;
	entered = vmx_enter(v->page->gpr, x);
	leave_state(v, x);
	if (v->apic_in) {
		vmx_apicv_leave(v);
	}
	x->launched |= entered;
	vmx_decode(v, e, entered ? (uint32_t)vmread(VMCS_REASON) : REASON_REFUSED);
}

const struct vcpu_ops vmx_ops = {
	.name = "VMX",
	.own_bytes = sizeof(struct vmx),
	.present = present,
	.missing = missing,
	.cpu_on = cpu_on,
	.init = init,
	.release = release,
	.flush = vmx_flush_vpid,
	.load = load,
	.unload = unload,
	.run = run,
	.mode = vmx_mode,
	.mode_is = vmx_mode_is,
	.set_mode = vmx_set_mode,
	.get = vmx_get,
	.set = vmx_set,
	.get_word = vmx_get_word,
	.set_word = vmx_set_word,
	.update = update,
	.take_apic = vmx_apicv_take,
};
