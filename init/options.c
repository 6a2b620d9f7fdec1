/* SPDX-License-Identifier: Apache-2.0 */
/* Options on the kernel's command line: see bootinfo.h. */
#include "init/bootinfo.h"

/* What stands behind key in the word at s: after '=', or nothing; NULL when it is another word. */
static const char *value_of(const char *s, const char *key)
{
	while (*key && *s == *key) {
		s++;
		key++;
	}
	if (*key || (*s && *s != ' ' && *s != '=')) {
		return NULL;
	}
	return *s == '=' ? s + 1 : s;
}

bool boot_option(const char *cmdline, const char *key, char *out, size_t size)
{
	const char *found = NULL;
	size_t n = 0;

	for (const char *s = cmdline; *s; s++) {
		const char *value = s == cmdline || s[-1] == ' ' ? value_of(s, key) : NULL;

		found = value ? value : found;
	}
	for (; found && n + 1 < size && found[n] && found[n] != ' '; n++) {
		out[n] = found[n];
	}
	if (found) {
		out[n] = 0;
	}
	return found;
}

uint32_t boot_option_u32(const char *cmdline, const char *key, uint32_t fallback)
{
	char text[12] = "";
	uint64_t n = 0;

	boot_option(cmdline, key, text, sizeof(text));
	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9') {
			return fallback;
		}
		n = n * 10 + (uint64_t)(*s - '0');
	}
	return text[0] && n <= UINT32_MAX ? (uint32_t)n : fallback;
}
