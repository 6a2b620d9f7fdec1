/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests see in CPUID, over a host that has everything and one that has nothing.
 * sources: arch/x86/vcpu/cpuid.c
 */
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/vcpu/vcpu.h"
#include "tests/unit/check.h"

static uint32_t out[CPUID_REGS];

/* Every bit of every leaf set; XSAVE's AVX part stands at 576 with 256 bytes. */
static struct cpuid all(uint32_t leaf, uint32_t subleaf)
{
	if (leaf == 0xd && subleaf == 2) {
		return (struct cpuid){ 256, 576, 0xffffffff, 0xffffffff };
	}
	return (struct cpuid){ 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff };
}

static struct cpuid none(uint32_t leaf, uint32_t subleaf)
{
	(void)leaf;
	(void)subleaf;
	return (struct cpuid){ 0 };
}

struct context {
	uint64_t cr4, xcr0;
	uint32_t apic_id, vcpus;
	bool apic_on;
};

static struct vm vm;
static struct vcpu v;
static uint64_t cr4;

static uint64_t get_word(const struct vcpu *of, size_t offset)
{
	(void)of;
	return offset == offsetof(struct vcpu_state, cr4) ? cr4 : 0;
}

static const struct vcpu_ops fake_ops = { .get_word = get_word };
const struct vcpu_ops *vcpu_ops = &fake_ops;

static struct context context(void)
{
	return (struct context){ .xcr0 = 7, .apic_id = 5, .vcpus = 1, .apic_on = true };
}

static void ask(struct context c, uint32_t leaf, uint32_t subleaf)
{
	vm.vcpu_count = c.vcpus;
	v.vm = &vm;
	v.xcr0 = c.xcr0;
	v.vapic.id = c.apic_id;
	v.vapic.base = c.apic_on ? APIC_BASE_ENABLE : 0;
	cr4 = c.cr4;
	cpuid_guest(&v, leaf, subleaf, out);
}

TEST(what_a_guest_must_not_use_is_hidden)
{
	cpuid_policy_init(all, 7);
	ask(context(), 1, 0);
	CHECK(!(out[REG_ECX] & 1u << 3));                /* MONITOR */
	CHECK(!(out[REG_ECX] & 1u << 5));                /* VMX */
	CHECK(!(out[REG_ECX] & 1u << 17));               /* PCID */
	CHECK(!(out[REG_ECX] & 1u << 27));               /* OSXSAVE: CR4 is clear */
	ask(context(), 0x80000001, 0);
	CHECK(!(out[REG_ECX] & 1u << 2));                /* SVM */
	CHECK(!(out[REG_ECX] & 1u << 23));               /* performance counters */
	ask(context(), 7, 0);
	CHECK(!(out[REG_EBX] & 1u << 1));                /* TSC_ADJUST */
	CHECK(!(out[REG_EBX] & 1u << 10));               /* INVPCID */
	CHECK(!(out[REG_ECX] & 1u << 3));                /* PKU */
	CHECK(!(out[REG_ECX] & 1u << 16));               /* LA57 */
	ask(context(), 0xa, 0);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX] | out[REG_ECX] | out[REG_EDX], 0);
	ask(context(), 0x8000000a, 0);
	CHECK_EQ(out[REG_EAX] | out[REG_EBX] | out[REG_ECX] | out[REG_EDX], 0);
}

TEST(the_platform_is_there_whatever_the_host_has)
{
	cpuid_policy_init(none, 3);
	ask(context(), 1, 0);
	CHECK(out[REG_ECX] & 1u << 31);
	CHECK(out[REG_ECX] & 1u << 21);
	CHECK(out[REG_ECX] & 1u << 24);
	CHECK(out[REG_EDX] & 1u << 9);
	CHECK_EQ(out[REG_EBX] >> 24, 5);
	ask(context(), 0x40000000, 0);
	CHECK_EQ(out[REG_EAX], 0x40000001);
	CHECK_MEM(&out[REG_EBX], "KVMKVMKVM\0\0\0", 4);
	ask(context(), 0x40000001, 0);
	CHECK_EQ(out[REG_EAX], 0x0100000b);
}

TEST(dynamic_bits_follow_the_vcpu)
{
	struct context c = context();

	cpuid_policy_init(all, 7);
	c.cr4 = CR4_OSXSAVE;
	c.apic_on = false;
	c.vcpus = 4;
	ask(c, 1, 0);
	CHECK(out[REG_ECX] & 1u << 27);
	CHECK(!(out[REG_EDX] & 1u << 9));
	CHECK(out[REG_EDX] & 1u << 28);
	CHECK_EQ(out[REG_EBX] >> 16 & 0xff, 4);
	ask(c, 0x80000008, 0);
	CHECK_EQ(out[REG_ECX], 3);
}

TEST(xsave_sizes_are_those_of_the_guests_own_xcr0)
{
	struct context c = context();

	cpuid_policy_init(all, 7);
	ask(c, 0xd, 0);
	CHECK_EQ(out[REG_EAX], 7);
	CHECK_EQ(out[REG_EBX], 832);
	CHECK_EQ(out[REG_ECX], 832);
	c.xcr0 = 3;
	ask(c, 0xd, 0);
	CHECK_EQ(out[REG_EBX], 576);
	CHECK_EQ(out[REG_ECX], 832);
	ask(c, 0xd, 2);
	CHECK_EQ(out[REG_EBX], 576);
	ask(c, 0xd, 9);
	CHECK_EQ(out[REG_EAX], 0);
	cpuid_policy_init(all, 3);
	ask(c, 0xd, 0);
	CHECK_EQ(out[REG_EAX], 3);
	CHECK_EQ(out[REG_ECX], 576);
	ask(c, 0xd, 2);
	CHECK_EQ(out[REG_EAX], 0);
}

TEST(control_bits_follow_the_policy)
{
	cpuid_policy_init(all, 7);
	CHECK(cpuid_allowed.cr4 & CR4_SMEP);
	CHECK(!(cpuid_allowed.cr4 & (CR4_PKE | CR4_PCIDE | CR4_LA57)));
	CHECK(cpuid_allowed.efer & EFER_NXE);
	CHECK(!(cpuid_allowed.efer & EFER_SVME));
	cpuid_policy_init(none, 3);
	CHECK(!(cpuid_allowed.cr4 & (CR4_SMEP | CR4_SMAP | CR4_OSXSAVE | CR4_FSGSBASE | CR4_UMIP)));
	CHECK(!(cpuid_allowed.efer & EFER_NXE));
}
