/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All vCPUs compute for a while, half a second of the PM timer. Prints of each how many rounds it did and what part of the time it was
 * ready and did not run, as steal time (KVM's) tells: "vcpu 1: 1234567 rounds, lost 498 of 1000".
 */
#include "tests/guest/rt.h"

enum {
	CPUS_MAX = 8, MSR_STEAL = 0x4b564d03, X2APIC_ICR = 0x830, INIT = 0x4500, START = 0x4600,
	AP_PAGE = 0x8000, AP_STEAL = 4, AP_ROUNDS = 8, PM_HZ = 3579545, PM_MASK = 0xffffff,
	MILLISECONDS = 500,
};

static struct steal {
	volatile uint64_t ns;
	volatile uint32_t version, flags;
	volatile uint8_t preempted, pad[47];
} steal[CPUS_MAX] __attribute__((aligned(64)));

__asm__(".pushsection .rodata\n.code16\n"
	"ap_code: jmp 1f\n\t.skip 14\n"
	"1: cli; movl $0x4b564d03, %ecx; movl %cs:4, %eax; xorl %edx, %edx; wrmsr\n"
	"2: incl %cs:8; jmp 2b\n"
	"ap_code_end: .code64\n.popsection");
extern const char ap_code[], ap_code_end[];

static volatile uint32_t *ap_word(unsigned cpu, unsigned offset)
{
	return (volatile uint32_t *)(uintptr_t)(AP_PAGE + cpu * PAGE_SIZE + offset);
}

/* Each has a page for itself: its code, where its steal time goes, its count of rounds. */
static void start(unsigned cpu)
{
	memcpy((void *)ap_word(cpu, 0), ap_code, (size_t)(ap_code_end - ap_code));
	*ap_word(cpu, AP_STEAL) = (uint32_t)(uintptr_t)&steal[cpu] | 1;
	wrmsr(X2APIC_ICR, (uint64_t)cpu << 32 | INIT);
	wrmsr(X2APIC_ICR, (uint64_t)cpu << 32 | START | (AP_PAGE + cpu * PAGE_SIZE) >> 12);
	while (!*ap_word(cpu, AP_ROUNDS)) {
		__asm__ volatile("pause");
	}
}

static uint32_t rounds_of_boot_cpu(uint32_t ticks)
{
	uint32_t rounds = 0, last = pm_timer();

	for (uint32_t passed = 0; passed < ticks; rounds++) {
		uint32_t now = pm_timer();

		passed += (now - last) & PM_MASK;
		last = now;
		for (volatile unsigned i = 0; i < 10000; i++) {
		}
	}
	return rounds;
}

static void report(unsigned cpu, uint32_t rounds, uint64_t lost_ns)
{
	puts_raw("vcpu ");
	print_u64(cpu);
	puts_raw(": ");
	print_u64(rounds);
	puts_raw(" rounds, lost ");
	print_u64(lost_ns / 1000 / MILLISECONDS);
	puts_raw(" of 1000\n");
}

int main(uint32_t start_info)
{
	uint64_t lost[CPUS_MAX];
	uint32_t rounds[CPUS_MAX], cpus;

	guest_init(start_info);
	apic_init(true);
	cpus = cpuid(1, 0).b >> 16 & 0xff;
	cpus = cpus > CPUS_MAX ? CPUS_MAX : cpus;
	wrmsr(MSR_STEAL, (uintptr_t)&steal[0] | 1);
	for (unsigned i = 1; i < cpus; i++) {
		start(i);
	}
	for (unsigned i = 0; i < cpus; i++) {
		lost[i] = steal[i].ns;
		rounds[i] = i ? *ap_word(i, AP_ROUNDS) : 0;
	}
	rounds[0] = rounds_of_boot_cpu(PM_HZ / 1000 * MILLISECONDS);
	for (unsigned i = 0; i < cpus; i++) {
		lost[i] = steal[i].ns - lost[i];
		rounds[i] = i ? *ap_word(i, AP_ROUNDS) - rounds[i] : rounds[i];
	}
	for (unsigned i = 0; i < cpus; i++) {
		report(i, rounds[i], lost[i]);
	}
	puts_raw("done lost\n");
	guest_power_off();
}
