/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMX back end's decoding and state, over a VMCS that is an array: from exit reasons to neutral exits, control words,
 * what stands in the VMCS for what the guest has in its control registers.
 * sources: arch/x86/vcpu/irq.c arch/x86/vcpu/vapic.c
 */
#define VMX_FAKE_VMCS
#include "arch/x86/vmx/apicv.c"
#include "arch/x86/vmx/exit.c"
#include "arch/x86/vmx/state.c"

#include "arch/x86/time/clock.h"
#include "kernel/log.h"
#include "tests/unit/check.h"

enum { FIELDS = 0x7000, LENGTH = 5, RIP = 0x1000 };

static uint64_t vmcs[FIELDS];
static struct {
	struct vcpu v;
	struct vmx x;
} all;
static struct vcpu *const v = &all.v;
static struct vm vm;
static struct vcpu_page page;
static uint64_t pdpte[4];
static unsigned flushes, loads, taken;

struct cpu_features cpu_features = { .phys_bits = 40 };
uint32_t vmx_entry_control = ENTRY_LOAD_EFER;
const struct vcpu_ops *vcpu_ops;

uint64_t vmread(uint32_t field) { return vmcs[field]; }
void vmwrite(uint32_t field, uint64_t val) { vmcs[field] = val; }
void vmx_use(struct vcpu *of) { CHECK(of == v); }
void vmx_flush_vpid(struct vcpu *of) { flushes += of == v; }
void vmx_load_debug(struct vcpu *of) { (void)of; }
void vmx_load_syscall(const struct vmx *x) { (void)x; loads++; }
void vcpu_notify(struct vcpu *of, uint32_t work) { of->work |= work; }
void log_printf(const char *fmt, ...) { (void)fmt; }
uint64_t clock_ns(void) { return 0; }
uint64_t clock_ticks_to_ns(uint64_t ticks) { return ticks; }
void timer_set(struct timer *t, uint64_t deadline_ns) { (void)t; (void)deadline_ns; }
void timer_cancel(struct timer *t) { (void)t; }
void *arena_page_alloc(struct arena *a) { (void)a; return NULL; }
void irq_take(uint8_t vector) { taken = vector; }
bool vcpu_apicv;

int vm_read(const struct vm *of, uint64_t gpa, void *buf, size_t len)
{
	CHECK(of == &vm && gpa == 0x5000 && len == sizeof(pdpte));
	memcpy(buf, pdpte, len);
	return OK;
}

static void fresh(void)
{
	memset(vmcs, 0, sizeof(vmcs));
	memset(&all, 0, sizeof(all));
	memset(&page, 0, sizeof(page));
	memset(pdpte, 0, sizeof(pdpte));
	flushes = 0;
	v->vm = &vm;
	v->page = &page;
	v->rip = RIP;
	v->rflags = RFLAGS_FIXED | RFLAGS_RF;
	vmcs[VMCS_LENGTH] = LENGTH;
}

static struct vm_exit decode(uint32_t reason, uint64_t qualification)
{
	struct vm_exit e = { 0 };

	vmcs[VMCS_REASON] = reason;
	vmcs[VMCS_QUALIFICATION] = qualification;
	vmx_decode(v, &e, reason);
	return e;
}

