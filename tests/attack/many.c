/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One to eight processors: each is started and started again, and sends to each; NMIs come once and do not nest; the
 * paravirtual features that are announced work on all of them, the others do not answer. With the option "crowded" there
 * are fewer processors below than vCPUs, so that time must have been stolen. SDM 3A 9.4, 11.6, 6.7.1; Linux
 * Documentation/virt/kvm/x86/msr.rst, hypercalls.rst.
 */
#include "tests/attack/at.h"

enum {
	V = 0x43, V_EOI = 0x54, INIT = 0x4500, SIPI = 0x4600, SEND_NMI = 0x4400, DEASSERT = 0x8500, PAGE = 0x8000, SELF = 1 << 18,
	ALL = 2 << 18, OTHERS = 3 << 18, LOGICAL = 0x800, LOWEST = 0x100, MSR_STEAL = 0x4b564d03, MSR_EOI = 0x4b564d04, MSR_POLL = 0x4b564d05,
	CALL_KICK = 5, CALL_IPI = 10, CALL_YIELD = 11, PREEMPTED = 1, FLUSH_TLB = 2, PTE = 3, STOLEN_MS = 20,
};
/* Bits of CPUID 40000001h, EAX. */
enum { OLD_CLOCK = 1 << 0, CLOCK = 1 << 3, STEAL = 1 << 5, PV_EOI = 1 << 6, UNHALT = 1 << 7, TLB_FLUSH = 1 << 9, PV_IPI = 1 << 11,
       POLL = 1 << 12, YIELD = 1 << 13 };

static struct {
	uint64_t ns;
	uint32_t version, flags;
	uint8_t preempted, pad[47];
} steal[AT_CPUS] __attribute__((aligned(64)));
static uint32_t eoi_word[AT_CPUS];
static uint64_t expected[AT_CPUS], by_the_bit[AT_CPUS], wrong_at[AT_CPUS];
static uint64_t nmi_count[AT_CPUS], nmi_depth[AT_CPUS], nmi_deepest[AT_CPUS];
static bool nmi_stay;
static uint64_t page_a[512] __attribute__((aligned(4096))), page_b[512] __attribute__((aligned(4096)));
static uint64_t window, seen_first[AT_CPUS], seen_then[AT_CPUS], deaf[AT_CPUS];
static uint32_t features;

/* Variables that other processors write. */
#define NOW(x) (*(volatile __typeof__(x) *)&(x))

static uint32_t id_of(unsigned cpu)
{
	return (uint32_t)cpus[cpu].apic_id;
}

static void pass_ms(uint64_t ms)
{
	for (uint64_t end = rdtsc() + ms * tsc_per_ms(); rdtsc() < end;) {
		__asm__ volatile("sti; nop; cli" : : : "memory");
	}
}

/* ---- starts ---- */

static bool all_answer(void)
{
	bool good = true;

	for (unsigned i = 1; i < cpu_count; i++) {
		cpu_call(i, NULL, NULL);
		good = cpu_done(i) && good;
	}
	return good;
}

static uint64_t starts(void)
{
	uint64_t n = 0;

	for (unsigned i = 1; i < cpu_count; i++) {
		n += NOW(cpus[i].alive);
	}
	return n;
}

static void start_all(void)
{
	uint64_t before = starts();

	for (unsigned i = 1; i < cpu_count; i++) {
		cpu_restart(i);
	}
	equal("init and sipi start each again", starts() - before, cpu_count - 1);
	before = starts();
	for (unsigned i = 1; i < cpu_count; i++) {
		icr(id_of(i), SIPI | PAGE >> 12);
	}
	icr(0, ALL | DEASSERT);
	icr(0, OTHERS | SIPI | PAGE >> 12);
	pass_ms(2);
	ok("a further sipi and the level de-assert start nothing", all_answer() && starts() == before);
}

/* ---- interrupts ---- */

static bool as_expected(void)
{
	for (unsigned i = 0; i < cpu_count; i++) {
		if (NOW(cpus[i].irqs[V]) != expected[i]) {
			return false;
		}
	}
	return true;
}

static bool arrived(void)
{
	for (uint64_t start = rdtsc(); rdtsc() - start < 2000 * tsc_per_ms();) {
		__asm__ volatile("sti; pause; cli" : : : "memory");
		if (as_expected()) {
			return true;
		}
	}
	return false;
}

