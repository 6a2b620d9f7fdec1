/* SPDX-License-Identifier: Apache-2.0 */
/* Bring-up of the machine on the boot CPU, from the entry stub to the kernel's start. */
#include "arch/x86/acpi/acpi.h"
#include "arch/x86/apic/ioapic.h"
#include "arch/x86/apic/lapic.h"
#include "arch/x86/boot/bootinfo.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/boot/keep.h"
#include "arch/x86/boot/multiboot.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/dev/serial.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/ops.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/start.h"

struct boot_info boot_info;
extern uint64_t __stack_chk_guard;

/* The boot tables map the first 4 GiB to themselves. */
static bool read_identity(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	if (!addr || !range_within(addr, len, GIB(4))) {
		return false;
	}
	__builtin_memcpy(buf, (const void *)(uintptr_t)addr, len);
	return true;
}

static int read_boot_info(uint32_t magic, uint32_t addr)
{
	/* The preserve list follows the image; nobody leaves us anything yet. */
	const struct boot_mem keep[] = {
		{ IMAGE_PHYS, image_pa(__image_end).v - IMAGE_PHYS, BOOT_MEM_KERNEL },
	};

	return multiboot_parse(&boot_info, magic, addr, read_identity, NULL, keep, ARRAY_SIZE(keep));
}

static void choose_console(void)
{
	char name[8] = "com1";

	boot_option(&boot_info, "console", name, sizeof(name));
	serial_early(name);
}

static void log_boot_info(const struct boot_info *b)
{
	log_printf("boot: command line \"%s\", %llu MiB of RAM", b->cmdline, (unsigned long long)(b->ram_bytes >> 20));
	for (uint32_t i = 0; i < b->module_count; i++) {
		log_printf("boot: module %s, %llu bytes", b->module[i].name, (unsigned long long)b->module[i].size);
	}
	if (b->mem_dropped || b->module_dropped) {
		log_printf("boot: %u stretches of memory and %u modules not used: too many or misplaced", b->mem_dropped,
			   b->module_dropped);
	}
}

/* An attacker must not know it: RDRAND where there is one, and the time it took to get here. */
static __attribute__((no_stack_protector)) void seed_stack_guard(void)
{
	uint64_t seed = rdtsc() * 0x9e3779b97f4a7c15;

	if (cpu_features.rdrand) {
		uint64_t random = 0;

		__asm__ volatile("rdrand %0" : "=r"(random) : : "cc");
		seed ^= random;
	}
	__stack_chk_guard = seed & ~0xffull;    /* a zero byte stops string overruns */
}

static void cpu_up(void)
{
	const char *sentence = cpu_features_missing();

	log_printf("cpu: %s", cpu_features.brand);
	if (!sentence) {
		sentence = vcpu_select();
	}
	if (sentence) {
		cpu_unsupported(sentence);
	}
	cpu_features_enable();
}

static void machine_up(void)
{
	cpu_init(0, &boot_tables.tss, (uint64_t)(&boot_stacks + 1));
	keep_init();
	acpi_init(&boot_info);
	/* The 8259s fall silent while LINT0 still listens: masked in the other order, QEMU would deliver vector -1. */
	ioapic_init();
	lapic_init();
	clock_init();
	serial_init();
	if (vcpu_ops->cpu_on() < 0) {
		cpu_unsupported("Virtualization cannot be switched on.");
	}
}

_Noreturn void kmain(uint32_t magic, uint32_t addr);
_Noreturn void kmain(uint32_t magic, uint32_t addr)
{
	int r;

	clock_entry();
	cpu_features_detect();
	user_access_init();
	/* Early, so that a fault of ours in what follows is a panic and not a silent reset. */
	gdt_load(&boot_tables, &boot_stacks);
	irq_init();
	r = read_boot_info(magic, addr);
	choose_console();
	log_printf("Brume");
	if (r < 0) {
		cpu_unsupported(r == E_INVAL ? "The loader does not speak Multiboot." : "The loader gave no usable memory map.");
	}
	log_boot_info(&boot_info);
	keep_report(&boot_info);
	cpu_up();
	seed_stack_guard();
	mm_init(&boot_info);
	machine_up();
	kernel_start(&boot_info);
}