TEST(control_words_have_what_must_be_and_of_the_rest_what_there_is)
{
	static const struct {
		const char *what;
		uint64_t capability;
		uint32_t must, may, never, out;
		bool ok;
	} row[] = {
		{ "all there", 0xff00000000, 1, 2, 4, 3, true },
		{ "bits that are always 1", 0xff00000010, 1, 0, 4, 0x11, true },
		{ "what may be and is not", 0x100000000, 1, 2, 0, 1, true },
		{ "what must be and is not", 0xfe00000000, 1, 2, 0, 3, false },
		{ "what must not be and is", 0xff00000004, 1, 0, 4, 5, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint32_t out;

		CHECK_EQ(vmx_control(row[i].capability, row[i].must, row[i].may, row[i].never, &out), row[i].ok);
		CHECK_EQ(out, row[i].out);
	}
}

TEST(instructions_come_with_their_length_and_others_without)
{
	static const struct { uint32_t reason, kind; bool length; } row[] = {
		{ REASON_CPUID, EXIT_CPUID, true }, { REASON_HLT, EXIT_HLT, true }, { REASON_VMCALL, EXIT_HYPERCALL, true },
		{ REASON_RDMSR, EXIT_MSR, true }, { REASON_WRMSR, EXIT_MSR, true }, { REASON_XSETBV, EXIT_XSETBV, true },
		{ REASON_INVD, EXIT_OTHER, true }, { REASON_WBINVD, EXIT_OTHER, true },
		{ REASON_INTERRUPT, EXIT_INTERRUPT, false }, { REASON_PREEMPTION_TIMER, EXIT_INTERRUPT, false },
		{ REASON_INTERRUPT_WINDOW, EXIT_IRQ_WINDOW, false }, { REASON_NMI_WINDOW, EXIT_IRQ_WINDOW, false },
		{ REASON_TRIPLE_FAULT, EXIT_SHUTDOWN, false }, { REASON_DR, EXIT_DR, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct vm_exit e;

		fresh();
		e = decode(row[i].reason, 0);
		CHECK_EQ(e.kind, row[i].kind);
		CHECK_EQ(e.inst_len, row[i].length ? LENGTH : 0);
		CHECK_EQ(e.kind == EXIT_MSR && e.write, row[i].reason == REASON_WRMSR);
	}
}

TEST(instructions_of_other_hypervisors_are_undefined)
{
	static const uint32_t row[] = { REASON_GETSEC, REASON_RSM, REASON_VMCLEAR, 23, REASON_VMXON, REASON_MWAIT,
					REASON_MONITOR, REASON_INVEPT, REASON_INVVPID };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct vm_exit e;

		fresh();
		e = decode(row[i], 0);
		CHECK_EQ(e.kind, EXIT_EXCEPTION);
		CHECK_EQ(e.exception.vector, 6);
		CHECK(!e.exception.has_error);
	}
	fresh();
	CHECK_EQ(decode(REASON_RDPMC, 0).exception.vector, 13);
}

TEST(what_cannot_go_on_says_why_and_leaves_no_event)
{
	static const uint32_t row[] = { REASON_EPT_MISCONFIG, 33 | REASON_ENTRY_FAILED, 64, REASON_REFUSED };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct vm_exit e;

		fresh();
		vmcs[VMCS_ENTRY_EVENT] = EVENT_VALID | 3;
		e = decode(row[i], 7);
		CHECK_EQ(e.kind, EXIT_FAIL);
		CHECK(e.why && e.why[0]);
		CHECK_EQ(e.fail.code, row[i]);
		CHECK_EQ(e.fail.info1, 7);
		CHECK_EQ(vmcs[VMCS_ENTRY_EVENT], 0);
	}
}

TEST(task_switches_go_out_with_their_event)
{
	struct vm_exit e;

	fresh();
	vmcs[VMCS_LENGTH] = 2;
	vmcs[VMCS_VECTORING] = EVENT_VALID | 3 << EVENT_TYPE_SHIFT | EVENT_HAS_ERROR | 13;
	vmcs[VMCS_VECTORING_ERROR] = 0x1f8;
	e = decode(REASON_TASK_SWITCH, 0xc0000060);
	CHECK_EQ(e.kind, EXIT_TASK);
	CHECK_EQ(page.exit.task.selector, 0x60);
	CHECK_EQ(page.exit.task.source, TASK_GATE);
	CHECK_EQ(page.exit.task.length, 2);
	CHECK_EQ((uint8_t)page.exit.task.event, 13);
	CHECK_EQ(page.exit.task.error, 0x1f8);
	CHECK(!v->event.valid);
}

