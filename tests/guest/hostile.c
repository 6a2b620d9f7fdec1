/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that misbehaves. The command line names how: hostile=WORD, and rounds=N where it says "bounded" (there the
 * payload then powers off and says so; the others never end by themselves, or end their VM).
 *
 *   triple      triple fault                         spin       interrupts off, for ever
 *   garbage     random bytes as code, for ever       halt       HLT with interrupts off
 *   walk        page tables in a device              ports      OUT and IN, as fast as they go
 *   fetch       jumps into a device                  devices    garbage to every device register (bounded)
 *   stack       exception frames into a device       mmio       garbage at random physical addresses (bounded)
 *   vector      MOVDQU on a device                   msr        random MSRs, read and written (bounded)
 *   apic        odd instruction on the APIC page     control    random CR0, CR3, CR4, EFER (bounded)
 *   string      endless REP OUTS and MOVS            ipi        self-IPIs of all kinds (bounded)
 *   timer       shortest periodic timer, for ever    reset      asks for a reset
 *   nmi         NMIs to itself within NMIs (bounded)
 */
#include "tests/guest/rt.h"

enum { TRAP_RANGES = 32, GARBAGE_BYTES = 0x10000, IOAPIC = 0xfec00000, NOWHERE = 0xd0000000 };

static uint64_t seed = 88172645463325252ull, rounds = 20000;
static uint8_t garbage[GARBAGE_BYTES] __attribute__((aligned(4096)));
static volatile uint64_t traps;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- ways to survive one's own faults ---- */

/* Where a trap goes on; 0: it was not expected. */
static volatile uint64_t resume_at;

static void on_trap(struct trap *t)
{
	traps++;
	t->rip = resume_at;
	t->rflags &= ~0x100ull;
}

static void expect_traps(void)
{
	for (unsigned v = 0; v < TRAP_RANGES; v++) {
		trap_set((uint8_t)v, on_trap);
	}
}

/* Runs instructions that may fault, with registers loaded before; goes on behind them either way. */
#define TRY(text, a, c, d, di) \
	do { \
		uint64_t a_ = (a), c_ = (c), d_ = (d), di_ = (di); \
										\
		__asm__ volatile("leaq 1f(%%rip), %%r8; movq %%r8, %0; " text "; 1:" \
				 : "=m"(resume_at), "+a"(a_), "+c"(c_), "+d"(d_), "+D"(di_) : : "memory", "r8", "cc"); \
	} while (0)

static void finish(void)
{
	/* The port may have been left in any state: 115200 8N1, no interrupts. */
	outb(0x3f9, 0);
	outb(0x3fb, 3);
	outb(0x3fc, 3);
	puts_raw("\nok hostile survived, traps ");
	print_u64(traps);
	puts_raw("\n");
	guest_power_off();
}

/* ---- one function per word ---- */

static void triple(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none;

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void spin(void)
{
	__asm__ volatile("cli; 1: jmp 1b");
}

static void halt(void)
{
	__asm__ volatile("cli; hlt");
}

/* Each fault goes on at another random place; what the code does to itself and to its tables is its own business. */
static void on_garbage(struct trap *t)
{
	t->rip = (uint64_t)(uintptr_t)garbage + rnd() % (GARBAGE_BYTES - 64);
	t->cs = 8;
	t->ss = 16;
	t->rsp = (uint64_t)(uintptr_t)garbage + GARBAGE_BYTES / 2;
	t->rflags = 2;
}

static void execute_garbage(void)
{
	for (unsigned i = 0; i < GARBAGE_BYTES; i += 8) {
		uint64_t v = rnd();

		memcpy(garbage + i, &v, 8);
	}
	for (unsigned v = 0; v < 256; v++) {
		trap_set((uint8_t)v, on_garbage);
	}
	__asm__ volatile("jmp *%0" : : "r"(garbage));
}

static void walk(void)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"((uint64_t)IOAPIC) : "memory");
}

static void fetch(void)
{
	__asm__ volatile("jmp *%0" : : "r"((uint64_t)NOWHERE));
}

static void stack(void)
{
	__asm__ volatile("movq %0, %%rsp; ud2" : : "r"((uint64_t)NOWHERE + 0x1000));
}

static void vector(void)
{
	uint64_t cr4;

	__asm__ volatile("movq %%cr4, %0; orq $0x200, %0; movq %0, %%cr4" : "=r"(cr4));
	__asm__ volatile(".byte 0xf3, 0x0f, 0x6f, 0x07" : : "D"((uint64_t)IOAPIC));
}

static void apic(void)
{
	__asm__ volatile("lock orl $1, (%0)" : : "r"(0xfee00080ull) : "memory");
}

