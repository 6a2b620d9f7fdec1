/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime of the attack suite: results, faults, tables, processors. See at.h. */
#include "tests/attack/at.h"

enum { VECTOR_WAKE = 0xfd, AP_PAGE = 0x8000, PTE_P = 1, PTE_W = 2, PTE_U = 4 };
#define MSR_GS_BASE 0xc0000101u

extern volatile uint64_t pd[2048];
extern char ap_start[], ap_start_end[], abandon_here[], end_of_image[];
void ap_main(void);
_Noreturn void abandon_trap(void);

const char *group_name = "";
struct cpu cpus[AT_CPUS] __attribute__((aligned(4096)));
unsigned cpu_count;
struct out out;
uint8_t user_stack[4096] __attribute__((aligned(4096)));
uint64_t *top_table, ap_stack, user_flags;
uint64_t window_table[512] __attribute__((aligned(4096))), window_directory[512] __attribute__((aligned(4096)));
uint64_t window_pointers[512] __attribute__((aligned(4096)));
bool in_x2apic;
static volatile uint64_t ap_index;
static void *leave_group[5];
static bool in_group;

uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(16))) = {
	[SEL_CODE64 / 8] = 0x00af9b000000ffff, [SEL_DATA / 8] = 0x00cf93000000ffff, [SEL_CODE32 / 8] = 0x00cf9b000000ffff,
	[SEL_CODE16 / 8] = 0x008f9b000000ffff, [SEL_DATA16 / 8] = 0x000093000000ffff, [SEL_USER_DATA / 8] = 0x00cff3000000ffff,
	[SEL_USER_CODE / 8] = 0x00affb000000ffff, [SEL_USER_CODE32 / 8] = 0x00cffb000000ffff,
};

/* ---- results ---- */

static uint64_t good_lines, bad_lines;

/* Output that waits for the end of its group: the node speaks about a VM's devices meanwhile, and would break our lines. */
static char held[32768];
static unsigned held_bytes;
static bool holding;

static void say(const char *text)
{
	if (!holding) {
		puts_raw(text);
		return;
	}
	while (*text && held_bytes + 1 < sizeof(held)) {
		held[held_bytes++] = *text++;
	}
}

static void say_hex(uint64_t v)
{
	char text[19] = "0x";

	for (int i = 0; i < 16; i++) {
		text[2 + i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	}
	text[18] = 0;
	say(text);
}

void hold_output(bool on)
{
	holding = on;
	if (!on && held_bytes) {
		puts_raw("\n");
		puts_raw(held);
		memset(held, 0, held_bytes);
		held_bytes = 0;
	}
}

static void line(const char *verdict, const char *name)
{
	good_lines += verdict[0] == 'o';
	bad_lines += verdict[0] == 'n';
	say(verdict);
	say(group_name);
	say("/");
	say(name);
}

void ok(const char *name, bool good)
{
	line(good ? "ok " : "not ok ", name);
	say("\n");
}

void equal(const char *name, uint64_t got, uint64_t want)
{
	if (got == want) {
		ok(name, true);
		return;
	}
	line("not ok ", name);
	say(": got ");
	say_hex(got);
	say(", not ");
	say_hex(want);
	say("\n");
}

void equal_of(const char *name, const char *part, uint64_t got, uint64_t want)
{
	static char text[128];
	const char *const pieces[] = { name, ", ", part };
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		for (const char *p = pieces[i]; *p && n + 1 < sizeof(text); p++) {
			text[n++] = *p;
		}
	}
	text[n] = 0;
	equal(text, got, want);
}

void skip(const char *name, const char *why)
{
	line("skip ", name);
	say(": ");
	say(why);
	say("\n");
}

void note(const char *text, uint64_t value)
{
	say("# ");
	say(text);
	say(" ");
	say_hex(value);
	say("\n");
}

const char *numbered(const char *name, uint64_t number)
{
	static char text[96];
	char digits[20];
	unsigned at = 0, n = 0;

	for (; *name && at < 70; name++) {
		text[at++] = *name;
	}
	text[at++] = ' ';
	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (n) {
		text[at++] = digits[--n];
	}
	text[at] = 0;
	return text;
}

uint64_t rnd(void)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- faults ---- */

_Noreturn void abandon(const char *why)
{
	line("not ok ", "abandoned: ");
	say(why);
	say("\n");
	__builtin_longjmp(leave_group, 1);
}

_Noreturn void abandon_trap(void)
{
	__builtin_longjmp(leave_group, 1);
}

