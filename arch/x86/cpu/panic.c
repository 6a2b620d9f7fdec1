/* SPDX-License-Identifier: Apache-2.0 */
/* Panic: registers, backtrace, the log kept for the next boot. See kernel/panic.h. */
#include "kernel/panic.h"

#include <stdarg.h>

#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/dev/serial.h"
#include "arch/x86/entry/frame.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "kernel/log.h"
#include "lib/fmt.h"
#include "lib/sum.h"

enum { BACKTRACE_MAX = 32, RESET_CONTROL = 0xcf9, OBEY_US = 100000 };

/* Set by kmain from a better source before anything that the outside can reach runs. */
uint64_t __stack_chk_guard = 0x5bd1e995a7c3f100;

static uint64_t panicking;       /* 1 + GS base of the CPU that panics, 0: none */

/* As init told; until then there is nothing to keep a log in and no register to reset by. */
static struct {
	uint32_t seconds;               /* until the reset                                          */
	volatile uint8_t *reset;        /* the firmware's register: memory, or                      */
	uint16_t reset_port;            /* a port; 0: none                                          */
	uint8_t reset_value;
	struct panic_log *log;
} last = { .seconds = 10 };

_Static_assert((int)PANIC_LOG_TEXT >= (int)LOG_SIZE, "the whole log fits");

void panic_init(const struct machine_setup *m)
{
	last.seconds = m->panic_seconds;
	last.reset_value = (uint8_t)m->reset_value;
	if (m->flags & MACHINE_RESET_PORT) {
		last.reset_port = (uint16_t)m->reset;
	} else if (m->reset) {
		last.reset = mmio_map(hpa(m->reset), 1);
	}
	if (m->panic_log) {
		last.log = (struct panic_log *)(uintptr_t)mmio_map(hpa(m->panic_log), PANIC_LOG_BYTES);
	}
}

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
	panic("stack smashed");
}

/* tools/mksyms: offsets from KERNEL_BASE in rising order; per symbol the offset of its name; the names. */
extern const uint32_t ksyms_count, ksyms_addr[], ksyms_name_off[];
extern const char ksyms_names[];

static void print_address(const char *what, uint64_t addr)
{
	uint32_t i = ksyms_count;

	while (i > 0 && (addr >= (uint64_t)__text_end || KERNEL_BASE + ksyms_addr[i - 1] > addr)) {
		i--;
	}
	if (i == 0) {
		log_printf("%s %016lx", what, addr);
	} else {
		log_printf("%s %016lx %s+%#llx", what, addr, ksyms_names + ksyms_name_off[i - 1],
			   addr - KERNEL_BASE - ksyms_addr[i - 1]);
	}
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

/* All of it, in its order, two to a line. */
static void print_frame(const struct trap_frame *f)
{
	static const char name[][4] = {
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "rcx", "rax", "rdi", "rsi",
		"rdx", "r10", "r8 ", "r9 ", "vec", "err", "rip", "cs ", "flg", "rsp", "ss ",
	};
	uint64_t val[ARRAY_SIZE(name)];

	_Static_assert(sizeof(val) == sizeof(*f), "a name for each register");
	__builtin_memcpy(val, f, sizeof(val));
	for (size_t i = 0; i < ARRAY_SIZE(name); i += 2) {
		log_printf("  %s %016lx %s %016lx", name[i], val[i], name[i + 1], val[i + 1]);
	}
}

/* The magic last: an unfinished log is none. */
static void keep_log(struct panic_log *log)
{
	uint64_t pos = 0;

	if (log) {
		log->length = (uint32_t)log_read(&pos, log->text, sizeof(log->text));
		log->sum = checksum(log->text, log->length);
		log->magic = PANIC_LOG_MAGIC;
	}
}

/* The firmware's register (ACPI 6.5, 4.8.3.6), then CF9h, then a triple fault. */
static _Noreturn void reset(void)
{
	const struct table_pointer no_idt = { 0, 0 };

	if (last.reset) {
		*last.reset = last.reset_value;
	} else if (last.reset_port) {
		outb(last.reset_port, last.reset_value);
	}
	clock_delay_us(OBEY_US);
	outb(RESET_CONTROL, 0x02);
	outb(RESET_CONTROL, 0x06);
	clock_delay_us(OBEY_US);
	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
	cpu_halt_forever();
}

static _Noreturn void wait_and_reset(void)
{
	if (!last.seconds) {
		log_printf("halted");
		cpu_halt_forever();
	}
	log_printf("reset in %u seconds", last.seconds);
	for (uint64_t i = 0; i < 1000ull * last.seconds; i++) {
		clock_delay_us(1000);
	}
	reset();
}

/* frame: where it was met, or NULL. rbp: of the first frame of the backtrace. */
static _Noreturn void die(const struct trap_frame *frame, uint64_t rbp, const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX];
	uint64_t me = rdmsr(MSR_GS_BASE) + 1, first = 0;

	cpu_cli();
	if (!__atomic_compare_exchange_n(&panicking, &first, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (first != me) {
			cpu_halt_forever();  /* another CPU was first and says all */
		}
		reset();
	}
	irq_stop_others();
	serial_take_back();
	fmt_vprint(text, sizeof(text), fmt, args);
	log_printf("PANIC: %s", text);
	log_printf("  cr0 %016lx cr2 %016lx cr3 %016lx", read_cr0(), read_cr2(), read_cr3());
	log_printf("  cr4 %016lx efer %016lx flags %016lx rbp %016lx", read_cr4(), rdmsr(MSR_EFER), read_rflags(), rbp);
	if (frame) {
		print_frame(frame);
		print_address("     at", frame->rip);
	}
	backtrace(rbp);
	keep_log(last.log);
	wait_and_reset();
}

void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die(NULL, (uint64_t)__builtin_frame_address(0), fmt, args);
}

void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die(frame, frame->rbp, fmt, args);
}
