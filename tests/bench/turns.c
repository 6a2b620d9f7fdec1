/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a VM was away from the processor, as it sees itself: it reads the TSC again and again, and each long gap between two
 * readings is a time in which something else ran. Two such VMs on one processor tell what the turns themselves cost: what
 * is in one's gaps and not in the other's runs. With the option "sleeps" it halts instead, between the ticks of its timer; the
 * other one, with "beside", then looks for short gaps too. It begins when a byte comes on COM1, says its first gaps and goes on.
 */
#include "tests/guest/rt.h"

enum { GAPS = 64, TIMER_VECTOR = 0x51, PERIOD = 200000, LOOK = 1000000, SHORT_GAP = 500, LONG_GAP = 300000, EOI = 0x80b, ONE_TICK = 0xb, PERIODIC = 0x20000 };

static struct { uint64_t from, to; } gaps[GAPS];

static void on_timer(struct trap *t)
{
	(void)t;
	wrmsr(EOI, 0);
}

static void compute(uint64_t least)
{
	uint64_t before = rdtsc();

	for (unsigned count = 0; count < GAPS;) {
		uint64_t now = rdtsc();

		if (now - before >= least) {
			gaps[count].from = before;
			gaps[count].to = now;
			count++;
		}
		before = now;
	}
}

static void say(void)
{
	for (unsigned i = 0; i < GAPS; i++) {
		puts_raw("gap ");
		print_u64(gaps[i].from);
		puts_raw(" ");
		print_u64(gaps[i].to);
		puts_raw("\n");
	}
	puts_raw("gaps done\n");
}

/* The timer's ticks go on until its count is set to nothing. */
static void start_timer(uint32_t period)
{
	trap_set(TIMER_VECTOR, on_timer);
	apic_write(APIC_TIMER_DIV, ONE_TICK);
	apic_write(APIC_LVT_TIMER, PERIODIC | TIMER_VECTOR);
	apic_write(APIC_TIMER_INIT, period);
}

/* Halted in between, so that the other one can start meanwhile. */
static void wait_for_byte(void)
{
	start_timer(LOOK);
	while (!(inb(0x3fd) & 1)) {
		__asm__ volatile("sti; hlt; cli");
	}
	apic_write(APIC_TIMER_INIT, 0);
	__asm__ volatile("sti");
}

static void sleep_again_and_again(void)
{
	start_timer(PERIOD);
	for (;;) {
		__asm__ volatile("sti; hlt");
	}
}

int main(uint32_t start_info)
{
	guest_init(start_info);
	apic_init(true);
	puts_raw("mark 0\n");
	wait_for_byte();
	if (option("sleeps", NULL)) {
		sleep_again_and_again();
	}
	compute(option("beside", NULL) ? SHORT_GAP : LONG_GAP);
	say();
	for (;;) {
		__asm__ volatile("pause");
	}
}