static void unexpected(struct trap *t, const struct cpu *c)
{
	line("not ok ", "unexpected trap ");
	say_hex(t->vector);
	say(" error ");
	say_hex(t->error);
	say(" rip ");
	say_hex(t->rip);
	say(" cr2 ");
	say_hex(c->cr2);
	say(" cpu ");
	say_hex(c->index);
	say("\n");
	if (c->index != 0 || !in_group) {
		hold_output(false);
		guest_power_off();
	}
	t->rip = (uint64_t)(uintptr_t)abandon_here;
	t->cs = SEL_CODE64;
	t->ss = SEL_DATA;
	t->rflags = 2;
}

static void on_fault(struct trap *t)
{
	struct cpu *c = this_cpu();

	__asm__ volatile("movq %%cr2, %0; movq %%dr6, %1" : "=r"(c->cr2), "=r"(c->dr6));
	c->count++;
	if (!c->resume) {
		unexpected(t, c);
		return;
	}
	c->vector = t->vector == VECTOR_RETURN ? NONE : t->vector;
	c->error = t->error;
	c->rip = t->rip;
	c->rflags = t->rflags;
	t->rip = c->resume;
	t->rsp = c->resume_rsp;
	t->cs = SEL_CODE64;
	t->ss = SEL_DATA;
	t->rflags &= ~(uint64_t)(0x100 | 0x200 | 0x400 | 0x3000 | 0x4000 | 0x40000);
	c->resume = 0;
}

/* ---- tables ---- */

struct gate *idt_gate(uint8_t vector)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p;

	__asm__ volatile("sidt %0" : "=m"(p));
	return (struct gate *)(uintptr_t)p.base + vector;
}

/* Behind the four GiB of start.S: the image lies in the 2 MiB pages from the second on. */
void image_user(bool user)
{
	uint64_t *pointers = (uint64_t *)(uintptr_t)(top_table[0] & ~0xfffull);

	top_table[0] |= PTE_U;
	pointers[0] |= PTE_U;
	for (uint64_t at = 0x200000; at < (uint64_t)(uintptr_t)end_of_image; at += 0x200000) {
		pd[at >> 21] = user ? pd[at >> 21] | PTE_U : pd[at >> 21] & ~(uint64_t)PTE_U;
	}
	WRITE_CR(3, READ_CR(3));
}

uint64_t window_map(unsigned page, uint64_t physical, uint64_t flags)
{
	uint64_t at = WINDOW + page * 4096ull;

	window_table[page] = physical | flags;
	invlpg(at);
	return at;
}

static void window_init(void)
{
	uint64_t all = PTE_P | PTE_W | PTE_U;

	top_table = (uint64_t *)(uintptr_t)(READ_CR(3) & ~0xfffull);
	window_directory[0] = (uint64_t)(uintptr_t)window_table | all;
	window_pointers[0] = (uint64_t)(uintptr_t)window_directory | all;
	top_table[WINDOW >> 39] = (uint64_t)(uintptr_t)window_pointers | all;
	WRITE_CR(3, READ_CR(3));
}

/* GDT, task register and GS of this processor. */
static void cpu_tables(struct cpu *c)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p = { sizeof(gdt) - 1, (uint64_t)(uintptr_t)gdt };
	uint64_t at = (uint64_t)(uintptr_t)&c->tss;
	unsigned entry = SEL_TSS / 8 + 2 * (unsigned)c->index;

	c->tss.rsp[0] = (uint64_t)(uintptr_t)(c->spare_stack + 4096);
	c->tss.ist[0] = (uint64_t)(uintptr_t)(c->spare_stack + 8192);
	c->tss.map = (uint16_t)offsetof(struct tss64, bitmap);
	memset(c->tss.bitmap, 0xff, sizeof(c->tss.bitmap));
	gdt[entry] = (sizeof(struct tss64) - 1) | (at & 0xffffff) << 16 | 0x89ull << 40 | (at >> 24 & 0xff) << 56;
	gdt[entry + 1] = at >> 32;
	__asm__ volatile("lgdt %0; ltr %w1" : : "m"(p), "r"(entry * 8) : "memory");
	wrmsr(MSR_GS_BASE, (uint64_t)(uintptr_t)c);
}

/* ---- interrupts ---- */

static void on_sink(struct trap *t)
{
	this_cpu()->irqs[t->vector]++;
	if (rdmsr(0x1b) & 0x400) {
		wrmsr(0x80b, 0);
	} else {
		mmio_write32(0xfee00000 + APIC_EOI, 0);
	}
}

