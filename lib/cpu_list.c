/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of processors: see cpu_list.h. */
#include "lib/cpu_list.h"

#include "lib/fmt.h"

/* A number below CPU_LIST_MAX; *text moves behind it. */
static bool take(const char **text, unsigned *number)
{
	const char *at = *text;
	unsigned n = 0;

	while (*at >= '0' && *at <= '9' && n < CPU_LIST_MAX) {
		n = n * 10 + (unsigned)(*at++ - '0');
	}
	*number = n;
	return at != *text && n < CPU_LIST_MAX && (*text = at);
}

bool cpu_list_parse(const char *text, uint32_t *mask)
{
	uint32_t bits = 0;
	unsigned first, last;

	do {
		if (!take(&text, &first)) {
			return false;
		}
		last = first;
		if (*text == '-') {
			text++;
			if (!take(&text, &last) || last < first) {
				return false;
			}
		}
		bits |= (uint32_t)((2ull << last) - (1ull << first));
	} while (*text++ == ',');
	if (text[-1]) {
		return false;
	}
	*mask = bits;
	return true;
}

const char *cpu_list_print(uint32_t mask, char text[CPU_LIST_TEXT])
{
	size_t n = fmt_print(text, CPU_LIST_TEXT, "%s", mask ? "" : "none");

	for (unsigned i = 0, last; i < CPU_LIST_MAX; i = last + 1) {
		last = i;
		if (!(mask >> i & 1)) {
			continue;
		}
		while (last + 1 < CPU_LIST_MAX && mask >> (last + 1) & 1) {
			last++;
		}
		n += fmt_print(text + n, CPU_LIST_TEXT - n, "%s%u", n ? "," : "", i);
		if (last > i) {
			n += fmt_print(text + n, CPU_LIST_TEXT - n, "-%u", last);
		}
	}
	return text;
}
