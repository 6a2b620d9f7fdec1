/* SPDX-License-Identifier: Apache-2.0 */
/* The programs' memcpy(): all short lengths, all alignments, and nothing beside what was asked for. */
#include "tests/unit/check.h"

#define memcpy program_memcpy
void *program_memcpy(void *restrict to, const void *restrict from, size_t n);
#include "lib/user/memcpy.c"
#undef memcpy

enum { ROOM = 400, EDGE = 16 };

static uint8_t from[ROOM + 2 * EDGE], to[ROOM + 2 * EDGE];

static void check_copy(unsigned in, unsigned out, size_t n)
{
	for (unsigned i = 0; i < sizeof(from); i++) {
		from[i] = (uint8_t)(i * 7 + n);
		to[i] = 0xee;
	}
	CHECK(program_memcpy(to + EDGE + out, from + in, n) == to + EDGE + out);
	for (unsigned i = 0; i < sizeof(to); i++) {
		bool inside = i >= EDGE + out && i < EDGE + out + n;

		CHECK_EQ(to[i], inside ? from[i - EDGE - out + in] : 0xee);
	}
}

TEST(every_length_and_alignment)
{
	for (size_t n = 0; n <= 200; n++) {
		for (unsigned in = 0; in < 8; in++) {
			for (unsigned out = 0; out < 8; out++) {
				check_copy(in, out, n);
			}
		}
	}
	check_copy(3, 5, ROOM - 8);
}

TEST(a_place_copied_to_itself_stays)
{
	uint8_t *same = from;

	for (unsigned i = 0; i < ROOM; i++) {
		from[i] = (uint8_t)i;
	}
	program_memcpy(same, from, ROOM);
	for (unsigned i = 0; i < ROOM; i++) {
		CHECK_EQ(from[i], (uint8_t)i);
	}
}
