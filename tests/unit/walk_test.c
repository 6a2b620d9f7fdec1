/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest page tables in every paging mode.
 *
 * sources: vmm/walk.c vmm/gmem.c
 */
#include "tests/unit/check.h"
#include "vmm/walk.h"

#include <stdio.h>

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, SIZE = 0x10000 };
enum { CR0_PE = 1, CR0_WP = 1 << 16, PSE = 1 << 4, PAE = 1 << 5, LA57 = 1 << 12, SMEP = 1 << 20, SMAP = 1 << 21 };
enum { LMA = 1 << 10, NXE = 1 << 11, AC = 1 << 18 };
#define CR0_PG 0x80000000ull
#define NX (1ull << 63)

static uint8_t ram[SIZE];
static const struct gmem mem = { .slot = { { 0, SIZE, ram } }, .count = 1 };

static void put8(uint64_t at, uint64_t v)
{
	memcpy(ram + at, &v, 8);
}

static uint64_t get8(uint64_t at)
{
	uint64_t v;

	memcpy(&v, ram + at, 8);
	return v;
}

static void put4(uint64_t at, uint32_t v)
{
	memcpy(ram + at, &v, 4);
}

static struct walk_context long_mode(void)
{
	return (struct walk_context){ .cr0 = CR0_PG | CR0_WP | CR0_PE, .cr3 = 0x1000, .cr4 = PAE, .efer = LMA | NXE };
}

/* Linear 0 and up: 4 KiB pages; 2 MiB at 0x200000, 1 GiB at 0x40000000. */
static void long_tables(uint64_t leaf)
{
	memset(ram, 0, sizeof(ram));
	put8(0x1000, 0x2000 | P | W | U);
	put8(0x2000, 0x3000 | P | W | U);
	put8(0x2008, 0x80000000 | P | W | U | PS);
	put8(0x3000, 0x4000 | P | W | U);
	put8(0x3008, 0xa00000 | P | W | U | PS);
	put8(0x4000, 0x9000 | leaf);
	put8(0x4008, 0xb000 | P);
}

TEST(without_paging_32_bits_count)
{
	struct walk_context c = { .cr0 = CR0_PE };
	gpa_t at;
	uint32_t error;

	CHECK_EQ(walk(&mem, &c, 0x1234567890, WALK_WRITE, &at, &error), OK);
	CHECK_EQ(at.v, 0x34567890);
}

TEST(four_levels)
{
	struct walk_context c = long_mode();
	gpa_t at;
	uint32_t error;

	long_tables(P | W | U);
	CHECK_EQ(walk(&mem, &c, 0x123, WALK_READ, &at, &error), OK);
	CHECK_EQ(at.v, 0x9123);
	CHECK_EQ(walk(&mem, &c, 0x212345, WALK_READ, &at, &error), OK);
	CHECK_EQ(at.v, 0xa12345);
	CHECK_EQ(walk(&mem, &c, 0x7fffffff, WALK_READ, &at, &error), OK);
	CHECK_EQ(at.v, 0xbfffffff);
	CHECK_EQ(walk(&mem, &c, 0x400000, WALK_READ, &at, &error), E_FAULT);
	CHECK_EQ(error, 0);
}

/* Bits that the processor's addresses do not have (SDM 3A 4.5). */
TEST(address_bits_beyond_the_processors_are_reserved)
{
	struct walk_context c = long_mode();
	struct gmem narrow = mem;
	gpa_t at;
	uint32_t error;

	narrow.beyond = ~0ull << 40;
	long_tables(P | W | U | 1ull << 40);
	CHECK_EQ(walk(&narrow, &c, 0x123, WALK_WRITE, &at, &error), E_FAULT);
	CHECK_EQ(error, PF_PRESENT | PF_WRITE | PF_RESERVED);
	long_tables(P | W | U | 1ull << 62);
	CHECK_EQ(walk(&narrow, &c, 0x123, WALK_WRITE, &at, &error), OK);
}

