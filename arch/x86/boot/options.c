/* SPDX-License-Identifier: Apache-2.0 */
/* Options on the kernel's command line: see bootinfo.h. */
#include "arch/x86/boot/bootinfo.h"

/* The text behind key in the word at s: after '=' or at the word's end; NULL when it is another word. */
static const char *value_of(const char *s, const char *key)
{
	while (*key && *s == *key) {
		s++;
		key++;
	}
	if (*key) {
		return NULL;
	}
	return *s == '=' ? s + 1 : *s == ' ' || *s == 0 ? s : NULL;
}

bool boot_option(const struct boot_info *info, const char *key, char *out, size_t size)
{
	const char *s = info->cmdline, *found = NULL;
	size_t n = 0;

	while (*s) {
		const char *value = value_of(s, key);

		found = value ? value : found;
		while (*s && *s != ' ') {
			s++;
		}
		while (*s == ' ') {
			s++;
		}
	}
	if (!found) {
		return false;
	}
	for (; n + 1 < size && found[n] && found[n] != ' '; n++) {
		out[n] = found[n];
	}
	out[n] = 0;
	return true;
}

uint32_t boot_option_u32(const struct boot_info *info, const char *key, uint32_t fallback)
{
	char text[12];
	uint64_t n = 0;

	if (!boot_option(info, key, text, sizeof(text)) || !text[0]) {
		return fallback;
	}
	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9') {
			return fallback;
		}
		n = n * 10 + (uint64_t)(*s - '0');
	}
	return n <= UINT32_MAX ? (uint32_t)n : fallback;
}
