/* SPDX-License-Identifier: Apache-2.0 */
/* The end: a broken invariant of our own. Never reached by a value that a guest, a program or the network chose. */
#pragma once

#include "lib/base.h"

struct machine_setup;
struct trap_frame;

/* How to reset and after how long, and where to keep the log; checked by the caller. */
void panic_init(const struct machine_setup *m);

/*
 * Prints message, registers and a symbolized backtrace, keeps the log for the next boot, and resets after the time that
 * init set (10 s before; 0: halts). A panic inside a panic resets at once. All other CPUs are stopped by NMI first; no lock is
 * taken that one of them could hold.
 */
_Noreturn void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same for a trap in the kernel: registers and backtrace are those of the frame. */
_Noreturn void panic_trap(const struct trap_frame *frame, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define ASSERT(c) \
	do { \
		if (__builtin_expect(!(c), 0)) { \
			panic("%s:%d: %s", __FILE__, __LINE__, #c); \
		} \
	} while (0)