struct message { uint32_t dest, low; };

static void send_it(void *arg)
{
	const struct message *m = arg;

	icr(m->dest, m->low | V);
}

/* Sent by that processor; each of the mask must get it. */
static bool send_from(unsigned cpu, uint32_t dest, uint32_t low, uint64_t mask)
{
	static struct message m;

	m = (struct message){ dest, low };
	for (unsigned i = 0; i < cpu_count; i++) {
		expected[i] += mask >> i & 1;
	}
	if (cpu == 0) {
		send_it(&m);
	} else {
		cpu_call(cpu, send_it, &m);
		(void)cpu_done(cpu);
	}
	return arrived();
}

static uint64_t taken(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < cpu_count; i++) {
		sum += NOW(cpus[i].irqs[V]);
	}
	return sum;
}

static void lowest_priority(void)
{
	uint64_t before = taken();

	for (unsigned n = 1; n <= 4; n++) {
		icr(in_x2apic ? 0xffffffff : 0xff, LOGICAL | LOWEST | V);
		for (uint64_t start = rdtsc(); taken() < before + n && rdtsc() - start < 2000 * tsc_per_ms();) {
			__asm__ volatile("sti; pause; cli" : : : "memory");
		}
	}
	pass_ms(1);
	equal("lowest priority: one takes it", taken() - before, 4);
	for (unsigned i = 0; i < cpu_count; i++) {
		expected[i] = cpus[i].irqs[V];
	}
}

static void interrupts(void)
{
	uint64_t all = (1ull << cpu_count) - 1;
	bool to_each = true, from_each = true, self = true, every = true, others = true;

	irq_sink(V);
	for (unsigned i = 0; i < cpu_count; i++) {
		expected[i] = cpus[i].irqs[V];
	}
	for (unsigned i = 0; i < cpu_count; i++) {
		to_each = send_from(0, id_of(i), 0, 1ull << i) && to_each;
		from_each = send_from(i, id_of((i + 1) % cpu_count), 0, 1ull << (i + 1) % cpu_count) && from_each;
		self = send_from(i, 3, SELF, 1ull << i) && self;
		every = send_from(i, 3, ALL, all) && every;
		others = send_from(i, 0, OTHERS, all & ~(1ull << i)) && others;
	}
	ok("from the first to each", to_each);
	ok("from each to the next", from_each);
	ok("each to itself", self);
	ok("each to all", every);
	ok("each to the others", others);
	lowest_priority();
	pass_ms(2);
	ok("nothing came twice or elsewhere", as_expected());
}

/* From a message to the first instruction of a processor that was halted; the shortest of some. */
static void stamp(void *arg)
{
	NOW(*(uint64_t *)arg) = rdtsc();
}

static void wake_up(void)
{
	uint64_t shortest = ~0ull, start, woken;

	for (unsigned n = 0; n < 12 && cpu_count > 1; n++) {
		pass_ms(1);                  /* it halts meanwhile */
		start = rdtsc();
		cpu_call(1, stamp, &woken);
		if (cpu_done(1) && woken - start < shortest) {
			shortest = woken - start;
		}
	}
	note("wake-up, ticks", shortest);
}

/* ---- NMIs ---- */

static void on_nmi(struct trap *t)
{
	uint64_t i = this_cpu()->index;

	(void)t;
	nmi_depth[i]++;
	nmi_deepest[i] = nmi_depth[i] > nmi_deepest[i] ? nmi_depth[i] : nmi_deepest[i];
	NOW(nmi_count[i])++;
	while (NOW(nmi_stay)) {
		__asm__ volatile("pause");
	}
	nmi_depth[i]--;
}

/* All but the first have had n. */
static bool nmis(uint64_t n)
{
	bool good = true;

	for (unsigned i = 1; i < cpu_count; i++) {
		good = wait_for(&nmi_count[i], n) && good;
	}
	return good && nmi_count[0] == 0;
}

