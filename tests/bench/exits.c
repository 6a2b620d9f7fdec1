/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit costs as a guest sees them. Each row is the guest's TSC around ROUNDS repetitions, divided, with the cost of the
 * empty loop taken off. Under an emulator that counts one TSC tick per instruction the figure is the path length in
 * instructions; elsewhere it is in ticks. The same image runs under Brume and under any other PVH loader.
 */
#include "tests/guest/rt.h"

enum { ROUNDS = 10000, VECTOR = 0x50, TIMER_VECTOR = 0x51 };

#define IOAPIC_VERSION_INDEX 1u

static volatile uint64_t arrived, woke_at;

static void on_ipi(struct trap *t)
{
	(void)t;
	arrived++;
	apic_write(APIC_EOI, 0);
}

static void on_timer(struct trap *t)
{
	(void)t;
	woke_at = rdtsc();
	arrived++;
	apic_write(APIC_EOI, 0);
}

/* Without a hypervisor below, VMMCALL is an invalid opcode: three bytes to step over. */
static void on_invalid_opcode(struct trap *t)
{
	t->rip += 3;
}

static void op_empty(void) { __asm__ volatile("" : : : "memory"); }
static void op_cpuid(void) { (void)cpuid(0, 0); }
static void op_msr(void) { (void)rdmsr(0x1b); }
static void op_pio_kernel(void) { outb(0x80, 0); }
static void op_pio_pic(void) { (void)inb(0x21); }
static void op_pio_vmm(void) { (void)inb(0x3ff); }
static void op_mmio_vmm(void) { (void)mmio_read32(0xfec00010); }
static void op_mmio_hpet(void) { (void)mmio_read32(0xfed00000); }
static void op_ipi(void) { apic_self_ipi(VECTOR); }
static void op_eoi(void) { apic_write(APIC_EOI, 0); }

static void op_hypercall(void)
{
	(void)hypercall(0xffff, 0, 0, 0, 0);
}

static void op_ipi_halt(void)
{
	__asm__ volatile("cli");
	apic_self_ipi(VECTOR);
	__asm__ volatile("sti; hlt");
}

static uint64_t measure(void (*op)(void))
{
	uint64_t start;

	op();
	start = rdtsc();
	for (unsigned i = 0; i < ROUNDS; i++) {
		op();
	}
	return (rdtsc() - start) / ROUNDS;
}

static uint64_t loop_cost;

static void value(const char *name, uint64_t v)
{
	puts_raw("bench ");
	puts_raw(name);
	puts_raw(" ");
	print_u64(v);
	puts_raw("\n");
}

static void row(const char *name, void (*op)(void))
{
	uint64_t cost = measure(op);

	value(name, cost > loop_cost ? cost - loop_cost : 0);
}

static void ipi_rows(const char *ipi, const char *ipi_halt, const char *eoi)
{
	uint64_t before = arrived;

	row(ipi, op_ipi);
	row(ipi_halt, op_ipi_halt);
	row(eoi, op_eoi);
	value("self-ipis", arrived - before);
}

/* Ticks from the moment the one-shot timer was due until its handler ran, out of a halt. */
static void timer_row(void)
{
	enum { TICKS = 100000, TIMES = 32 };
	uint64_t total = 0;

	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_VECTOR);
	for (unsigned i = 0; i < TIMES; i++) {
		uint64_t start, before = arrived;

		__asm__ volatile("cli");
		start = rdtsc();
		apic_write(APIC_TIMER_INIT, TICKS);
		while (arrived == before) {
			__asm__ volatile("sti; hlt; cli");
		}
		total += woke_at - start;
	}
	__asm__ volatile("sti");
	value("halt-timer-wake-total", total / TIMES);
}

static const struct { const char *name; void (*op)(void); } rows[] = {
	{ "cpuid", op_cpuid },
	{ "msr", op_msr },
	{ "pio-vmm", op_pio_vmm },
	{ "hypercall", op_hypercall },
};

int main(uint32_t start_info)
{
	guest_init(start_info);
	trap_set(VECTOR, on_ipi);
	trap_set(TIMER_VECTOR, on_timer);
	trap_set(6, on_invalid_opcode);
	apic_init(false);
	__asm__ volatile("sti");
	value("start-tsc", rdtsc());
	loop_cost = measure(op_empty);
	value("loop", loop_cost);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		row(rows[i].name, rows[i].op);
	}
	/* Who handles a device where differs: KVM has the PIC and the IOAPIC in its kernel, Brume port 80h. */
	if (option("kvm", NULL)) {
		row("pio-kernel", op_pio_pic);
		row("mmio-vmm", op_mmio_hpet);
	} else {
		row("pio-kernel", op_pio_kernel);
		mmio_write32(0xfec00000, IOAPIC_VERSION_INDEX);
		row("mmio-vmm", op_mmio_vmm);
	}
	ipi_rows("ipi-xapic", "ipi-halt-xapic", "eoi-xapic");
	timer_row();
	if (cpuid(1, 0).c & 1u << 21) {
		apic_init(true);
		ipi_rows("ipi-x2apic", "ipi-halt-x2apic", "eoi-x2apic");
	}
	puts_raw("bench done\n");
	guest_power_off();
}