TEST(ports)
{
	static const struct { uint64_t q; struct exit_pio want; } row[] = {
		{ 0x03f80000, { .port = 0x3f8, .size = 1, .next_rip = RIP + LENGTH } },
		{ 0x0cfc000b, { .port = 0xcfc, .size = 4, .in = 1, .next_rip = RIP + LENGTH } },
		{ 0x00600039, { .port = 0x60, .size = 2, .in = 1, .string = 1, .rep = 1, .next_rip = RIP + LENGTH } },
		{ 0x00800040, { .port = 0x80, .size = 1, .next_rip = RIP + LENGTH } },          /* immediate */
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct vm_exit e;

		fresh();
		e = decode(REASON_IO, row[i].q);
		CHECK_EQ(e.kind, EXIT_PIO);
		CHECK(memcmp(&e.pio, &row[i].want, sizeof(e.pio)) == 0);
	}
}

TEST(memory_without_ram)
{
	static const struct { uint64_t q; bool write, fetch, walk; } row[] = {
		{ 0x181, false, false, false }, { 0x182, true, false, false }, { 0x184, false, true, false },
		{ 0x782, true, false, false },          /* bits 9 and 10 of newer CPUs */
		{ 0x081, false, false, true }, { 0x6aa, true, false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct vm_exit e;

		fresh();
		vmcs[VMCS_GUEST_PHYSICAL] = 0xfec00010;
		e = decode(REASON_EPT_VIOLATION, row[i].q);
		CHECK_EQ(e.kind, EXIT_MMIO);
		CHECK_EQ(e.inst_len, 0);                /* not defined for violations, whatever the field holds */
		CHECK_EQ(e.mmio.gpa, 0xfec00010);
		CHECK_EQ(e.mmio.write, row[i].write);
		CHECK_EQ(e.mmio.fetch, row[i].fetch);
		CHECK_EQ(e.mmio.walk, row[i].walk);
		CHECK_EQ(v->rflags, RFLAGS_FIXED);
		CHECK(!v->event.valid && !v->nmi_blocked);
	}
}

TEST(interrupted_deliveries_come_again_and_software_interrupts_do_not)
{
	static const struct { uint32_t word, error; bool again; } row[] = {
		{ EVENT_VALID | 0x30, 0, true }, { EVENT_VALID | EVENT_NMI << 8 | 2, 0, true },
		{ EVENT_VALID | EVENT_EXCEPTION << 8 | EVENT_HAS_ERROR | 14, 6, true },
		{ EVENT_VALID | 1 << 12 | EVENT_EXCEPTION << 8 | 6, 0, true },          /* NMI unblocking */
		{ EVENT_VALID | 4 << 8 | 0x80, 0, false }, { EVENT_VALID | 5 << 8 | 1, 0, false },
		{ EVENT_VALID | 6 << 8 | 3, 0, false }, { 0x30, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		vmcs[VMCS_VECTORING] = row[i].word;
		vmcs[VMCS_VECTORING_ERROR] = row[i].error;
		decode(REASON_EPT_VIOLATION, 0x182);
		CHECK_EQ(v->event.valid, row[i].again);
		if (row[i].again) {
			CHECK_EQ(event_word(&v->event), row[i].word & ~(1u << 12));
			CHECK_EQ(v->event.error, row[i].error);
		}
	}
}

TEST(an_iret_that_faults_leaves_nmis_blocked)
{
	fresh();
	decode(REASON_EPT_VIOLATION, 0x1182);
	CHECK(v->nmi_blocked);
	fresh();
	vmcs[VMCS_VECTORING] = EVENT_VALID | 0x30;
	decode(REASON_EPT_VIOLATION, 0x1182);
	CHECK(!v->nmi_blocked);                 /* bit 12 means nothing then */
	fresh();
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | 1 << 12 | EVENT_EXCEPTION << 8 | 17;
	decode(REASON_EXCEPTION, 0);
	CHECK(v->nmi_blocked);
}

TEST(exceptions)
{
	struct vm_exit e;

	fresh();
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | EVENT_EXCEPTION << 8 | 1;
	vmcs[VMCS_GUEST_DR7] = 0x2401;
	all.x.dr6 = 0xffff0ff0 | 2;
	e = decode(REASON_EXCEPTION, 0x2001);
	CHECK_EQ(e.kind, EXIT_EXCEPTION);
	CHECK_EQ(e.exception.vector, 1);
	CHECK_EQ(all.x.dr6, 0xffff2ff1);
	CHECK_EQ(vmcs[VMCS_GUEST_DR7], 0x401);
	CHECK_EQ(v->rip, RIP);

	fresh();                                /* INT1 */
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | 5 << 8 | 1;
	e = decode(REASON_EXCEPTION, 0);
	CHECK_EQ(e.exception.vector, 1);
	CHECK_EQ(v->rip, RIP + LENGTH);
	CHECK_EQ(all.x.dr6, 0);

	fresh();
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | EVENT_HAS_ERROR | EVENT_EXCEPTION << 8 | 17;
	e = decode(REASON_EXCEPTION, 0);
	CHECK_EQ(e.exception.vector, 17);
	CHECK(e.exception.has_error);

	fresh();
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | EVENT_EXCEPTION << 8 | 18;
	CHECK_EQ(decode(REASON_EXCEPTION, 0).kind, EXIT_FAIL);
}

TEST(writes_of_control_registers)
{
	static const struct { uint64_t q, cr0, value; uint8_t number; } row[] = {
		{ 0x300, 0, 0x1234, 0 }, { 0x304, 0, 0x1234, 4 }, { 0x308, 0, 0x1234, 8 },      /* MOV from rbx */
		{ 0x020, CR0_PE | CR0_TS, CR0_PE, 0 },                                          /* CLTS */
		{ 0xfffe0030, CR0_PE, CR0_PE | CR0_MP | CR0_EM | CR0_TS, 0 },                   /* LMSW */
		{ 0x30, CR0_PE | CR0_MP, CR0_PE, 0 },                                           /* PE stays */
	};
	struct vm_exit e;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		page.gpr[GPR_RBX] = 0x1234;
		all.x.cr0 = row[i].cr0;
		e = decode(REASON_CR, row[i].q);
		CHECK_EQ(e.kind, EXIT_CR);
		CHECK_EQ(e.inst_len, LENGTH);
		CHECK_EQ(e.cr.number, row[i].number);
		CHECK_EQ(e.cr.value, row[i].value);
	}
	fresh();
	v->vapic.reg[APIC_TPR] = 0x57;
	e = decode(REASON_CR, 0x918);           /* MOV from CR8 to r9 */
	CHECK_EQ(e.kind, EXIT_OTHER);
	CHECK_EQ(page.gpr[GPR_R9], 5);
}

static struct vcpu_state long_mode(void)
{
	return (struct vcpu_state){
		.cr0 = CR0_PG | CR0_PE | CR0_CD | CR0_NW, .cr3 = 0x5000, .cr4 = CR4_PAE, .efer = EFER_LME | EFER_LMA, .cr2 = 0xbad,
		.dr7 = 0x400, .pat = 0x0606, .lstar = 0x77, .sysenter_eip = 0x99, .cs = { .attr = 0xa09b, .selector = 8 },
		.ss = { .attr = 0x0060 }, .gdtr = { .base = 0x3000, .limit = 0x1ffff },
	};
}

TEST(state_goes_in_and_comes_out)
{
	struct vcpu_state in = long_mode(), out = { 0 };
	struct guest_mode m;

	fresh();
	vmx_set(v, &in);
	CHECK_EQ(vmcs[VMCS_CR0_SHADOW], in.cr0);
	CHECK_EQ(vmcs[VMCS_GUEST_CR0], CR0_PG | CR0_PE | CR0_NE);       /* caching is not the guest's */
	CHECK_EQ(vmcs[VMCS_GUEST_CR4], CR4_PAE | CR4_VMXE | CR4_MCE);
	CHECK_EQ(vmcs[VMCS_CR4_SHADOW], CR4_PAE);
	CHECK_EQ(vmcs[VMCS_ENTRY], ENTRY_LOAD_EFER | ENTRY_LONG_MODE);
	CHECK_EQ(vmcs[VMCS_SEGMENT(VMCS_GUEST_RIGHTS, SEGMENT_SS)], RIGHTS_UNUSABLE | 0x60);
	CHECK_EQ(vmcs[VMCS_SEGMENT(VMCS_GUEST_LIMIT, 8)], 0xffff);
	CHECK_EQ(all.x.flushed_generation, NEVER);
	vmx_get(v, &out);
	out.gdtr.limit = in.gdtr.limit;
	CHECK(memcmp(&in, &out, sizeof(in)) == 0);
	CHECK_EQ(vmcs[VMCS_GUEST_SYSENTER_EIP], 0x99);
	CHECK_EQ(vmx_get_word(v, offsetof(struct vcpu_state, lstar)), 0x77);
	vmx_mode(v, &m);
	CHECK_EQ(m.cpl, 3);
	CHECK_EQ(m.cs_attr, 0xa09b);
	CHECK(vmx_mode_is(v, &m));
	vmcs[VMCS_GUEST_CR3] = 0x6000;
	CHECK(!vmx_mode_is(v, &m));
}

TEST(pae_paging_is_entered_with_its_four_entries)
{
	struct guest_mode m = { .cr0 = CR0_PG | CR0_PE, .cr3 = 0x5018, .cr4 = CR4_PAE };

	fresh();
	m.cr3 = 0x5000;
	pdpte[1] = 0x7001;
	CHECK(vmx_set_mode(v, &m));
	CHECK_EQ(vmcs[VMCS_GUEST_PDPTE + 2], 0x7001);
	CHECK_EQ(vmcs[VMCS_ENTRY], ENTRY_LOAD_EFER);
	CHECK_EQ(flushes, 1);
	pdpte[3] = 1ull << 40 | 1;              /* beyond the physical width */
	m.cr4 |= CR4_PGE;
	CHECK(!vmx_set_mode(v, &m));
	CHECK_EQ(all.x.cr4, CR4_PAE);
	CHECK_EQ(flushes, 1);
	pdpte[3] = 1ull << 40;                  /* not present: anything */
	CHECK(vmx_set_mode(v, &m));
}

TEST(registers_of_syscall_reach_the_cpu_when_they_are_written)
{
	fresh();
	loads = 0;
	vmx_set_word(v, offsetof(struct vcpu_state, lstar), 0x1234);
	CHECK(loads == 1 && all.x.lstar == 0x1234 && vmx_get_word(v, offsetof(struct vcpu_state, lstar)) == 0x1234);
	vmx_set_word(v, offsetof(struct vcpu_state, pat), 6);
	CHECK_EQ(loads, 1);
}

/* ---- the APIC in the CPU ---- */

static uint32_t apic_page[1024] __attribute__((aligned(4096)));

static uint32_t *in_page(unsigned reg)
{
	return &apic_page[4 * reg];
}

static void fresh_apicv(void)
{
	fresh();
	memset(apic_page, 0, sizeof(apic_page));
	vapic_init(&v->vapic, 5, false);
	v->vapic.base |= APIC_BASE_X2APIC;
	v->vapic.reg[APIC_SVR] = 0x1ff;
	v->apic_page = apic_page;
	all.x.proc_base = PROC_CR8_LOAD | PROC_CR8_STORE;
}

TEST(an_apic_goes_into_the_cpu_and_comes_back)
{
	fresh_apicv();
	v->vapic.reg[APIC_TPR] = 0x20;
	CHECK(vapic_post(&v->vapic, 0x51, false) && vapic_post(&v->vapic, 0xe3, false));
	vapic_accept(&v->vapic, 0x51);
	vmx_apicv_enter(v, &all.x);
	CHECK(v->apic_in && all.x.proc_base == PROC_TPR_SHADOW && (vmcs[VMCS_PROC2] & NEEDS) == NEEDS);
	CHECK_EQ(vmcs[VMCS_INTERRUPT_STATUS], 0x51e3);
	CHECK(*in_page(APIC_TPR) == 0x20 && *in_page(APIC_ISR + 2) == 1u << 0x11 && *in_page(APIC_IRR + 7) == 1u << 3);
	CHECK_EQ(v->vapic.irr[3], 0);
	/* The CPU delivers e3h; the guest raises its priority. */
	*in_page(APIC_IRR + 7) = 0;
	*in_page(APIC_ISR + 7) = 1u << 3;
	*in_page(APIC_TPR) = 0x40;
	vmcs[VMCS_INTERRUPT_STATUS] = 0xe300;
	vmx_apicv_leave(v);
	vmx_apicv_take(v);
	CHECK(!v->apic_in && v->vapic.reg[APIC_TPR] == 0x40 && v->vapic.isr_top == 0xe3);
	CHECK(v->vapic.isr[3] == 1ull << 35 && v->vapic.isr[1] == 1ull << 17 && v->vapic.irr[3] == 0);
}

TEST(what_is_posted_meanwhile_joins_what_waits)
{
	fresh_apicv();
	CHECK(vapic_post(&v->vapic, 0x61, false));
	vmx_apicv_enter(v, &all.x);
	CHECK_EQ(vmcs[VMCS_INTERRUPT_STATUS], 0x61);
	page.eoi_exit_bitmap[0] = 1ull << 0x30;
	CHECK(vapic_post(&v->vapic, 0x30, true));
	vmx_apicv_enter(v, &all.x);
	CHECK_EQ(vmcs[VMCS_INTERRUPT_STATUS], 0x61);     /* still the highest */
	CHECK(*in_page(APIC_IRR + 1) == 1u << 16 && *in_page(APIC_TMR + 1) == 1u << 16);
	CHECK_EQ(vmcs[VMCS_EOI_EXITS], 1ull << 0x30);
	vmx_apicv_take(v);
	CHECK(v->vapic.irr[0] == 1ull << 0x30 && v->vapic.irr[1] == 1ull << 0x21 && *in_page(APIC_IRR + 1) == 0);
}

TEST(outside_of_x2apic_mode_the_model_does_it)
{
	fresh_apicv();
	vmx_apicv_enter(v, &all.x);
	vmx_apicv_take(v);
	v->vapic.base &= ~(uint64_t)APIC_BASE_X2APIC;
	vmx_apicv_enter(v, &all.x);
	CHECK(!v->apic_in && !all.x.apicv && !(vmcs[VMCS_PROC2] & NEEDS));
	CHECK_EQ(all.x.proc_base, PROC_CR8_LOAD | PROC_CR8_STORE);
}

TEST(exits_of_an_apic_in_the_cpu)
{
	struct vm_exit e;

	fresh_apicv();
	vmx_apicv_enter(v, &all.x);
	e = decode(REASON_EOI, 0x41);
	CHECK(e.kind == EXIT_EOI && e.inst_len == 0 && v->vapic.eoi_vector == 0x41);
	*in_page(APIC_SELF_IPI) = 7;         /* no vector */
	e = decode(REASON_APIC_WRITE, 0x3f0);
	CHECK(e.kind == EXIT_OTHER && v->vapic.errors && !v->vapic.irr[0]);
}

/* The CPU moves what is in the record, and has taken the host's interrupts that end a run. */
TEST(interrupts_are_posted_into_a_record)
{
	static uint64_t record[8] __attribute__((aligned(64)));

	fresh_apicv();
	v->vapic.post = record;
	CHECK(vapic_post(&v->vapic, 0x71, false) && record[1] == 1ull << 0x31 && record[4] == 1 && !v->vapic.irr[1]);
	vmx_apicv_enter(v, &all.x);
	CHECK(vmcs[VMCS_INTERRUPT_STATUS] == 0x71 && !record[1] && !record[4]);
	CHECK((vmcs[VMCS_PIN] & PIN_POSTED) && (vmcs[VMCS_EXIT] & EXIT_TAKE_INTERRUPT) && vmcs[VMCS_POSTED_VECTOR] == VECTOR_POSTED);
	CHECK(vapic_post(&v->vapic, 0x81, false));
	vmx_apicv_take(v);
	CHECK(v->vapic.irr[2] == 2 && v->vapic.irr[1] == 1ull << 0x31 && !record[2] && !record[4]);
	vmcs[VMCS_EXIT_EVENT] = EVENT_VALID | 0xe0;
	CHECK(decode(REASON_INTERRUPT, 0).kind == EXIT_INTERRUPT && taken == 0xe0);
	vmcs[VMCS_EXIT_EVENT] = taken = 0;
	CHECK(decode(REASON_INTERRUPT, 0).kind == EXIT_INTERRUPT && !taken);
}
