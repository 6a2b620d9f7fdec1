/* SPDX-License-Identifier: Apache-2.0 */
/* Panic: registers, backtrace, the log kept for the next boot. See kernel/panic.h. */
#include "kernel/panic.h"

#include <stdarg.h>

#include "arch/x86/boot/bootinfo.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/boot/keep.h"
#include "arch/x86/cpu/ksyms.h"
#include "arch/x86/cpu/power.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/frame.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "kernel/log.h"
#include "lib/fmt.h"

enum { BACKTRACE_MAX = 32, PANIC_SECONDS = 10 };

/* Set by kmain from a better source before anything that the outside can reach runs. */
uint64_t __stack_chk_guard = 0x5bd1e995a7c3f100;

static bool panicking;

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
	panic("stack smashed");
}

static void print_address(const char *what, uint64_t addr)
{
	uint64_t offset;
	const char *name = ksyms_name(addr, &offset);

	log_printf("%s %016llx %s%s%#llx", what, (unsigned long long)addr, name ? name : "?", name ? "+" : " ",
		   name ? (unsigned long long)offset : 0);
}

/* Frame pointers are read like user memory: a broken chain ends the trace, not the panic. */
static void backtrace(uint64_t rbp)
{
	for (unsigned i = 0; i < BACKTRACE_MAX && rbp >= USER_END && rbp % 8 == 0; i++) {
		uint64_t frame[2];

		if (user_copy_raw(frame, (const void *)rbp, sizeof(frame)) || !frame[1]) {
			return;
		}
		/* The return address stands behind the call, which may be the last of its function. */
		print_address("   from", frame[1] - 1);
		if (frame[0] <= rbp) {
			return;
		}
		rbp = frame[0];
	}
}

static void print_control(void)
{
	log_printf("  cr0 %016llx cr2 %016llx cr3 %016llx", (unsigned long long)read_cr0(), (unsigned long long)read_cr2(),
		   (unsigned long long)read_cr3());
	log_printf("  cr4 %016llx efer %016llx", (unsigned long long)read_cr4(), (unsigned long long)rdmsr(MSR_EFER));
}

static void print_frame(const struct trap_frame *f)
{
	const struct { const char *name; uint64_t val; } row[] = {
		{ "rax", f->rax }, { "rbx", f->rbx }, { "rcx", f->rcx }, { "rdx", f->rdx }, { "rsi", f->rsi }, { "rdi", f->rdi },
		{ "rbp", f->rbp }, { "rsp", f->rsp }, { "r8 ", f->r8 },  { "r9 ", f->r9 },  { "r10", f->r10 }, { "r11", f->r11 },
		{ "r12", f->r12 }, { "r13", f->r13 }, { "r14", f->r14 }, { "r15", f->r15 }, { "flg", f->rflags },
		{ "err", f->error },
	};

	log_printf("  vector %llu cs %#llx ss %#llx", (unsigned long long)f->vector, (unsigned long long)f->cs,
		   (unsigned long long)f->ss);
	for (size_t i = 0; i < ARRAY_SIZE(row); i += 3) {
		log_printf("  %s %016llx %s %016llx %s %016llx", row[i].name, (unsigned long long)row[i].val, row[i + 1].name,
			   (unsigned long long)row[i + 1].val, row[i + 2].name, (unsigned long long)row[i + 2].val);
	}
}

static void begin(const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX];

	cpu_cli();
	if (panicking) {
		power_reboot();
	}
	panicking = true;
	log_force_serial();
	fmt_vprint(text, sizeof(text), fmt, args);
	log_printf("PANIC: %s", text);
}

static _Noreturn void finish(void)
{
	uint32_t seconds = boot_option_u32(&boot_info, "panic", PANIC_SECONDS);

	keep_log();
	if (!seconds) {
		log_printf("halted");
		cpu_halt_forever();
	}
	log_printf("reset in %u seconds", seconds);
	for (uint64_t i = 0; i < 1000ull * seconds; i++) {
		clock_delay_us(1000);
	}
	power_reboot();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	begin(fmt, args);
	va_end(args);
	print_control();
	log_printf("  rsp %016llx rbp %016llx flg %016llx", (unsigned long long)__builtin_frame_address(0) + 16,
		   (unsigned long long)__builtin_frame_address(0), (unsigned long long)read_rflags());
	backtrace((uint64_t)__builtin_frame_address(0));
	finish();
}

void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	begin(fmt, args);
	va_end(args);
	print_frame(frame);
	print_control();
	print_address("     at", frame->rip);
	backtrace(frame->rbp);
	finish();
}
