/* SPDX-License-Identifier: Apache-2.0 */
/* init's log in a test: see init_log.h. */
#include "tests/fake/init_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "init/log.h"

char fake_said[512];
char fake_logged[8192];

void init_log(const char *format, ...)
{
	size_t at = strlen(fake_logged);
	va_list args;

	va_start(args, format);
	vsnprintf(fake_said, sizeof(fake_said), format, args);
	va_end(args);
	snprintf(fake_logged + at, sizeof(fake_logged) - at, "%s\n", fake_said);
}
