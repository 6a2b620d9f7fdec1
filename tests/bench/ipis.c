/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interrupt from one virtual processor to another costs, in ticks of the TSC from the ICR write to the handler: to
 * one that is halted, there and back; to one that runs, where each of both has a processor. Two vCPUs, x2APIC. It says "mark
 * N" before each row and goes on when a byte comes on COM1, so that exits can be counted in between: those of ports are not
 * the row's. SDM 3A 9.4 (start-up), 11.6.
 */
#include "tests/guest/rt.h"

enum { ROUNDS = 2000, CALL = 0x50, ANSWER = 0x51, AP_PAGE = 0x8000, INIT = 0x4500, SIPI = 0x4600, ICR = 0x830, EOI = 0x80b };

/*
 * The other processor goes from real mode straight into long mode, on the tables of the first one.
 * At its page: offset F00h GDT pointer, F10h CR3, F18h entry.
 */
__asm__(".pushsection .rodata\n.code16\n"
	"second: cli; movw %cs, %ax; movw %ax, %ds\n\t"
	"lgdtl 0xf00\n\t"
	"movl %cr4, %eax; orl $0x20, %eax; movl %eax, %cr4\n\t"
	"movl 0xf10, %eax; movl %eax, %cr3\n\t"
	"movl $0xc0000080, %ecx; rdmsr; orl $0x100, %eax; wrmsr\n\t"
	"movl %cr0, %eax; andl $0x9fffffff, %eax; orl $0x80000001, %eax; movl %eax, %cr0\n\t"
	"ljmpl *0xf18\n"
	"second_end:\n"
	".code64\n.popsection\n"
	".pushsection .text\n"
	"second_long: movl $16, %eax; movl %eax, %ds; movl %eax, %es; movl %eax, %ss\n\t"
	"xorl %eax, %eax; movl %eax, %fs; movl %eax, %gs\n\t"
	"leaq second_stack + 8192(%rip), %rsp\n\t"
	"call second_main\n"
	".popsection");
extern const char second[], second_end[], second_long[];
char second_stack[8192] __attribute__((aligned(16)));
_Noreturn void second_main(void);

static volatile uint64_t calls, answers;
static volatile bool alive, halting, answering;
static uint32_t other;

static void icr(uint32_t dest, uint32_t low)
{
	wrmsr(ICR, (uint64_t)dest << 32 | low);
}

static void on_call(struct trap *t)
{
	(void)t;
	calls++;
	wrmsr(EOI, 0);
	if (answering) {
		icr(0, ANSWER);
	}
}

static void on_answer(struct trap *t)
{
	(void)t;
	answers++;
	wrmsr(EOI, 0);
}

_Noreturn void second_main(void)
{
	traps_load();
	apic_init(true);
	alive = true;
	__asm__ volatile("sti");
	for (;;) {
		if (halting) {
			__asm__ volatile("hlt");
		} else {
			__asm__ volatile("pause");
		}
	}
}

static bool start_second(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) gdt;
	uint8_t *page = (uint8_t *)AP_PAGE;
	uint64_t cr3, end = rdtsc() + 1000000000;
	struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) far = { (uint32_t)(uintptr_t)second_long, 8 };

	__asm__ volatile("sgdt %0" : "=m"(gdt));
	__asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
	memcpy(page, second, (size_t)(second_end - second));
	memcpy(page + 0xf00, &gdt, sizeof(gdt));
	memcpy(page + 0xf10, &cr3, sizeof(cr3));
	memcpy(page + 0xf18, &far, sizeof(far));
	other = 1;
	icr(other, INIT);
	icr(other, SIPI | AP_PAGE >> 12);
	while (!alive && rdtsc() < end) {
		__asm__ volatile("pause");
	}
	return alive;
}

static void value(const char *name, uint64_t v)
{
	puts_raw("bench ");
	puts_raw(name);
	puts_raw(" ");
	print_u64(v);
	puts_raw("\n");
}

/* Says that it waits, and waits for a byte. */
static void mark(void)
{
	static uint64_t number;

	puts_raw("mark ");
	print_u64(number++);
	puts_raw("\n");
	while (!(inb(0x3fd) & 1)) {
		__asm__ volatile("pause");
	}
	(void)inb(0x3f8);
}

/* Both halt: the other one answers, so each round is two interrupts. */
static void halted_row(void)
{
	uint64_t start;

	halting = answering = true;
	icr(other, CALL);
	while (!answers) {
		__asm__ volatile("pause");
	}
	mark();
	start = rdtsc();
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t before = answers;

		__asm__ volatile("cli");
		icr(other, CALL);
		while (answers == before) {
			__asm__ volatile("sti; hlt; cli" : : : "memory");
		}
	}
	value("halted", (rdtsc() - start) / ROUNDS / 2);
	__asm__ volatile("sti");
}

/* The sender waits for the handler, either computing or at the end of the other's turn. */
static void one_way_row(const char *name, const char *sender, bool halts)
{
	uint64_t start, least = UINT64_MAX;

	answering = false;
	halting = halts;
	icr(other, CALL);
	mark();
	start = rdtsc();
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t before = calls, sent = rdtsc();

		icr(other, CALL);
		sent = rdtsc() - sent;
		least = sent < least ? sent : least;
		while (calls == before) {
			__asm__ volatile("pause");
		}
	}
	value(name, (rdtsc() - start) / ROUNDS);
	value(sender, least);
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	trap_set(CALL, on_call);
	trap_set(ANSWER, on_answer);
	apic_init(true);
	__asm__ volatile("sti");
	check("the other processor runs", start_second());
	halted_row();
	if (option("two", NULL)) {
		one_way_row("running", "send-running", false);
		one_way_row("asleep", "send-asleep", true);
	}
	mark();
	puts_raw("bench done\n");
	guest_power_off();
}
