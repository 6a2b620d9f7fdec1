/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paravirtual features of Linux' KVM interface, tried one by one; on two vCPUs those between processors, too. With
 * the option "none": that nothing of them answers. Prints "ok NAME" or "not ok NAME".
 */
#include "tests/guest/rt.h"

enum {
	UD = 6, GP = 13, NONE = 0xff, VECTOR_A = 0x51, VECTOR_B = 0x61,
	MSR_STEAL = 0x4b564d03, MSR_EOI = 0x4b564d04, MSR_POLL = 0x4b564d05,
	CALL_KICK = 5, CALL_IPI = 10, CALL_YIELD = 11,
	PREEMPTED = 1, FLUSH_TLB = 2,
};

static volatile uint64_t resume_at, fault_vector, count[256];
static volatile uint32_t eoi_word __attribute__((aligned(4)));
static volatile uint32_t eoi_seen;
static struct steal {
	volatile uint64_t ns;
	volatile uint32_t version, flags;
	volatile uint8_t preempted, pad[47];
} steal[2] __attribute__((aligned(64)));

static void on_fault(struct trap *t)
{
	fault_vector = t->vector;
	t->rip = resume_at;
}

static uint64_t fault_of_wrmsr(uint32_t msr, uint64_t val)
{
	uint64_t a = val, c = msr, d = val >> 32;

	fault_vector = NONE;
	__asm__ volatile("leaq 1f(%%rip), %%r8; movq %%r8, %0; wrmsr; 1:"
			 : "=m"(resume_at), "+a"(a), "+c"(c), "+d"(d) : : "memory", "r8");
	return fault_vector;
}

static uint64_t fault_of_rdmsr(uint32_t msr)
{
	uint64_t a = 0, c = msr, d = 0;

	fault_vector = NONE;
	__asm__ volatile("leaq 1f(%%rip), %%r8; movq %%r8, %0; rdmsr; 1:"
			 : "=m"(resume_at), "+a"(a), "+c"(c), "+d"(d) : : "memory", "r8");
	return fault_vector;
}

/* Ends the interrupt as Linux does: by the bit, and at the APIC only where the bit was clear. */
static void on_interrupt(struct trap *t)
{
	count[t->vector]++;
	eoi_seen = eoi_seen << 4 | (eoi_word & 1);
	if (!(__atomic_fetch_and(&eoi_word, ~1u, __ATOMIC_RELAXED) & 1)) {
		apic_write(APIC_EOI, 0);
	}
}

static bool in_service(void)
{
	uint32_t any = 0;

	for (uint32_t reg = 0x100; reg < 0x180; reg += 0x10) {
		any |= apic_read(reg);
	}
	return any != 0;
}

static void steal_time(void)
{
	check("steal time: reserved bits", fault_of_wrmsr(MSR_STEAL, (uintptr_t)&steal[0] | 3) == GP);
	wrmsr(MSR_STEAL, (uintptr_t)&steal[0] | 1);
	check("steal time: written at once", steal[0].version && !(steal[0].version & 1));
	check("steal time: runs", steal[0].preempted == 0);
	check("steal time: read back", rdmsr(MSR_STEAL) == ((uintptr_t)&steal[0] | 1));
	wrmsr(MSR_STEAL, 0xfffffffff001);                /* nowhere: nothing happens */
	__asm__ volatile("sti; nop");
	wrmsr(MSR_STEAL, (uintptr_t)&steal[0] | 1);
}

static void end_of_interrupt(void)
{
	check("eoi: reserved bit", fault_of_wrmsr(MSR_EOI, (uintptr_t)&eoi_word | 3) == GP);
	wrmsr(MSR_EOI, (uintptr_t)&eoi_word | 1);
	__asm__ volatile("sti");
	for (unsigned i = 0; i < 4; i++) {
		apic_self_ipi(VECTOR_A);
	}
	check("eoi: by the bit", count[VECTOR_A] == 4 && eoi_seen == 0x1111);
	check("eoi: nothing is in service", !in_service());
	check("eoi: the bit is taken back", !(eoi_word & 1));
	__asm__ volatile("cli");
	eoi_seen = 0;
	apic_self_ipi(VECTOR_A);
	apic_self_ipi(VECTOR_B);
	__asm__ volatile("sti; nop; nop; cli");
	check("eoi: at the APIC when another one waits", count[VECTOR_B] == 1 && count[VECTOR_A] == 5 && eoi_seen == 0x01);
	check("eoi: both are over", !in_service());
	__asm__ volatile("sti");
	wrmsr(MSR_EOI, 0);
	eoi_word = 0;
	apic_self_ipi(VECTOR_A);
	check("eoi: switched off", count[VECTOR_A] == 6 && !(eoi_word & 1) && !in_service());
	wrmsr(MSR_EOI, 0xfffffffff001);                  /* nowhere: the APIC it is */
	apic_self_ipi(VECTOR_A);
	check("eoi: outside of memory", count[VECTOR_A] == 7 && !in_service());
	wrmsr(MSR_EOI, 0);
}

