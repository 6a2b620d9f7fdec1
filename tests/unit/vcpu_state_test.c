/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State records and MSRs of a vCPU: nothing that a vmm sets or a guest writes may make the kernel fault.
 * sources: arch/x86/vcpu/state.c arch/x86/vcpu/msr.c arch/x86/vcpu/cpuid.c arch/x86/vcpu/vapic.c
 */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"
#include "tests/unit/check.h"

enum { HEADER = 512, MXCSR = 24 };

struct cpu_features cpu_features = { .xsave_size = 832 };

static struct vm vm;
static struct vcpu v;
static struct vcpu_page page;
static uint8_t xsave[4096] __attribute__((aligned(64)));
static struct vcpu_state s;
static uint64_t guest_efer, guest_pat;

uint64_t clock_ns(void) { return 0; }
uint64_t clock_ticks_to_ns(uint64_t ticks) { return ticks; }
void timer_set(struct timer *t, uint64_t deadline_ns) { (void)t; (void)deadline_ns; }
void timer_cancel(struct timer *t) { (void)t; }
void vapic_raised(struct vapic *l) { (void)l; }
void kvmclock_update(struct vcpu *of) { (void)of; }
void kvmclock_write_wall(struct vcpu *of) { (void)of; }
bool pv_write_steal(struct vcpu *of, uint64_t val) { (void)of; return !(val & 0x3e); }
bool pv_write_eoi(struct vcpu *of, uint64_t val) { (void)of; return !(val & 2); }

static void ops_get(struct vcpu *of, struct vcpu_state *out)
{
	(void)of;
	out->efer = guest_efer;
	out->pat = guest_pat;
}

static void ops_set(struct vcpu *of, const struct vcpu_state *in)
{
	(void)of;
	guest_efer = in->efer;
	guest_pat = in->pat;
}

static uint64_t ops_get_word(const struct vcpu *of, size_t offset)
{
	(void)of;
	if (offset == offsetof(struct vcpu_state, cr0)) {
		return CR0_PG | CR0_PE;
	}
	return offset == offsetof(struct vcpu_state, pat) ? guest_pat : guest_efer;
}

static void ops_set_word(struct vcpu *of, size_t offset, uint64_t val)
{
	(void)of;
	*(offset == offsetof(struct vcpu_state, pat) ? &guest_pat : &guest_efer) = val;
}

static void ops_update(struct vcpu *of) { (void)of; }
uint64_t clock_tsc_khz(void) { return 1ull << 38; }         /* a loaded machine is no reason to fail */

static const struct vcpu_ops fake_ops = {
	.get = ops_get, .set = ops_set, .get_word = ops_get_word, .set_word = ops_set_word, .update = ops_update,
};
const struct vcpu_ops *vcpu_ops = &fake_ops;

static struct cpuid all(uint32_t leaf, uint32_t subleaf)
{
	uint32_t r = leaf == 0xd ? 288 : 0xffffffff;

	(void)subleaf;
	return (struct cpuid){ r, r, r, r };
}

static void fresh(void)
{
	memset(&v, 0, sizeof(v));
	memset(&vm, 0, sizeof(vm));
	memset(&page, 0, sizeof(page));
	memset(xsave, 0, sizeof(xsave));
	v.vm = &vm;
	v.page = &page;
	v.xsave = xsave;
	v.xcr0 = 1;
	guest_efer = EFER_LME | EFER_LMA;
	guest_pat = 0x0007040600070406;
	cpuid_allowed_init(all, 7);
	vapic_init(&v.vapic, 0, true);
	vapic_write(&v.vapic, APIC_SVR, 0x1ff);
	state_get(&v, &s);
	s.cr0 = CR0_PE | CR0_PG;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME;
	s.cs.attr = SEG_P | SEG_S | SEG_L;
}

TEST(what_was_read_can_be_set)
{
	fresh();
	CHECK_EQ(state_set(&v, &s), OK);
	CHECK_EQ(guest_efer, EFER_LME | EFER_LMA);       /* LMA follows */
	CHECK_EQ(v.rflags & RFLAGS_FIXED, RFLAGS_FIXED);
}

/* Reading and setting back at once keeps the offset to the tick; a TSC of another time moves it. */
TEST(a_state_that_comes_back_moves_no_clock)
{
	fresh();
	v.vapic.tsc_offset = 12345;
	state_get(&v, &s);
	s.cr0 = CR0_PE | CR0_PG;
	s.cr4 = CR4_PAE;
	s.cs.attr = SEG_P | SEG_S | SEG_L;
	CHECK_EQ(state_set(&v, &s), OK);
	CHECK_EQ(v.vapic.tsc_offset, 12345);
	CHECK_EQ(v.vapic.tsc_offset, 12345);
	s.tsc += 1ull << 40;
	CHECK_EQ(state_set(&v, &s), OK);
	CHECK(v.vapic.tsc_offset > 1ull << 39);
}

