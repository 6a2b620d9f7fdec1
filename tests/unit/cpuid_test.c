/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests see in CPUID, from the vmm's policy over a host that has everything and one that has nothing, through the
 * kernel's lookup; and what a guest may switch on whatever the vmm says.
 * sources: arch/x86/vcpu/cpuid.c vmm/cpuid.c
 */
#include "vmm/cpuid.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "tests/unit/check.h"

#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"

struct cpu_features cpu_features = { .xsave_size = 832, .xcr0 = 7 };

static uint32_t out[CPUID_REGS];

static void set(uint32_t reg[CPUID_REGS], uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	const uint32_t r[CPUID_REGS] = { eax, ebx, ecx, edx };

	memcpy(reg, r, sizeof(r));
}

/* Every bit of every leaf set; XSAVE's AVX part stands at 576 with 256 bytes. */
static void all(uint32_t leaf, uint32_t subleaf, uint32_t reg[CPUID_REGS])
{
	set(reg, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff);
	if (leaf == 0xd && subleaf == 2) {
		set(reg, 256, 576, 0xffffffff, 0xffffffff);
	}
}

static void none(uint32_t leaf, uint32_t subleaf, uint32_t reg[CPUID_REGS])
{
	(void)leaf;
	(void)subleaf;
	set(reg, 0, 0, 0, 0);
}

static struct vcpu v;
static struct vcpu_page page;
static uint64_t cr4;

static uint64_t get_word(const struct vcpu *of, size_t offset)
{
	(void)of;
	return offset == offsetof(struct vcpu_state, cr4) ? cr4 : 0;
}

static const struct vcpu_ops fake_ops = { .get_word = get_word };
const struct vcpu_ops *vcpu_ops = &fake_ops;

static void compose(cpuid_reader_fn *host, uint64_t xcr0, uint32_t vcpus, uint32_t kvm)
{
	const struct cpuid_request req = { .host = host, .xcr0 = xcr0, .apic_id = 5, .vcpus = vcpus, .kvm = kvm };

	memset(&page, 0, sizeof(page));
	memset(&v, 0, sizeof(v));
	cpuid_compose(&req, &page);
	v.page = &page;
	v.xcr0 = xcr0;
	v.vapic.base = APIC_BASE_ENABLE;
	cr4 = 0;
}

static void ask(uint32_t leaf, uint32_t subleaf)
{
	memset(out, 0xa5, sizeof(out));
	cpuid_guest(&v, leaf, subleaf, out);
}

TEST(what_a_guest_must_not_use_is_hidden)
{
	compose(all, 7, 1, KVM_CLOCK);
	ask(1, 0);
	CHECK(!(out[REG_ECX] & 1u << 3));                /* MONITOR */
	CHECK(!(out[REG_ECX] & 1u << 5));                /* VMX */
	CHECK(!(out[REG_ECX] & 1u << 17));               /* PCID */
	CHECK(!(out[REG_ECX] & 1u << 27));               /* OSXSAVE: CR4 is clear */
	ask(0x80000001, 0);
	CHECK(!(out[REG_ECX] & 1u << 2));                /* SVM */
	CHECK(!(out[REG_ECX] & 1u << 23));               /* performance counters */
	ask(7, 0);
	CHECK(!(out[REG_EBX] & 1u << 1));                /* TSC_ADJUST */
	CHECK(!(out[REG_EBX] & 1u << 10));               /* INVPCID */
	CHECK(!(out[REG_ECX] & 1u << 3));                /* PKU */
	CHECK(!(out[REG_ECX] & 1u << 16));               /* LA57 */
	ask(7, 1);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX] | out[REG_ECX] | out[REG_EDX], 0);
	ask(0xa, 0);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX] | out[REG_ECX] | out[REG_EDX], 0);
	ask(0x8000000a, 0);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX] | out[REG_ECX] | out[REG_EDX], 0);
}

