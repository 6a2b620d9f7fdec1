/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy() of the programs, in place of newlib's, whose stores go past the caches: what a program copies, somebody is about
 * to read. REP MOVSQ is what processors do fastest from about a cache line on.
 */
#include <stdint.h>
#include <string.h>

enum { WORD = sizeof(uint64_t), SHORT = 64 };

static void copy_word(void *to, const void *from)
{
	__builtin_memcpy(to, from, WORD);
}

static void copy_bytes(uint8_t *to, const uint8_t *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* At least a word: whole words, and the last one again where it ends. */
static void copy_words(uint8_t *to, const uint8_t *from, size_t n)
{
	size_t tail = n - WORD, words = tail / WORD;
	uint64_t last;

	copy_word(&last, from + tail);                   /* before "to" is written: the two may be the same */
	copy_word(to, from);
	if (n <= SHORT) {
		for (size_t at = WORD; at < tail; at += WORD) {
			copy_word(to + at, from + at);
		}
	} else {
		uint8_t *out = to + WORD;
		const uint8_t *in = from + WORD;

		__asm__ volatile("rep movsq" : "+D"(out), "+S"(in), "+c"(words) : : "memory");
	}
	copy_word(to + tail, &last);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	if (n < WORD) {
		copy_bytes(to, from, n);
	} else {
		copy_words(to, from, n);
	}
	return to;
}
