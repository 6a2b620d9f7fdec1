/* SPDX-License-Identifier: Apache-2.0 */
/* Words for a refusal: see why.h. init is one thread, so one line of them is enough. */
#include "init/why.h"

#include <stdarg.h>
#include <stdio.h>

#include "mgmt/node.h"

int why_say(int error, const char **why, const char *what)
{
	*why = what;
	return error;
}

int why_print(int error, const char **why, const char *format, ...)
{
	static char words[MGMT_WHY];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return why_say(error, why, words);
}
