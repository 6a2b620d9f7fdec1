/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for others: see journal.h. */
#include "lib/journal.h"

void journal_put(struct journal *j, const char *line, size_t len)
{
	uint64_t end = j->end;

	len = len < JOURNAL_PIECE ? len : JOURNAL_PIECE;
	for (size_t i = 0; i < len; i++) {
		j->text[(end + i) % JOURNAL_BYTES] = line[i];
	}
	__atomic_store_n(&j->end, end + len, __ATOMIC_RELEASE);
}

/* What the writer may have written over since the copy began, a line that it has not told of included, is left out. */
size_t journal_take(const struct journal *j, char *to)
{
	uint64_t end = __atomic_load_n(&j->end, __ATOMIC_ACQUIRE), now, lost;
	size_t len = end < JOURNAL_BYTES ? (size_t)end : JOURNAL_BYTES;
	uint64_t at = end - len;

	for (size_t i = 0; i < len; i++) {
		to[i] = ((const volatile char *)j->text)[(at + i) % JOURNAL_BYTES];
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	now = __atomic_load_n(&j->end, __ATOMIC_RELAXED);
	if (len < JOURNAL_BYTES && now + JOURNAL_PIECE <= JOURNAL_BYTES) {
		return len;
	}
	lost = now - end + JOURNAL_PIECE;
	while (lost < len && to[lost++] != '\n') {
	}
	for (size_t i = 0; lost + i < len; i++) {
		to[i] = to[lost + i];
	}
	return lost < len ? len - (size_t)lost : 0;
}
