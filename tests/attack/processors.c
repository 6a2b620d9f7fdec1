/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting, stopping and interrupting other processors: INIT and SIPI in order and out of it, at odd moments, in storms;
 * what INIT leaves and what it resets. SDM 3A 9.4 (start-up), 10.1.1 (state), 11.6.
 */
#include "tests/attack/at.h"

enum { PAGE = 0x9000, MARK = 0x9f00, SCRATCH = 0x3ff, IOAPIC = 0xfec00000, OTHERS = 3 << 18, INIT = 0x4500, SIPI = 0x4600 };

/* What the processor finds after INIT and SIPI, into CS:0F00h. */
struct first_state {
	uint32_t count, cr0, edx, flags, cs, ds, cr2, cr3, cr4, efer, dr6, dr7, eax, esp;
};

__asm__(".pushsection .rodata\n.code16\n"
	"first: movl %eax, %cs:0xf30\n\tmovl %edx, %cs:0xf08\n\tmovl %esp, %cs:0xf34\n\t"
	"movl %cr0, %eax; movl %eax, %cs:0xf04\n\t"
	"movw $0x800, %sp; pushfl; popl %cs:0xf0c\n\t"
	"xorl %eax, %eax; movw %cs, %ax; movl %eax, %cs:0xf10; movw %ds, %ax; movl %eax, %cs:0xf14\n\t"
	"movl %cr2, %eax; movl %eax, %cs:0xf18; movl %cr3, %eax; movl %eax, %cs:0xf1c; movl %cr4, %eax; movl %eax, %cs:0xf20\n\t"
	"movl $0xc0000080, %ecx; rdmsr; movl %eax, %cs:0xf24\n\t"
	"movl %dr6, %eax; movl %eax, %cs:0xf28; movl %dr7, %eax; movl %eax, %cs:0xf2c\n\t"
	"lock incl %cs:0xf00\n"
	"1: cli; hlt; jmp 1b\n"
	"first_end:\n.code64\n.popsection");
extern const char first[], first_end[];

static volatile struct first_state *const found = (volatile struct first_state *)MARK;

static void put_first(void)
{
	memset((void *)PAGE, 0, 4096);
	memcpy((void *)PAGE, first, (size_t)(first_end - first));
}

static bool starts(uint32_t n)
{
	uint64_t end = rdtsc() + 1000 * tsc_per_ms();

	while (found->count < n && rdtsc() < end) {
		__asm__ volatile("pause");
	}
	return found->count == n;
}

static bool quiet(uint32_t n)
{
	uint64_t end = rdtsc() + 3 * tsc_per_ms();

	while (rdtsc() < end) {
		__asm__ volatile("pause");
	}
	return found->count == n;
}

static void spoil(void *arg)
{
	(void)arg;
	__asm__ volatile("movq %0, %%dr7; movq %0, %%cr2" : : "r"(0x401ull));
	__asm__ volatile("movq %0, %%dr7" : : "r"(0x400ull));
}

static uint32_t id_of(unsigned cpu)
{
	return (uint32_t)cpus[cpu].apic_id;
}

static void state(void)
{
	put_first();
	cpu_call(1, spoil, NULL);
	(void)cpu_done(1);
	cpu_sipi(1, PAGE);
	ok("init and sipi start a processor", starts(1));
	/* CD and NW stay as they were, ET is one, the rest is clear (SDM 3A table 10-1). */
	equal("cr0 after init", found->cr0, 0x10);
	equal("cs is the page", found->cs, PAGE >> 4);
	equal("ds is zero", found->ds, 0);
	equal("flags", found->flags & 0xffffefff, 2);
	equal("cr2", found->cr2, 0);
	equal("cr3", found->cr3, 0);
	equal("cr4", found->cr4, 0);
	equal("efer", found->efer, 0);
	equal("dr7", found->dr7, 0x400);
	equal("dr6", found->dr6 & 0xffff0fff, 0xffff0ff0);
	equal("eax", found->eax, 0);
	equal("edx is the processor's signature", found->edx & 0xf00, cpuid(1, 0).a & 0xf00);
}

static void order(void)
{
	put_first();
	cpu_restart(1);
	icr(id_of(1), SIPI | PAGE >> 12);
	ok("a sipi without init is ignored", quiet(0) && (cpu_call(1, spoil, NULL), cpu_done(1)));
	icr(id_of(1), INIT);
	ok("init alone starts nothing", quiet(0));
	irq_sink(0x44);
	icr(id_of(1), 0x44);
	ok("nor does an interrupt", quiet(0));
	icr(id_of(1), SIPI | PAGE >> 12);
	ok("then a sipi does", starts(1));
	icr(id_of(1), SIPI | PAGE >> 12);
	icr(id_of(1), SIPI | PAGE >> 12);
	ok("and further ones do not", quiet(1));
	icr(id_of(1), 0x8500);
	ok("init, de-asserted, does nothing", quiet(1));
	icr(id_of(1), INIT);
	icr(id_of(1), INIT);
	icr(id_of(1), INIT);
	icr(id_of(1), SIPI | PAGE >> 12);
	ok("three inits and a sipi", starts(2));
	cpu_restart(1);
}