static void nmi(void)
{
	void (*before)(struct trap *) = trap_get(NMI);
	bool once = true;

	memset(nmi_count, 0, sizeof(nmi_count));
	memset(nmi_deepest, 0, sizeof(nmi_deepest));
	trap_set(NMI, on_nmi);
	for (unsigned i = 1; i < cpu_count; i++) {
		icr(id_of(i), SEND_NMI);
		once = wait_for(&nmi_count[i], 1) && once;
	}
	ok("nmi to one", once && nmis(1));
	icr(0, OTHERS | SEND_NMI);
	ok("nmi to the others", nmis(2));
	nmi_stay = true;
	icr(0, OTHERS | SEND_NMI);
	once = nmis(3);
	icr(0, OTHERS | SEND_NMI);
	icr(0, OTHERS | SEND_NMI);
	pass_ms(2);
	ok("none nests in another", once && nmis(3));
	NOW(nmi_stay) = false;
	once = nmis(4);
	pass_ms(2);
	for (unsigned i = 1; i < cpu_count; i++) {
		once = once && nmi_deepest[i] == 1;
	}
	ok("two that came meanwhile are one, behind iret", once && nmis(4) && all_answer());
	trap_set(NMI, before);
}

/* ---- paravirtual features ---- */

static bool msr_faults(uint32_t msr)
{
	return FAULT("rdmsr", 0, msr, 0) == GP && FAULT("wrmsr", 0, msr, 0) == GP;
}

static void on_eoi(struct trap *t)
{
	uint64_t i = this_cpu()->index;

	(void)t;
	if (__atomic_fetch_and(&eoi_word[i], ~1u, __ATOMIC_RELAXED) & 1) {
		by_the_bit[i]++;
	} else {
		apic_write(APIC_EOI, 0);
	}
}

static bool end_of_interrupt(uint64_t i)
{
	uint32_t in_service = 0;

	wrmsr(MSR_EOI, (uintptr_t)&eoi_word[i] | 1);
	by_the_bit[i] = 0;
	for (unsigned n = 0; n < 3; n++) {
		apic_self_ipi(V_EOI);
		__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	}
	for (uint32_t reg = 0x100; reg < 0x180; reg += 0x10) {
		in_service |= apic_read(reg);
	}
	wrmsr(MSR_EOI, 0);
	return by_the_bit[i] > 0 && !in_service;
}

/* On each processor: a bit for each feature that is not as it was announced. */
static void try_features(void *arg)
{
	uint64_t i = this_cpu()->index, wrong = 0;

	(void)arg;
	if (features & STEAL) {
		wrmsr(MSR_STEAL, (uintptr_t)&steal[i] | 1);
		wrong |= !NOW(steal[i].version) || NOW(steal[i].version) % 2 || NOW(steal[i].preempted) ? STEAL : 0;
	} else {
		wrong |= msr_faults(MSR_STEAL) ? 0 : STEAL;
	}
	if (features & POLL) {
		wrmsr(MSR_POLL, 0);
		wrong |= rdmsr(MSR_POLL) ? POLL : 0;
		wrmsr(MSR_POLL, 1);
	} else {
		wrong |= msr_faults(MSR_POLL) ? 0 : POLL;
	}
	wrong |= (features & PV_EOI ? end_of_interrupt(i) : msr_faults(MSR_EOI)) ? 0 : PV_EOI;
	wrong |= hypercall(CALL_YIELD, id_of(0), 0, 0, 0) == (features & YIELD ? 0 : -1000) ? 0 : YIELD;
	wrong |= features & CLOCK || msr_faults(0x4b564d01) ? 0 : CLOCK;
	wrong |= features & OLD_CLOCK || msr_faults(0x12) ? 0 : OLD_CLOCK;
	NOW(wrong_at[i]) = wrong;
}

static void one_call_for_all(void)
{
	int64_t got = hypercall(CALL_IPI, (1ull << cpu_count) - 1, 0, 0, V);

	if (features & PV_IPI) {
		for (unsigned i = 0; i < cpu_count; i++) {
			expected[i]++;
		}
		ok("ipi: one call for all", got == (int64_t)cpu_count && arrived());
	} else {
		ok("ipi: off", got == -1000);
	}
}

/* It says so: a call that came while it still waits for work would end that halt and not this one. */
static void halt_deaf(void *arg)
{
	(void)arg;
	__asm__ volatile("cli" : : : "memory");
	NOW(deaf[this_cpu()->index]) = 1;
	__asm__ volatile("hlt" : : : "memory");
}