TEST(states_that_no_cpu_has_are_refused)
{
	static const struct { const char *what; size_t at; uint64_t val; int want; } row[] = {
		{ "version",                offsetof(struct vcpu_state, version), 1,            E_PROTO },
		{ "paging without protection", offsetof(struct vcpu_state, cr0), CR0_PG,        E_INVAL },
		{ "NW without CD",          offsetof(struct vcpu_state, cr0), CR0_PE | CR0_NW,  E_INVAL },
		{ "reserved CR0",           offsetof(struct vcpu_state, cr0), 1ull << 40,       E_INVAL },
		{ "hidden CR4 bit",         offsetof(struct vcpu_state, cr4), CR4_PAE | CR4_LA57, E_INVAL },
		{ "long mode without PAE",  offsetof(struct vcpu_state, cr4), 0,                E_INVAL },
		{ "SVME",                   offsetof(struct vcpu_state, efer), EFER_SVME,       E_INVAL },
		{ "XCR0 without x87",       offsetof(struct vcpu_state, xcr0), 6,               E_INVAL },
		{ "AVX without SSE",        offsetof(struct vcpu_state, xcr0), 5,               E_INVAL },
		{ "PKRU in XCR0",           offsetof(struct vcpu_state, xcr0), 0x203,           E_INVAL },
		{ "PAT type 2",             offsetof(struct vcpu_state, pat), 2,                E_INVAL },
		{ "upper DR7",              offsetof(struct vcpu_state, dr7), 1ull << 32,       E_INVAL },
		{ "x2APIC without enable",  offsetof(struct vcpu_state, apic_base), 0xfee00400, E_INVAL },
		{ "CR8",                    offsetof(struct vcpu_state, cr8), 16,               E_INVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		memcpy((char *)&s + row[i].at, &row[i].val, row[i].at == offsetof(struct vcpu_state, version) ? 4 : 8);
		CHECK_EQ(state_set(&v, &s), row[i].want);
	}
}

TEST(vector_state_is_made_safe_for_xrstor)
{
	uint64_t word;

	fresh();
	memset(s.xsave, 0xff, sizeof(s.xsave));
	CHECK_EQ(state_set(&v, &s), OK);
	memcpy(&word, xsave + HEADER, sizeof(word));
	CHECK_EQ(word, 7);
	for (unsigned i = 8; i < 64; i += 8) {
		memcpy(&word, xsave + HEADER + i, sizeof(word));
		CHECK_EQ(word, 0);
	}
	memcpy(&word, xsave + MXCSR, 4);
	CHECK_EQ((uint32_t)word, 0xffff);
}

/* A page as the vmm fills it. */
static void fill_msrs(void)
{
	page.msr[0] = (struct msr_row){ 0x1db, 4, MSR_IGNORE, 0 };
	page.msr[1] = (struct msr_row){ 0xfe, 1, MSR_FAULT, 0x400 };
	page.msr[2] = (struct msr_row){ 0x1a0, 1, MSR_IGNORE, 1 };
	page.msr[3] = (struct msr_row){ 0x4b564d05, 1, MSR_KEEP, 1 };
	page.msr_count = 4;
}

TEST(msrs_fault_where_the_policy_says)
{
	static const struct { const char *what; uint32_t index; uint64_t val; bool read, write; } row[] = {
		{ "unknown",                 0x12345,    0,              false, false },
		{ "last of a range",         0x1de,      0,              true,  true },
		{ "behind the range",        0x1df,      0,              false, false },
		{ "read-only",               0xfe,       0,              true,  false },
		{ "ignored write",           0x1a0,      ~0ull,          true,  true },
		{ "clock without the feature", 0x4b564d01, 0,            false, false },
		{ "EFER with SVME",          0xc0000080, 0x1500,         true,  false },
		{ "EFER clears LME",         0xc0000080, 0,              true,  false },
		{ "EFER sets NXE",           0xc0000080, 0xd00,          true,  true },
		{ "PAT",                     0x277,      0x0007040600070406, true, true },
		{ "PAT type 3",              0x277,      3,              true,  false },
		{ "MTRR default type 2",     0x2ff,      2,              true,  false },
		{ "upper TSC_AUX",           0xc0000103, 1ull << 32,     true,  false },
		{ "x2APIC while xAPIC",      0x802,      0,              false, false },
		{ "last MSR",                0xffffffff, 0,              false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		uint64_t val;

		fresh();
		fill_msrs();
		CHECK_EQ(msr_read(&v, row[i].index, &val), row[i].read);
		CHECK_EQ(msr_write(&v, row[i].index, row[i].val), row[i].write);
	}
}

TEST(msrs_of_the_vmm_are_values)
{
	uint64_t val;

	fresh();
	fill_msrs();
	CHECK(msr_write(&v, 0x1a0, 7) && msr_read(&v, 0x1a0, &val));
	CHECK_EQ(val, 1);
	CHECK(msr_write(&v, 0x4b564d05, 0) && msr_read(&v, 0x4b564d05, &val));
	CHECK_EQ(val, 0);
	page.kvm_features = KVM_CLOCK2;
	CHECK(msr_write(&v, 0x4b564d01, 0x5001));
	CHECK_EQ(v.kvm_system_time, 0x5001);
	memset(page.msr, 0, sizeof(page.msr));           /* as a vmm that was taken over */
	page.msr_count = ~0u;
	CHECK(!msr_read(&v, 0x12345, &val));
}
