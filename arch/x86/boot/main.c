/* SPDX-License-Identifier: Apache-2.0 */
/* Bring-up of ring 0 on the boot CPU, from the entry stub to init, which does the rest. */
#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/dev/serial.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/ops.h"
#include "kernel/abi.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/start.h"

extern uint64_t __stack_chk_guard;

enum { MB1_HAS_CMDLINE = 1 << 2, MB1_CMDLINE = 4, MB2_TAG_CMDLINE = 1, CMDLINE_MAX = 256 };

/*
 * The command line in the loader's information (Multiboot 0.6.96, 3.3; Multiboot 2 2.0, 3.4, 3.6.3), for one option that
 * cannot wait for init. All is below 4 GiB, which the boot tables map to itself, and only read.
 */
static const char *command_line(uint32_t magic, const uint32_t *info)
{
	if (magic == MULTIBOOT1_MAGIC) {
		return info[0] & MB1_HAS_CMDLINE ? (const char *)(uintptr_t)info[MB1_CMDLINE] : "";
	}
	for (const uint32_t *tag = info + 2, *end = info + info[0] / 4; tag + 1 < end && tag[1] >= 8; tag += (tag[1] + 7) / 8 * 2) {
		if (tag[0] == MB2_TAG_CMDLINE) {
			return (const char *)(tag + 2);
		}
	}
	return "";
}

/* console=com1 (the default) to com4, or none: the port. On it ring 0 says why Brume cannot run. */
static uint16_t console_port(const char *line)
{
	static const uint16_t com[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	static const char option[] = "console=com";
	unsigned number = 0;

	for (size_t i = 0; i < CMDLINE_MAX && line[i]; i++) {
		if ((i == 0 || line[i - 1] == ' ') && !__builtin_memcmp(line + i, option, sizeof("console=") - 1)) {
			number = (unsigned)(uint8_t)line[i + sizeof(option) - 1] - '1';
		}
	}
	return number < ARRAY_SIZE(com) ? com[number] : 0;
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

	if (!sentence) {
		sentence = vcpu_select();
	}
	if (sentence) {
		cpu_unsupported(sentence);
	}
	cpu_features_enable();
}

_Noreturn void kmain(uint32_t magic, uint32_t addr);
_Noreturn void kmain(uint32_t magic, uint32_t addr)
{
	bool known = magic == MULTIBOOT1_MAGIC || magic == MULTIBOOT2_MAGIC;

	clock_entry();
	cpu_features_detect();
	user_access_init();
	/* Early, so that a fault of ours in what follows is a panic and not a silent reset. */
	gdt_load(&boot_tables, &boot_stacks);
	irq_init();
	irq_load();
	serial_init(console_port(known ? command_line(magic, (const uint32_t *)(uintptr_t)addr) : ""));
	log_printf("Brume");
	if (!known) {
		cpu_unsupported("The loader does not speak Multiboot.");
	}
	cpu_up();
	seed_stack_guard();
	mm_init();
	cpu_init(0, &boot_tables.tss, (uint64_t)(&boot_stacks + 1), kernel_arena);
	cpu_count = 1;
	if (vcpu_ops->cpu_on() < 0) {
		cpu_unsupported("Virtualization cannot be switched on.");
	}
	kernel_start(magic, addr);
}