TEST(the_platform_is_there_whatever_the_host_has)
{
	compose(none, 3, 1, KVM_CLOCK2 | KVM_CLOCK_STABLE);
	ask(1, 77);
	CHECK(out[REG_ECX] & 1u << 31);
	CHECK(out[REG_ECX] & 1u << 21);
	CHECK(out[REG_ECX] & 1u << 24);
	CHECK(out[REG_EDX] & 1u << 9);
	CHECK_EQ(out[REG_EBX] >> 24, 5);
	ask(0x40000000, 0);
	CHECK_EQ(out[REG_EAX], 0x40000001);
	CHECK_MEM(&out[REG_EBX], "KVMKVMKVM\0\0\0", 4);
	ask(0x40000001, 0);
	CHECK_EQ(out[REG_EAX], 0x01000008);
}

TEST(without_paravirtual_features_there_is_no_signature)
{
	compose(all, 7, 1, 0);
	ask(0x40000000, 0);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX], 0);
	ask(0x40000001, 0);
	CHECK_EQ(out[REG_EAX], 0);
	CHECK_EQ(page.kvm_features, 0);
	ask(0x80000000, 0);
	CHECK_EQ(out[REG_EAX], 0x80000008);
}

TEST(dynamic_bits_follow_the_vcpu)
{
	compose(all, 7, 4, KVM_CLOCK);
	cr4 = CR4_OSXSAVE;
	v.vapic.base = 0;
	ask(1, 0);
	CHECK(out[REG_ECX] & 1u << 27);
	CHECK(!(out[REG_EDX] & 1u << 9));
	CHECK(out[REG_EDX] & 1u << 28);
	CHECK_EQ(out[REG_EBX] >> 16 & 0xff, 4);
	ask(0x80000008, 0);
	CHECK_EQ(out[REG_ECX], 3);
}

TEST(xsave_sizes_are_those_of_the_guests_own_xcr0)
{
	compose(all, 7, 1, KVM_CLOCK);
	ask(0xd, 0);
	CHECK_EQ(out[REG_EAX], 7);
	CHECK_EQ(out[REG_EBX], 832);
	CHECK_EQ(out[REG_ECX], 832);
	v.xcr0 = 3;
	ask(0xd, 0);
	CHECK_EQ(out[REG_EBX], 576);
	CHECK_EQ(out[REG_ECX], 832);
	ask(0xd, 1);
	CHECK_EQ(out[REG_EBX], 576);
	ask(0xd, 2);
	CHECK_EQ(out[REG_EBX], 576);
	ask(0xd, 9);
	CHECK_EQ(out[REG_EAX], 0);
	compose(all, 3, 1, KVM_CLOCK);
	ask(0xd, 0);
	CHECK_EQ(out[REG_EAX], 3);
	CHECK_EQ(out[REG_ECX], 576);
	ask(0xd, 2);
	CHECK_EQ(out[REG_EAX], 0);
}

/* Counts beyond the tables, as a vmm that was taken over writes them. */
TEST(lookups_stay_within_the_page)
{
	compose(all, 7, 1, KVM_CLOCK);
	memset(page.cpuid, 0xff, sizeof(page.cpuid));
	page.cpuid_count = 0xffffffff;
	ask(0x12345678, 0);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX] | out[REG_ECX] | out[REG_EDX], 0);
}

static struct cpuid has_all(uint32_t leaf, uint32_t subleaf)
{
	(void)leaf;
	(void)subleaf;
	return (struct cpuid){ 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff };
}

static struct cpuid has_none(uint32_t leaf, uint32_t subleaf)
{
	(void)leaf;
	(void)subleaf;
	return (struct cpuid){ 0 };
}

TEST(control_bits_follow_the_machine)
{
	cpuid_allowed_init(has_all, 0xff);
	CHECK(cpuid_allowed.cr4 & CR4_SMEP);
	CHECK(!(cpuid_allowed.cr4 & (CR4_PKE | CR4_PCIDE | CR4_LA57)));
	CHECK(cpuid_allowed.efer & EFER_NXE);
	CHECK(!(cpuid_allowed.efer & EFER_SVME));
	CHECK(cpuid_xcr0_valid(7) && !cpuid_xcr0_valid(0xf));
	cpuid_allowed_init(has_none, 3);
	CHECK(!(cpuid_allowed.cr4 & (CR4_SMEP | CR4_SMAP | CR4_FSGSBASE | CR4_UMIP)));
	CHECK(!cpuid_xcr0_valid(7));
}