TEST(accessed_and_dirty_bits)
{
	struct walk_context c = long_mode();
	gpa_t at;
	uint32_t error;

	long_tables(P | W | U);
	CHECK_EQ(walk(&mem, &c, 0, WALK_READ, &at, &error), OK);
	CHECK_EQ(get8(0x1000) & (A | D), A);
	CHECK_EQ(get8(0x2000) & (A | D), A);
	CHECK_EQ(get8(0x3000) & (A | D), A);
	CHECK_EQ(get8(0x4000) & (A | D), A);
	CHECK_EQ(walk(&mem, &c, 0, WALK_WRITE, &at, &error), OK);
	CHECK_EQ(get8(0x3000) & (A | D), A);
	CHECK_EQ(get8(0x4000) & (A | D), A | D);
	CHECK_EQ(walk(&mem, &c, 0x200000, WALK_WRITE, &at, &error), OK);
	CHECK_EQ(get8(0x3008) & (A | D), A | D);
}

TEST(five_levels)
{
	struct walk_context c = long_mode();
	gpa_t at;
	uint32_t error;

	long_tables(P | W | U);
	put8(0x5008, 0x1000 | P | W | U);
	c.cr3 = 0x5000;
	c.cr4 |= LA57;
	CHECK_EQ(walk(&mem, &c, 1ull << 48 | 0x123, WALK_READ, &at, &error), OK);
	CHECK_EQ(at.v, 0x9123);
	CHECK(walk_canonical(&c, 1ull << 55));
	c.cr4 &= ~(uint64_t)LA57;
	CHECK(!walk_canonical(&c, 1ull << 55));
	CHECK(walk_canonical(&c, -1ull << 47));
	CHECK(!walk_canonical(&c, 1ull << 47));
}

