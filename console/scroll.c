/* SPDX-License-Identifier: Apache-2.0 */
/* Scroll-back of one VM: a ring that forgets the oldest. */
#include "console/scroll.h"

void scroll_put(struct scroll *s, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		s->data[s->end++ % SCROLL_BYTES] = bytes[i];
	}
}

static uint64_t oldest(const struct scroll *s)
{
	return s->end > SCROLL_BYTES ? s->end - SCROLL_BYTES : 0;
}

uint64_t scroll_start(const struct scroll *s)
{
	uint64_t start = oldest(s);

	if (!start) {
		return 0;
	}
	for (uint64_t i = start; i < s->end; i++) {
		if (s->data[i % SCROLL_BYTES] == '\n') {
			return i + 1;
		}
	}
	return start;
}

size_t scroll_get(const struct scroll *s, uint64_t *position, uint8_t *bytes, size_t len)
{
	size_t n = 0;

	if (*position < oldest(s)) {
		*position = oldest(s);
	}
	while (n < len && *position < s->end) {
		bytes[n++] = s->data[(*position)++ % SCROLL_BYTES];
	}
	return n;
}