static void kicks(void)
{
	bool good = true;

	if (!(features & UNHALT)) {
		ok("unhalt: off", hypercall(CALL_KICK, 0, 0, 0, 0) == -1000);
		return;
	}
	for (unsigned i = 1; i < cpu_count; i++) {
		cpu_call(i, halt_deaf, NULL);
	}
	for (unsigned i = 1; i < cpu_count; i++) {
		good = wait_for(&deaf[i], 1) && good;
	}
	pass_ms(1);
	for (unsigned i = 1; i < cpu_count; i++) {
		good = good && NOW(cpus[i].fn);
		good = hypercall(CALL_KICK, 0, id_of(i), 0, 0) == 0 && good;
		if (!cpu_done(i)) {
			good = false;
			cpu_restart(i);
		}
	}
	ok("unhalt: a call wakes each, and no other", good);
}

/* The page is known to the processor; it halts, and looks at the page again. */
static void look_twice(void *arg)
{
	uint64_t i = this_cpu()->index;

	(void)arg;
	NOW(seen_first[i]) = *(volatile uint64_t *)window;
	__asm__ volatile("cli; hlt" : : : "memory");
	NOW(seen_then[i]) = *(volatile uint64_t *)window;
}

/* The note, as soon as the processor does not run. */
static bool leave_note(unsigned cpu)
{
	for (uint64_t start = rdtsc(); rdtsc() - start < 2000 * tsc_per_ms();) {
		uint8_t was = PREEMPTED;

		if (__atomic_compare_exchange_n(&steal[cpu].preempted, &was, PREEMPTED | FLUSH_TLB, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			return true;
		}
		__asm__ volatile("pause");
	}
	return false;
}

/* Again and again: one that comes before the halt does not end it. */
static bool wake_by_nmi(unsigned cpu)
{
	for (uint64_t start = rdtsc(); NOW(cpus[cpu].fn) && rdtsc() - start < 2000 * tsc_per_ms();) {
		icr(id_of(cpu), SEND_NMI);
		pass_ms(1);
	}
	return cpu_done(cpu);
}

/* As Linux does: who does not run gets a note instead of an interrupt. */
static void flushes(void)
{
	bool good = true;

	if ((features & (TLB_FLUSH | STEAL)) != (TLB_FLUSH | STEAL)) {
		return;
	}
	page_a[0] = 'a';
	page_b[0] = 'b';
	for (unsigned i = 1; good && i < cpu_count; i++) {
		window = window_map(77, (uintptr_t)page_a, PTE);
		seen_first[i] = 0;
		cpu_call(i, look_twice, NULL);
		good = wait_for(&seen_first[i], 'a') && good;
		(void)window_map(77, (uintptr_t)page_b, PTE);
		good = leave_note(i) && good;
		good = wake_by_nmi(i) && seen_then[i] == 'b' && good;
	}
	ok("tlb flush: by a note to one that does not run", good);
}

static void compute(void *arg)
{
	uint64_t end = rdtsc() + STOLEN_MS * tsc_per_ms();

	(void)arg;
	while (rdtsc() < end) {
	}
}

/* All compute at once: what the vCPUs had to wait is known afterwards. */
static void stolen_time(void)
{
	uint64_t sum = 0;

	if (!(features & STEAL)) {
		return;
	}
	for (unsigned i = 1; i < cpu_count; i++) {
		cpu_call(i, compute, NULL);
	}
	compute(NULL);
	for (unsigned i = 1; i < cpu_count; i++) {
		(void)cpu_done(i);
	}
	for (unsigned i = 0; i < cpu_count; i++) {
		sum += NOW(steal[i].ns);
	}
	note("stolen ns", sum);
	if (option("crowded", NULL)) {
		ok("steal time: grows among many", sum >= STOLEN_MS * 1000000ull / 10);
	}
}

static void paravirtual(void)
{
	uint64_t wrong = 0;

	features = cpuid(0x40000000, 0).b ? cpuid(0x40000001, 0).a : 0;
	note("features", features);
	trap_set(V_EOI, on_eoi);
	for (unsigned i = 1; i < cpu_count; i++) {
		cpu_call(i, try_features, NULL);
		wrong |= cpu_done(i) ? wrong_at[i] : ~0ull;
	}
	try_features(NULL);
	equal("features answer as announced, on each", wrong | wrong_at[0], 0);
	one_call_for_all();
	kicks();
	flushes();
	stolen_time();
}

void group_many(void)
{
	cpus_start();
	for (unsigned mode = 0; mode < 2; mode++) {
		x2apic_all(mode);
		start_all();
		interrupts();
		nmi();
		wake_up();
	}
	paravirtual();
	x2apic_all(false);
}