void irq_sink(uint8_t vector)
{
	trap_set(vector, on_sink);
}

static void on_nmi(struct trap *t)
{
	this_cpu()->irqs[t->vector]++;
}

void icr(uint32_t dest, uint32_t low)
{
	if (in_x2apic) {
		wrmsr(0x830, (uint64_t)dest << 32 | low);
		return;
	}
	mmio_write32(0xfee00000 + APIC_ICR_HIGH, dest << 24);
	mmio_write32(0xfee00000 + APIC_ICR, low);
	while (mmio_read32(0xfee00000 + APIC_ICR) & 0x1000) {
		__asm__ volatile("pause");
	}
}

static void apic_mode(void *arg)
{
	bool on = arg != NULL;

	if (!on && rdmsr(0x1b) & 0x400) {
		wrmsr(0x1b, rdmsr(0x1b) & ~0xc00ull);
	}
	apic_init(on);
}

void x2apic_all(bool on)
{
	for (unsigned i = 1; i < cpu_count; i++) {
		cpu_call(i, apic_mode, on ? &in_x2apic : NULL);
		(void)cpu_done(i);
	}
	in_x2apic = on;
	apic_mode(on ? &in_x2apic : NULL);
}

/* ---- processors ---- */

bool wait_for(volatile uint64_t *what, uint64_t value)
{
	uint64_t start = rdtsc(), limit = 2000 * tsc_per_ms();

	while (*what != value && rdtsc() - start < limit) {
		__asm__ volatile("pause");
	}
	return *what == value;
}

bool irqs_reach(const volatile uint64_t *count, uint64_t n, uint64_t ms)
{
	uint64_t end = rdtsc() + ms * tsc_per_ms();

	__asm__ volatile("sti");
	while (*count < n && rdtsc() < end) {
		__asm__ volatile("pause");
	}
	__asm__ volatile("cli");
	return *count >= n;
}

/* The calls of cpu_call; between them the processor halts with interrupts on. */
void ap_main(void)
{
	struct cpu *c = &cpus[ap_index];

	traps_load();
	cpu_tables(c);
	apic_init(rdmsr(0x1b) & 0x400);
	c->apic_id = in_x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
	c->fn = NULL;
	c->resume = 0;
	__atomic_add_fetch(&c->alive, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		__asm__ volatile("cli" : : : "memory");
		if (c->fn) {
			c->fn(c->arg);
			c->fn = NULL;
		} else {
			__asm__ volatile("sti; hlt" : : : "memory");
		}
	}
}

void cpu_call(unsigned cpu, void (*fn)(void *), void *arg)
{
	cpus[cpu].arg = arg;
	cpus[cpu].fn = fn;
	icr((uint32_t)cpus[cpu].apic_id, VECTOR_WAKE);
}

bool cpu_done(unsigned cpu)
{
	uint64_t start = rdtsc(), limit = 5000 * tsc_per_ms();

	while (cpus[cpu].fn && rdtsc() - start < limit) {
		__asm__ volatile("pause");
	}
	return !cpus[cpu].fn;
}

/* No waiting between the two, as on processors of this century. */
void cpu_sipi(unsigned cpu, uint32_t page)
{
	uint32_t id = cpus[cpu].alive ? (uint32_t)cpus[cpu].apic_id : cpu;

	icr(id, 0x4500);
	icr(id, 0x4600 | page >> 12);
}

void cpu_restart(unsigned cpu)
{
	uint64_t alive = cpus[cpu].alive;

	memcpy((void *)AP_PAGE, ap_start, (size_t)(ap_start_end - ap_start));
	ap_index = cpu;
	cpus[cpu].index = cpu;
	ap_stack = (uint64_t)(uintptr_t)(cpus[cpu].stack + sizeof(cpus[cpu].stack));
	/* The TSS is not busy for the one that loads it. */
	gdt[SEL_TSS / 8 + 2 * cpu] &= ~(2ull << 40);
	cpu_sipi(cpu, AP_PAGE);
	if (!wait_for(&cpus[cpu].alive, alive + 1)) {
		abandon("another processor does not start");
	}
}

void cpus_start(void)
{
	for (unsigned i = 1; i < cpu_count; i++) {
		if (!cpus[i].alive) {
			cpu_restart(i);
		}
	}
}

/* ---- time ---- */