/* ---- odd moments ---- */

static uint8_t from[4096];
static volatile uint64_t busy;

static void in_halt(void *a) { (void)a; busy = 1; __asm__ volatile("cli; hlt"); }
static void in_spin(void *a) { (void)a; busy = 1; __asm__ volatile("cli; 1: jmp 1b"); }
static void in_cpuid(void *a) { (void)a; busy = 1; for (;;) { (void)cpuid(0, 0); } }
static void in_port(void *a) { (void)a; busy = 1; for (;;) { (void)inb(SCRATCH); } }
static void in_device(void *a) { (void)a; busy = 1; for (;;) { (void)mmio_read32(IOAPIC); } }
static void in_fault(void *a) { (void)a; busy = 1; for (;;) { (void)FAULT("rdmsr", 0, 0xdeadbeef, 0); } }
static void in_copy(void *a)
{
	(void)a;
	busy = 1;
	for (;;) {
		const void *s = from;
		uint64_t to = 0xd0000000, n = sizeof(from);

		__asm__ volatile("rep movsb" : "+S"(s), "+D"(to), "+c"(n) : : "memory");
	}
}
static void in_string(void *a)
{
	(void)a;
	busy = 1;
	for (;;) {
		const void *s = from;
		uint64_t n = sizeof(from);

		__asm__ volatile("rep outsb" : "+S"(s), "+c"(n) : "d"(0x80) : "memory");
	}
}
static void in_ipis(void *a) { (void)a; busy = 1; irq_sink(0x45); for (;;) { icr(id_of(2), 0x45); } }
static void in_nmis(void *a) { (void)a; busy = 1; for (;;) { icr(id_of(1), 0x4400); } }

static void moments(void)
{
	static const struct { const char *name; void (*fn)(void *); } row[] = {
		{ "init in a halt", in_halt }, { "init in a loop", in_spin }, { "init in cpuids", in_cpuid }, { "init in port accesses", in_port },
		{ "init in device accesses", in_device }, { "init in faults", in_fault }, { "init in a copy to a device", in_copy },
		{ "init in a string to a port", in_string }, { "init while it sends", in_ipis }, { "init in nmis", in_nmis },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		bool all = true;

		for (unsigned n = 0; n < 3; n++) {
			put_first();
			busy = 0;
			cpu_call(1, row[i].fn, NULL);
			all = wait_for(&busy, 1) && all;
			for (uint64_t end = rdtsc() + rnd() % (tsc_per_ms() * 2); rdtsc() < end;) {
				__asm__ volatile("pause");
			}
			cpu_sipi(1, PAGE);
			all = starts(1) && all;
			cpu_restart(1);
		}
		ok(row[i].name, all);
	}
}

static void to_itself(void *arg)
{
	(void)arg;
	busy = 1;
	icr(id_of(1), INIT);
	for (;;) {
		busy++;
	}
}

static void storms(void)
{
	uint64_t alive[AT_CPUS];

	for (unsigned n = 0; n < 150; n++) {
		unsigned cpu = 1 + (unsigned)(rnd() % (cpu_count - 1));

		icr(id_of(cpu), rnd() & 1 ? INIT : SIPI | PAGE >> 12);
		if (n % 8 == 0) {
			icr(0, OTHERS | (rnd() & 1 ? INIT : SIPI | PAGE >> 12));
		}
	}
	icr(0, OTHERS | INIT);
	for (unsigned i = 1; i < cpu_count; i++) {
		alive[i] = cpus[i].alive;
		cpu_restart(i);
		ok(numbered("after a storm: processor", i), cpus[i].alive == alive[i] + 1 && cpu_done(i));
	}
	put_first();
	busy = 0;
	cpu_call(1, to_itself, NULL);
	(void)wait_for(&busy, 1);
	ok("init to itself stops", quiet(0));
	icr(id_of(1), SIPI | PAGE >> 12);
	ok("and a sipi starts it", starts(1));
	cpu_restart(1);
}

static void both_modes(void)
{
	state();
	cpu_restart(1);
	order();
	moments();
	storms();
}

void group_processors(void)
{
	if (cpu_count < 3) {
		skip("all", "fewer than three processors");
		return;
	}
	cpus_start();
	x2apic_all(false);
	both_modes();
	if (!has(1, 0, 'c', 21)) {
		return;
	}
	x2apic_all(true);
	icr(id_of(1), INIT);
	cpu_restart(1);
	cpu_call(1, spoil, NULL);
	ok("x2apic mode survives init", cpu_done(1));
	order();
	storms();
	x2apic_all(false);
}
