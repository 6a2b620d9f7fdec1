/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers for guests: see entropy.h. */
#include "vmm/entropy.h"

#include <string.h>

#include "lib/user/rdrand.h"

bool entropy_exists(void)
{
	return rdrand_exists();
}

bool entropy_fill(void *buf, size_t len)
{
	uint8_t *to = buf;
	uint64_t value;

	for (size_t n; len; to += n, len -= n) {
		if (!rdrand_next(&value)) {
			return false;
		}
		n = len < sizeof(value) ? len : sizeof(value);
		memcpy(to, &value, n);
	}
	return true;
}