TEST(rights)
{
	static const struct {
		const char *what;
		uint64_t leaf;
		unsigned access;
		uint8_t cpl;
		uint64_t cr0, cr4, efer, rflags;
		int error;               /* -1: allowed */
	} row[] = {
		{ "user reads a user page", P | U, WALK_READ, 3, CR0_WP, 0, 0, 0, -1 },
		{ "user reads a kernel page", P, WALK_READ, 3, CR0_WP, 0, 0, 0, PF_PRESENT | PF_USER },
		{ "user writes read-only", P | U, WALK_WRITE, 3, CR0_WP, 0, 0, 0, PF_PRESENT | PF_USER | PF_WRITE },
		{ "kernel writes read-only", P, WALK_WRITE, 0, CR0_WP, 0, 0, 0, PF_PRESENT | PF_WRITE },
		{ "kernel writes read-only without WP", P, WALK_WRITE, 0, 0, 0, 0, 0, -1 },
		{ "user writes read-only without WP", P | U, WALK_WRITE, 3, 0, 0, 0, 0, PF_PRESENT | PF_USER | PF_WRITE },
		{ "absent", 0, WALK_WRITE, 0, CR0_WP, 0, 0, 0, PF_WRITE },
		{ "fetch from NX", P | NX, WALK_FETCH, 0, CR0_WP, 0, NXE, 0, PF_PRESENT | PF_FETCH },
		{ "read from NX", P | NX, WALK_READ, 0, CR0_WP, 0, NXE, 0, -1 },
		{ "NX while EFER forbids it", P | NX, WALK_READ, 0, CR0_WP, 0, 0, 0, PF_PRESENT | PF_RESERVED },
		{ "kernel fetches user code", P | U, WALK_FETCH, 0, CR0_WP, 0, 0, 0, -1 },
		{ "SMEP", P | U, WALK_FETCH, 0, CR0_WP, SMEP, 0, 0, PF_PRESENT | PF_FETCH },
		{ "SMAP", P | U, WALK_READ, 0, CR0_WP, SMAP, 0, 0, PF_PRESENT },
		{ "SMAP with AC", P | U, WALK_READ, 0, CR0_WP, SMAP, 0, AC, -1 },
		{ "SMAP leaves users alone", P | U, WALK_READ, 3, CR0_WP, SMAP, 0, 0, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct walk_context c = long_mode();
		gpa_t at;
		uint32_t error = 0;
		int r;

		long_tables(row[i].leaf);
		c.cr0 = CR0_PG | CR0_PE | row[i].cr0;
		c.cr4 |= row[i].cr4;
		c.efer = LMA | row[i].efer;
		c.rflags = row[i].rflags;
		c.cpl = row[i].cpl;
		printf("# %s\n", row[i].what);
		r = walk(&mem, &c, 0, row[i].access, &at, &error);
		CHECK_EQ(r, row[i].error < 0 ? OK : E_FAULT);
		CHECK(row[i].error < 0 || error == (uint32_t)row[i].error);
		CHECK_EQ(!!(get8(0x4000) & A), row[i].error < 0);
	}
}

TEST(reserved_bits_of_large_pages)
{
	struct walk_context c = long_mode();
	gpa_t at;
	uint32_t error;

	long_tables(P);
	put8(0x3008, 0xa02000 | P | PS);
	CHECK_EQ(walk(&mem, &c, 0x200000, WALK_READ, &at, &error), E_FAULT);
	CHECK_EQ(error, PF_PRESENT | PF_RESERVED);
	put8(0x3008, 0xa01000 | P | PS);
	CHECK_EQ(walk(&mem, &c, 0x200000, WALK_READ, &at, &error), OK);
	CHECK_EQ(at.v, 0xa00000);
	put8(0x1000, 0x2000 | P | PS);
	CHECK_EQ(walk(&mem, &c, 0, WALK_READ, &at, &error), E_FAULT);
	CHECK_EQ(error, PF_PRESENT | PF_RESERVED);
}

TEST(tables_outside_of_ram)
{
	struct walk_context c = long_mode();
	gpa_t at;
	uint32_t error;

	long_tables(P);
	put8(0x3000, 0x40000 | P);
	CHECK_EQ(walk(&mem, &c, 0x3000, WALK_READ, &at, &error), E_RANGE);
	CHECK_EQ(at.v, 0x40018);
	c.cr3 = 0x000ffffffffff000;
	CHECK_EQ(walk(&mem, &c, 0x3000, WALK_READ, &at, &error), E_RANGE);
}

TEST(pae)
{
	struct walk_context c = { .cr0 = CR0_PG | CR0_PE, .cr3 = 0x1020, .cr4 = PAE };
	gpa_t at;
	uint32_t error;

	memset(ram, 0, sizeof(ram));
	put8(0x1038, 0x3000 | P);
	put8(0x3ff8, 0x4000 | P | W);
	put8(0x3ff0, 0xa00000 | P | W | PS);
	put8(0x4ff8, 0x123456000 | P | W);
	CHECK_EQ(walk(&mem, &c, 0xffffffff, WALK_WRITE, &at, &error), OK);
	CHECK_EQ(at.v, 0x123456fff);
	CHECK_EQ(walk(&mem, &c, 0xffc12345, WALK_WRITE, &at, &error), OK);
	CHECK_EQ(at.v, 0xa12345);
	CHECK_EQ(walk(&mem, &c, 0, WALK_READ, &at, &error), E_FAULT);
	put8(0x1038, 0x3000 | P | W);
	CHECK_EQ(walk(&mem, &c, 0xffffffff, WALK_WRITE, &at, &error), E_FAULT);
	CHECK_EQ(error, PF_PRESENT | PF_RESERVED | PF_WRITE);
}

TEST(thirty_two_bit_tables)
{
	struct walk_context c = { .cr0 = CR0_PG | CR0_PE | CR0_WP, .cr3 = 0x1000, .cr4 = PSE };
	gpa_t at;
	uint32_t error;

	memset(ram, 0, sizeof(ram));
	put4(0x1000 + 0x3fb * 4, 0x2000 | P | W);
	put4(0x2000 + 4, 0xfee00000 | P | W);
	put4(0x1000 + 4, 0x00c00000 | 5u << 13 | P | PS);
	CHECK_EQ(walk(&mem, &c, 0xfec01234, WALK_WRITE, &at, &error), OK);
	CHECK_EQ(at.v, 0xfee00234);
	CHECK_EQ(get8(0x2004) & (A | D), A | D);
	CHECK_EQ(walk(&mem, &c, 0x00412345, WALK_READ, &at, &error), OK);
	CHECK_EQ(at.v, 0x500c12345);
	CHECK_EQ(walk(&mem, &c, 0x00412345, WALK_WRITE, &at, &error), E_FAULT);
	CHECK_EQ(error, PF_PRESENT | PF_WRITE);
	CHECK_EQ(walk(&mem, &c, 0xfec02000, WALK_READ, &at, &error), E_FAULT);
	CHECK_EQ(error, 0);
	/* Without PSE the large page is a table. */
	c.cr4 = 0;
	CHECK_EQ(walk(&mem, &c, 0x00412345, WALK_READ, &at, &error), E_RANGE);
}