static void ports(void)
{
	for (;;) {
		for (uint32_t p = 0; p < 0x10000; p++) {
			outb(0x80, (uint8_t)p);
			(void)inb((uint16_t)(p & 0x3ff ? 0xed : 0x61));
		}
	}
}

/* Ports that end the VM when the right value comes: keyboard controller, reset register, PM1 control. */
static bool ends_vm(uint16_t port)
{
	return port == 0x64 || port == 0x92 || (port >= 0xcf8 && port <= 0xcff) || (port >= 0x600 && port <= 0x607);
}

static void touch_port(uint16_t port)
{
	uint32_t v = (uint32_t)rnd();

	switch (rnd() % 6) {
	case 0:
		outb(port, (uint8_t)v);
		break;
	case 1:
		outw(port, (uint16_t)v);
		break;
	case 2:
		outl(port, v);
		break;
	default:
		__asm__ volatile("inb %%dx, %%al; inw %%dx, %%ax; inl %%dx, %%eax" : : "d"(port) : "rax");
	}
}

static void devices(void)
{
	static const uint16_t base[] = { 0x20, 0xa0, 0x4d0, 0x40, 0x60, 0x70, 0x80, 0xed, 0x3f8, 0x608, 0x620, 0x510, 0xcf8, 0x600 };

	for (uint64_t n = 0; n < rounds; n++) {
		uint16_t port = (uint16_t)(base[rnd() % ARRAY_SIZE(base)] + rnd() % 8);

		for (unsigned wide = 0; wide < 4; wide++) {
			if (ends_vm((uint16_t)(port + wide))) {
				port = 0x40;
			}
		}
		touch_port(rnd() % 16 ? port : (uint16_t)(0x1000 + rnd() % 0xe000));
		mmio_write32(IOAPIC, (uint32_t)rnd() & 0x3f);
		if (rnd() & 1) {
			mmio_write32(IOAPIC + 0x10, (uint32_t)rnd());
		} else {
			(void)mmio_read32(IOAPIC + (rnd() & 0xfff));
		}
	}
	finish();
}

/* RAM of the payload stays alone: addresses from 3 GiB up, the APIC page aside. */
static void mmio(void)
{
	for (uint64_t n = 0; n < rounds; n++) {
		uint64_t at = 0xc0000000 + rnd() % 0x3effff00, v = rnd();

		if (at >> 12 == 0xfee00 || (at + 64) >> 12 == 0xfee00) {
			continue;
		}
		switch (v % 6) {
		case 0:
			TRY("movb %%al, (%%rdi)", v, 0, 0, at);
			break;
		case 1:
			TRY("movq (%%rdi), %%rax", 0, 0, 0, at);
			break;
		case 2:
			TRY("lock xaddl %%eax, (%%rdi)", v, 0, 0, at & ~3ull);
			break;
		case 3:
			TRY("notw (%%rdi)", 0, 0, 0, at);
			break;
		case 4:
			TRY("rep stosl", v, v >> 32 & 63, 0, at);
			break;
		default:
			TRY("btcq %%rax, (%%rdi)", v >> 50, 0, 0, at);
		}
	}
	finish();
}

/* Ranges that exist, and any number beside. EFER and the APIC base are left to "control" and "ipi". */
static uint32_t random_msr(void)
{
	static const uint32_t base[] = { 0, 0x10, 0x40, 0x1a0, 0x200, 0x250, 0x277, 0x2ff, 0x400, 0x6e0, 0x800, 0x4b564d00,
					 0x40000000, 0xc0000100, 0xc0010000, 0xc0010110 };
	uint32_t msr = rnd() % 4 ? base[rnd() % ARRAY_SIZE(base)] + (uint32_t)(rnd() & 0x3f) : (uint32_t)rnd();

	return msr == 0x1b || msr == 0xc0000080 || (msr & ~0xffu) == 0xc0000100 ? 0x10 : msr;
}

static void msr(void)
{
	for (uint64_t n = 0; n < rounds; n++) {
		uint32_t number = random_msr();
		uint64_t v = rnd() % 2 ? rnd() : rnd() & 0xfff;

		if (rnd() % 3) {
			TRY("rdmsr", 0, number, 0, 0);
		} else {
			TRY("wrmsr", (uint32_t)v, number, v >> 32, 0);
		}
	}
	finish();
}

