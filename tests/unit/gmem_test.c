/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory copies.
 *
 * sources: vmm/gmem.c
 */
#include "tests/unit/check.h"
#include "vmm/gmem.h"

static uint8_t low[64], next[64], high[64];

/* Two adjoining pieces, not in order, and one at the top of the address space. */
static const struct gmem mem = {
	.slot = { { 0x1040, sizeof(next), next }, { 0x1000, sizeof(low), low }, { -64ull, sizeof(high), high } },
	.count = 3,
};

TEST(ranges)
{
	static const struct {
		const char *what;
		uint64_t addr;
		size_t len;
		bool inside;
	} row[] = {
		{ "first byte", 0x1000, 1, true },
		{ "byte before", 0xfff, 1, false },
		{ "one too many at the start", 0xfff, 2, false },
		{ "a whole slot", 0x1000, 64, true },
		{ "across the slots", 0x103f, 2, true },
		{ "both slots", 0x1000, 128, true },
		{ "one behind the end", 0x1000, 129, false },
		{ "behind the end", 0x1080, 1, false },
		{ "nothing, nowhere", 0x5000, 0, true },
		{ "last byte of the address space", UINT64_MAX, 1, true },
		{ "to the end of the address space", -64ull, 64, true },
		{ "wraps", UINT64_MAX, 2, false },
		{ "wraps far", 0x1000, SIZE_MAX, false },
		{ "saturated address", UINT64_MAX - 1, 8, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(gmem_has(&mem, gpa(row[i].addr), row[i].len), row[i].inside);
	}
}

TEST(copies_cross_slots)
{
	uint8_t out[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, in[8];

	CHECK_EQ(gmem_write(&mem, gpa(0x103c), out, 8), OK);
	CHECK_MEM(low + 60, out, 4);
	CHECK_MEM(next, out + 4, 4);
	CHECK_EQ(gmem_read(&mem, gpa(0x103c), in, 8), OK);
	CHECK_MEM(in, out, 8);
	CHECK_EQ(gmem_fill(&mem, gpa(0x103e), 0xaa, 4), OK);
	CHECK_EQ(low[62], 0xaa);
	CHECK_EQ(next[1], 0xaa);
	CHECK_EQ(next[2], 7);
}

TEST(nothing_moves_when_the_end_is_outside)
{
	uint8_t buf[200];

	memset(buf, 0x55, sizeof(buf));
	memset(next, 0, sizeof(next));
	CHECK_EQ(gmem_write(&mem, gpa(0x1070), buf, 32), E_RANGE);
	CHECK_EQ(gmem_fill(&mem, gpa(0x1070), 1, 32), E_RANGE);
	CHECK_EQ(next[0x30], 0);
	CHECK_EQ(gmem_read(&mem, gpa(0x1000), buf, 200), E_RANGE);
	CHECK_EQ(buf[0], 0x55);
}

TEST(bits_are_set_in_ram_only)
{
	low[5] = 0x40;
	CHECK_EQ(gmem_set_bits(&mem, gpa(0x1005), 0x20), OK);
	CHECK_EQ(low[5], 0x60);
	CHECK_EQ(gmem_set_bits(&mem, gpa(0x2000), 1), E_RANGE);
}

TEST(pointers_are_into_one_slot)
{
	CHECK(gmem_pointer(&mem, 0x1000, 64) == low);
	CHECK(gmem_pointer(&mem, 0x107f, 1) == next + 63);
	CHECK(gmem_pointer(&mem, UINT64_MAX, 1) == high + 63);
	CHECK(!gmem_pointer(&mem, 0x103f, 2));               /* both are memory, side by side for the guest only */
	CHECK(!gmem_pointer(&mem, 0xfff, 1));
	CHECK(!gmem_pointer(&mem, UINT64_MAX, 2));
	CHECK(!gmem_pointer(&mem, 0x1000, UINT64_MAX));
}

TEST(a_piece_that_is_away_is_no_memory)
{
	static uint8_t ram[0x100];
	static const struct vmm_ram piece[] = { { 0x1000, 0x40 }, { 0x1040, 0x40 }, { 0x1080, 0x80 } };
	struct gmem m = { .slot = { { 0x1000, sizeof(ram), ram } }, .count = 1, .piece = piece, .away = 2 };
	uint8_t buf[0x100] = { 0 };

	CHECK(gmem_has(&m, gpa(0x1000), 0x40));
	CHECK(!gmem_has(&m, gpa(0x1000), 0x41));
	CHECK(!gmem_has(&m, gpa(0x1040), 1));
	CHECK(!gmem_has(&m, gpa(0x107f), 2));
	CHECK(gmem_has(&m, gpa(0x1080), 0x80));
	CHECK_EQ(gmem_write(&m, gpa(0x1020), buf, 0x80), E_RANGE);
	CHECK_EQ(gmem_set_bits(&m, gpa(0x1041), 1), E_RANGE);
	CHECK(gmem_pointer(&m, 0x103f, 1) == ram + 0x3f);
	CHECK(!gmem_pointer(&m, 0x103f, 2));
	m.away = 0;
	CHECK(gmem_pointer(&m, 0x1000, 0x100) == ram);
	m.away = 7;
	CHECK(!gmem_has(&m, gpa(0x1000), 1) && !gmem_has(&m, gpa(0x10ff), 1));
}
