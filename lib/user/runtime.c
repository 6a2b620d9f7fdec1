/* SPDX-License-Identifier: Apache-2.0 */
/* How a program starts and ends, and its further threads. Stack protector: a guard word of its own per start. */
#include "lib/user/user.h"

#include <string.h>

#include "lib/user/sys.h"

_Noreturn void user_start(uint64_t argument);
_Noreturn void user_thread_returned(void);
_Noreturn void __stack_chk_fail(void);
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *condition);
_Noreturn void abort(void);
_Noreturn void _exit(int code);
void user_thread_entry(void);

uintptr_t __stack_chk_guard = 0x9d3ac1f70b5e2600ull;     /* the zero byte stops string overruns */

static inline uint64_t timestamp(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Never returns, so no frame checks the guard that it changes. */
void user_start(uint64_t argument)
{
	__stack_chk_guard ^= timestamp() * 0x9e3779b97f4a7c15ull << 8;
	sys_exit(user_main(argument));
}

void user_thread_returned(void)
{
	sys_exit(USER_EXIT_RETURN);
}

int user_thread_start(user_thread_fn *fn, void *argument, void *stack_top)
{
	uint64_t *top = stack_top;
	uint64_t function = (uint64_t)(uintptr_t)fn;

	/* user_thread_entry pops one word and must then call with an aligned stack (System V psABI 3.2.2). */
	top -= 2;
	top[0] = 0;
	top[1] = function;
	return sys_thread_create(SELF, (uint64_t)(uintptr_t)user_thread_entry, (uint64_t)(uintptr_t)&top[1],
				 (uint64_t)(uintptr_t)argument);
}

__attribute__((weak)) void user_output(const char *text, size_t len)
{
	(void)text;
	(void)len;
}

static void say(const char *text)
{
	user_output(text, strlen(text));
}

void __stack_chk_fail(void)
{
	say("stack smashed\n");
	sys_exit(USER_EXIT_STACK);
}

/* Without stdio, which would bring its buffers along. */
void __assert_func(const char *file, int line, const char *function, const char *condition)
{
	char digits[12];
	size_t i = sizeof(digits) - 1;

	digits[i] = '\0';
	do {
		digits[--i] = (char)('0' + line % 10);
		line /= 10;
	} while (line > 0 && i > 0);
	say(file);
	say(":");
	say(&digits[i]);
	say(": ");
	say(function ? function : "?");
	say(": not true: ");
	say(condition);
	say("\n");
	abort();
}

void abort(void)
{
	sys_exit(USER_EXIT_ABORT);
}

void _exit(int code)
{
	sys_exit(code);
}