/* One bit at a time, put back at once: what the guest may not set must fault and change nothing. */
static void control(void)
{
	for (uint64_t n = 0; n < rounds; n++) {
		uint64_t bit = 1ull << (rnd() & 63);

		switch (rnd() % 4) {
		case 0:
			TRY("movq %%cr0, %%rax; movq %%rax, %%rdx; xorq %%rdi, %%rax; movq %%rax, %%cr0; movq %%rdx, %%cr0",
			    0, 0, 0, bit & ~0x80000001ull);
			break;
		case 1:
			TRY("movq %%cr4, %%rax; movq %%rax, %%rdx; xorq %%rdi, %%rax; movq %%rax, %%cr4; movq %%rdx, %%cr4",
			    0, 0, 0, bit & ~0x20ull);
			break;
		case 2:
			TRY("movq %%cr3, %%rax; movq %%rax, %%rdx; orq %%rdi, %%rax; movq %%rax, %%cr3; movq %%rdx, %%cr3",
			    0, 0, 0, bit & 0xfff0000000000018ull);
			break;
		default:
			TRY("rdmsr; xorl %%edi, %%eax; wrmsr; xorl %%edi, %%eax; wrmsr", 0, 0xc0000080, 0, bit & ~0x500ull);
		}
	}
	finish();
}

static void string(void)
{
	for (;;) {
		uint64_t count = 0x10000;
		const void *from = garbage;
		uint64_t to = NOWHERE;

		__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x80) : "memory");
		count = 0x10000;
		__asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
	}
}

static void on_interrupt(struct trap *t)
{
	(void)t;
	traps++;
	apic_write(APIC_EOI, 0);
}

/* NMIs know no EOI. */
static void on_nmi(struct trap *t)
{
	(void)t;
	traps++;
}

static void take_interrupts(void)
{
	trap_set(2, on_nmi);
	for (unsigned v = TRAP_RANGES; v < 256; v++) {
		trap_set((uint8_t)v, on_interrupt);
	}
	apic_init(false);
	__asm__ volatile("sti");
}

/* Fixed and NMI, shorthands and destinations of all kinds, and garbage to the first registers. INIT would end the VM. */
static void ipi(void)
{
	take_interrupts();
	for (uint64_t n = 0; n < rounds; n++) {
		uint32_t icr = (uint32_t)rnd() & 0xcc8ff;

		if (rnd() % 4 == 0) {
			icr |= 0x400;
		}
		if ((icr & 0xff) < TRAP_RANGES) {
			icr |= TRAP_RANGES;
		}
		apic_write(APIC_ICR_HIGH, (uint32_t)rnd());
		apic_write(APIC_ICR, icr);
		apic_write((uint32_t)rnd() & 0x70, (uint32_t)rnd());
		apic_write(APIC_TPR, 0);
	}
	finish();
}

/* NMIs that come while one is served: the next is due at the IRET, whose end the kernel must wait for. */
static void on_nmi_again(struct trap *t)
{
	(void)t;
	if (++traps % 4) {
		apic_write(APIC_ICR, 0x44400);           /* NMI to itself */
	}
}

static void nmi(void)
{
	take_interrupts();
	trap_set(2, on_nmi_again);
	for (uint64_t n = 0; n < rounds; n++) {
		if (n & 1) {
			__asm__ volatile("cli");
		}
		apic_write(APIC_ICR, 0x44400);
		__asm__ volatile("sti");
	}
	finish();
}

static void timer(void)
{
	take_interrupts();
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, 0x20050);
	apic_write(APIC_TIMER_INIT, 1);
	for (;;) {
		__asm__ volatile("hlt");
	}
}

static void reset(void)
{
	outb(0xcf9, 6);
}

/* ---- choice ---- */

static const struct { const char *word; void (*run)(void); } table[] = {
	{ "triple", triple }, { "spin", spin }, { "halt", halt }, { "garbage", execute_garbage }, { "walk", walk },
	{ "fetch", fetch }, { "stack", stack }, { "vector", vector }, { "apic", apic }, { "ports", ports },
	{ "devices", devices }, { "mmio", mmio }, { "msr", msr }, { "control", control }, { "string", string },
	{ "ipi", ipi }, { "timer", timer }, { "reset", reset }, { "nmi", nmi },
};

static bool equal(const char *word, const char *text)
{
	while (*word && *word == *text) {
		word++;
		text++;
	}
	return !*word && (*text == 0 || *text == ' ');
}

static uint64_t number(const char *text)
{
	uint64_t n = 0;

	while (*text >= '0' && *text <= '9') {
		n = n * 10 + (uint64_t)(*text++ - '0');
	}
	return n;
}

int main(uint32_t start_info)
{
	const char *word, *value;

	guest_init(start_info);
	if (option("rounds", &value)) {
		rounds = number(value);
	}
	if (option("seed", &value)) {
		seed = number(value) * 2 + 1;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		if (option("hostile", &word) && equal(table[i].word, word)) {
			puts_raw("hostile ");
			puts_raw(table[i].word);
			puts_raw("\n");
			expect_traps();
			table[i].run();
			for (;;) {
				__asm__ volatile("cli; hlt");
			}
		}
	}
	puts_raw("not ok hostile: no such word\n");
	guest_power_off();
}