uint64_t tsc_per_ms(void)
{
	static uint64_t rate;

	if (!rate) {
		uint32_t start = pm_timer();
		uint64_t tsc = rdtsc();

		/* 3579545 Hz: 10 ms. Only 24 bits are sure to be there. */
		while (((pm_timer() - start) & 0xffffff) < 35795) {
			__asm__ volatile("pause");
		}
		rate = (rdtsc() - tsc) / 10 + 1;
	}
	return rate;
}

/* ---- the groups ---- */

/* Enabled local APICs of the MADT (ACPI 5.2.12.2): CPUID counts those of one package only. */
static unsigned processors(void)
{
	const uint8_t *madt = (const uint8_t *)(uintptr_t)acpi_find(0x43495041), *at = madt + 44;
	unsigned n = 0;

	if (!madt) {
		return 1;
	}
	for (const uint8_t *end = madt + *(const uint32_t *)(const void *)(madt + 4); at < end && at[1]; at += at[1]) {
		n += at[0] == 0 && at[4] & 1;
	}
	return n;
}

static const struct { const char *name; void (*run)(void); bool endless; } groups[] = {
	{ "ports", group_ports, false }, { "msr", group_msr, false }, { "control", group_control, false },
	{ "shadows", group_shadows, false }, { "events", group_events, false }, { "timer", group_timer, false },
	{ "xapic", group_xapic, false }, { "x2apic", group_x2apic, false }, { "paging", group_paging, false },
	{ "code", group_code, false }, { "processors", group_processors, false }, { "real", group_real, false },
	{ "tasks", group_tasks, false }, { "taskfaults", group_taskfaults, false }, { "v86", group_v86, false },
	{ "segments", group_segments, false }, { "encodings", group_encodings, false }, { "nmi", group_nmi, false },
	{ "hpet", group_hpet, false }, { "hpetforms", group_hpetforms, true }, { "clocks", group_clocks, false },
	{ "illegal", group_illegal, false }, { "many", group_many, false },
	{ "debug", group_debug, true }, { "starts", group_starts, true }, { "posts", group_posts, true },
	{ "pci", group_pci, false }, { "msix", group_msix, false }, { "virtio", group_virtio, false }, { "drivers", group_drivers, false },
};

static bool chosen(const char *name, bool otherwise)
{
	const char *list;

	if (!option("groups", &list)) {
		return otherwise;
	}
	while (*list && *list != ' ') {
		const char *n = name;

		while (*n && *n == *list) {
			n++;
			list++;
		}
		if (!*n && (*list == ',' || *list == ' ' || !*list)) {
			return true;
		}
		while (*list && *list != ' ' && *list++ != ',') {
		}
	}
	return false;
}

static void run(unsigned i)
{
	struct cpu *c = &cpus[0];

	group_name = groups[i].name;
	in_group = true;
	if (__builtin_setjmp(leave_group) == 0) {
		groups[i].run();
	}
	in_group = false;
	__asm__ volatile("cli");
	hold_output(false);
	c->resume = 0;
	puts_raw("done ");
	puts_raw(groups[i].name);
	puts_raw(": ");
	print_u64(good_lines);
	puts_raw(" ok, ");
	print_u64(bad_lines);
	puts_raw(" not ok\n");
	good_lines = bad_lines = 0;
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	window_init();
	cpu_tables(&cpus[0]);
	image_user(true);
	for (unsigned v = 0; v < 32; v++) {
		trap_set((uint8_t)v, on_fault);
	}
	trap_set(NMI, on_nmi);
	irq_sink(VECTOR_WAKE);
	trap_set(VECTOR_RETURN, on_fault);
	idt_gate(VECTOR_RETURN)->low |= 3ull << 45;
	idt_gate(DF)->low |= 1ull << 32;                 /* on a stack of its own */
	cpu_count = processors();
	cpu_count = cpu_count < 1 ? 1 : cpu_count < AT_CPUS ? cpu_count : AT_CPUS;
	apic_init(false);
	(void)tsc_per_ms();
	/* The node's console has words about a VM that starts, which would break our lines. */
	for (uint64_t end = rdtsc() + 30 * tsc_per_ms(); rdtsc() < end;) {
		__asm__ volatile("pause");
	}
	cpus[0].apic_id = apic_read(APIC_ID) >> 24;
	for (unsigned i = 0; i < ARRAY_SIZE(groups); i++) {
		if (chosen(groups[i].name, !groups[i].endless)) {
			run(i);
		}
	}
	puts_raw("done attack\n");
	guest_power_off();
}