static void hypercalls(void)
{
	uint64_t before = count[VECTOR_A];

	check("poll control: on", rdmsr(MSR_POLL) == 1);
	wrmsr(MSR_POLL, 0);
	check("poll control: kept", rdmsr(MSR_POLL) == 0);
	check("ipi: to one", hypercall(CALL_IPI, 1, 0, 0, VECTOR_A) == 1);
	check("ipi: arrived", count[VECTOR_A] == before + 1);
	check("ipi: nobody there", hypercall(CALL_IPI, ~0ull, ~0ull, 100, VECTOR_A) == 0);
	check("ipi: high word", hypercall(CALL_IPI, 0, 1, (uint64_t)-64, VECTOR_A) == 1);
	check("ipi: bad mode", hypercall(CALL_IPI, 1, 0, 0, 0x500) == -22);
	check("ipi: bad bits", hypercall(CALL_IPI, 1, 0, 0, 0x80000 | VECTOR_A) == -22);
	__asm__ volatile("cli");
	check("kick: itself", hypercall(CALL_KICK, 0, 0, 0, 0) == 0);
	__asm__ volatile("hlt");
	check("kick: ends the next halt", true);
	check("kick: nobody there", hypercall(CALL_KICK, 0, 77, 0, 0) == 0);
	check("yield", hypercall(CALL_YIELD, 0, 0, 0, 0) == 0);
	check("unknown", hypercall(12, 0, 0, 0, 0) == -1000);
}

/* ---- the second processor: names its page of steal time, then counts each time it comes out of HLT ---- */

enum { AP_PAGE = 0x8000, AP_STEAL = 4, AP_COUNT = 8 };

__asm__(".pushsection .rodata\n.code16\n"
	"ap_code: jmp 1f\n\t.skip 14\n"
	"1: cli; movl $0x4b564d03, %ecx; movl %cs:4, %eax; xorl %edx, %edx; wrmsr\n"
	"2: hlt; incl %cs:8; jmp 2b\n"
	"ap_code_end: .code64\n.popsection");
extern const char ap_code[], ap_code_end[];

static bool within(volatile const void *at, uint32_t wanted, size_t size)
{
	for (uint64_t start = rdtsc(); rdtsc() - start < 1ull << 35;) {
		if (size == 1 ? *(volatile const uint8_t *)at == wanted : *(volatile const uint32_t *)at == wanted) {
			return true;
		}
		__asm__ volatile("pause");
	}
	return false;
}

static void second_cpu(void)
{
	volatile uint32_t *woken = (volatile uint32_t *)(AP_PAGE + AP_COUNT);

	memcpy((void *)AP_PAGE, ap_code, (size_t)(ap_code_end - ap_code));
	*(volatile uint32_t *)(AP_PAGE + AP_STEAL) = (uint32_t)(uintptr_t)&steal[1] | 1;
	wrmsr(0x830, 1ull << 32 | 0x4500);
	wrmsr(0x830, 1ull << 32 | 0x4600 | AP_PAGE >> 12);
	check("two: a halted one is marked", within(&steal[1].preempted, PREEMPTED, 1));
	__atomic_fetch_or(&steal[1].preempted, FLUSH_TLB, __ATOMIC_SEQ_CST);
	hypercall(CALL_KICK, 0, 1, 0, 0);
	check("two: the kick ends its halt", within(woken, 1, 4));
	check("two: the flush was taken", within(&steal[1].preempted, PREEMPTED, 1));
	check("two: an nmi for both", hypercall(CALL_IPI, 2, 0, 0, 0x400) == 1);
	check("two: its version is even", !(steal[1].version & 1));
}

static void nothing_answers(void)
{
	check("no signature", cpuid(0x40000000, 0).a == 0 && cpuid(0x40000001, 0).a == 0);
	for (uint32_t msr = 0x4b564d00; msr <= 0x4b564d05; msr++) {
		check("no such register", fault_of_rdmsr(msr) == GP && fault_of_wrmsr(msr, 0) == GP);
	}
	check("no old clock", fault_of_rdmsr(0x11) == GP && fault_of_rdmsr(0x12) == GP);
	for (unsigned nr = 0; nr < 13; nr++) {
		check("no such call", hypercall(nr, 0, 0, 0, 0) == -1000);
	}
}

int main(uint32_t start_info)
{
	const char *value;

	guest_init(start_info);
	trap_set(GP, on_fault);
	trap_set(UD, on_fault);
	trap_set(VECTOR_A, on_interrupt);
	trap_set(VECTOR_B, on_interrupt);
	apic_init(true);
	if (option("none", &value)) {
		nothing_answers();
	} else {
		check("all features are announced", cpuid(0x40000001, 0).a == 0x01003aeb);
		steal_time();
		end_of_interrupt();
		hypercalls();
		if ((cpuid(1, 0).b >> 16 & 0xff) > 1) {
			second_cpu();
		}
	}
	puts_raw("done pv\n");
	guest_power_off();
}
