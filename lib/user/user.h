/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run time of a program: how it starts, ends and says something.
 *
 * A program is one static ELF64 at 4 MiB. Its first thread starts at user_entry (crt0.S) on a stack that the image
 * brings along (32 KiB), with an unmapped page below it. The heap of malloc is an array of USER_HEAP bytes in .bss, or what the
 * program's own user_heap() tells; newlib is built for one thread: malloc, stdio and errno belong to the first thread, snprintf and string functions
 * to all.
 */
#pragma once

#include "lib/base.h"

enum { USER_HEAP = 65536 };          /* bytes that malloc can ever hand out                          */

/* Exit codes of the run time itself; a program's own codes stay below. */
enum user_exit {
	USER_EXIT_ABORT = 240,       /* abort(), assert()                                            */
	USER_EXIT_STACK,             /* the stack protector found a smashed stack                    */
	USER_EXIT_RETURN,            /* a further thread's function returned                         */
};

/* Each program defines this; argument is what its creator passed to sys_thread_create(). The result is the exit code. */
int user_main(uint64_t argument);

/* The memory of malloc, 16-byte aligned, always the same. The default is USER_HEAP bytes; a program that needs more defines its own. */
char *user_heap(size_t *size);

/*
 * Where printf, puts and assert messages go. The default drops them: a program that has somewhere to write defines
 * its own. Must not print itself.
 */
void user_output(const char *text, size_t len);

/*
 * Starts fn(argument) as a further thread of this process on the stack that ends at stack_top (16-byte aligned).
 * The stack belongs to the thread for ever. Returns the thread or an error of SYS_THREAD_CREATE.
 */
typedef void user_thread_fn(void *argument);
int user_thread_start(user_thread_fn *fn, void *argument, void *stack_top) MUST_CHECK;
