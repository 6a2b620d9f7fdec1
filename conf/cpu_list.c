/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of processors: see cpu_list.h. */
#include "conf/cpu_list.h"

#include "conf/result.h"

/* A number below CONF_CPUS_MAX; *text moves behind it. */
static bool take(const char **text, unsigned *number)
{
	const char *at = *text;
	unsigned n = 0;

	while (*at >= '0' && *at <= '9' && n < CONF_CPUS_MAX) {
		n = n * 10 + (unsigned)(*at++ - '0');
	}
	*number = n;
	return at != *text && n < CONF_CPUS_MAX && (*text = at);
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
