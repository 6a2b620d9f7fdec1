/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of one unit-test program and prints one line for each, as tests/run.py reads them. */
#include "tests/unit/check.h"

#include <inttypes.h>
#include <stdio.h>

static struct check_test *first_test, **last_test = &first_test;
static jmp_buf leave_test;

void check_register(struct check_test *test)
{
	*last_test = test;
	last_test = &test->next;
}

void check_fail(const char *file, int line, const char *what)
{
	printf("# %s:%d: %s\n", file, line, what);
	longjmp(leave_test, 1);
}

void check_fail_eq(const char *file, int line, const char *what, int64_t got, int64_t want)
{
	printf("# %s:%d: %s: got %" PRId64 " (0x%" PRIx64 "), want %" PRId64 " (0x%" PRIx64 ")\n", file, line, what,
	       got, (uint64_t)got, want, (uint64_t)want);
	longjmp(leave_test, 1);
}

static bool run_test(struct check_test *test)
{
	if (setjmp(leave_test)) {
		printf("not ok %s\n", test->name);
		return false;
	}
	test->run();
	printf("ok %s\n", test->name);
	return true;
}

int main(int argc, char **argv)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct check_test *test = first_test; test; test = test->next) {
		if (argc < 2 || strstr(test->name, argv[1])) {
			failed += !run_test(test);
		}
	}
	return failed != 0;
}
