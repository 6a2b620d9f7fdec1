/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot memory map: sorted, disjoint, page aligned, the most restrictive claim wins.
 * sources: init/bootmap.c
 */
#include "init/bootmap.h"
#include "tests/unit/check.h"

static struct boot_info info;

static void fresh(void)
{
	memset(&info, 0, sizeof(info));
	bootmap_start(&info);
}

static void check_entry(uint32_t i, uint64_t base, uint64_t size, uint32_t type)
{
	CHECK(i < info.mem_count);
	CHECK_EQ(info.mem[i].base, base);
	CHECK_EQ(info.mem[i].size, size);
	CHECK_EQ(info.mem[i].type, type);
}

TEST(kernel_is_carved_out_of_ram)
{
	fresh();
	bootmap_claim(&info, 0x100000, 0x900000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x100000, 0x40000, BOOT_MEM_KERNEL);
	bootmap_claim(&info, 0x200000, 0x1234, BOOT_MEM_MODULE);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 4);
	check_entry(0, 0x100000, 0x40000, BOOT_MEM_KERNEL);
	check_entry(1, 0x140000, 0xc0000, BOOT_MEM_FREE);
	check_entry(2, 0x200000, 0x2000, BOOT_MEM_MODULE);
	check_entry(3, 0x202000, 0x7fe000, BOOT_MEM_FREE);
	CHECK_EQ(info.ram_bytes, 0x900000);
}

TEST(unsorted_and_touching_claims_merge)
{
	fresh();
	bootmap_claim(&info, 0x500000, 0x100000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x300000, 0x100000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x400000, 0x100000, BOOT_MEM_FREE);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 1);
	check_entry(0, 0x300000, 0x300000, BOOT_MEM_FREE);
}

TEST(overlap_goes_to_the_more_restrictive_claim)
{
	fresh();
	bootmap_claim(&info, 0x200000, 0x200000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x280000, 0x100000, BOOT_MEM_ACPI);
	bootmap_claim(&info, 0x2c0000, 0x100000, BOOT_MEM_RESERVED);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 4);
	check_entry(0, 0x200000, 0x80000, BOOT_MEM_FREE);
	check_entry(1, 0x280000, 0x40000, BOOT_MEM_ACPI);
	check_entry(2, 0x2c0000, 0x100000, BOOT_MEM_RESERVED);
	check_entry(3, 0x3c0000, 0x40000, BOOT_MEM_FREE);
}

TEST(low_memory_is_ram_that_is_not_offered)
{
	fresh();
	bootmap_claim(&info, 0, 0x9f000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x80000, 0x1000, BOOT_MEM_ACPI);
	bootmap_claim(&info, 0xff000, 0x1000000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0, 0x100000, BOOT_MEM_LOW);
	CHECK(bootmap_is_free(&info, 0x2000, 0x1000));
	bootmap_claim(&info, 0x2000, 0x1000, BOOT_MEM_MODULE);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 7);
	check_entry(0, 0, 0x2000, BOOT_MEM_LOW);
	check_entry(1, 0x2000, 0x1000, BOOT_MEM_MODULE);
	check_entry(2, 0x3000, 0x7d000, BOOT_MEM_LOW);
	check_entry(3, 0x80000, 0x1000, BOOT_MEM_ACPI);
	check_entry(4, 0x81000, 0x1e000, BOOT_MEM_LOW);
	check_entry(5, 0xff000, 0x1000, BOOT_MEM_LOW);
	check_entry(6, 0x100000, 0xfff000, BOOT_MEM_FREE);
}

TEST(alignment_shrinks_free_memory_and_grows_the_rest)
{
	fresh();
	bootmap_claim(&info, 0x200001, 0x2ffe, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x300fff, 2, BOOT_MEM_RESERVED);
	bootmap_claim(&info, 0x400001, 0xffe, BOOT_MEM_FREE);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 2);
	check_entry(0, 0x201000, 0x1000, BOOT_MEM_FREE);
	check_entry(1, 0x300000, 0x2000, BOOT_MEM_RESERVED);
}

TEST(the_end_of_the_address_space)
{
	static const struct { uint64_t base, size; } row[] = {
		{ 0xfffffffffffff000, 0x1000 }, { 0xfffffffffffff001, UINT64_MAX }, { UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX },
		{ 0xffffffffffffe800, UINT64_MAX }, { 5, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		bootmap_claim(&info, row[i].base, row[i].size, BOOT_MEM_FREE);
		bootmap_finish(&info);
		CHECK_EQ(info.mem_count, 0);
	}
	fresh();
	bootmap_claim(&info, 0x1000000, UINT64_MAX, BOOT_MEM_FREE);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 1);
	check_entry(0, 0x1000000, 0xfffffffffffff000 - 0x1000000, BOOT_MEM_FREE);
}

TEST(claims_on_holes_make_no_memory)
{
	fresh();
	bootmap_claim(&info, 0x100000, 0x10000, BOOT_MEM_KERNEL);
	bootmap_claim(&info, 0x200000, 0x10000, BOOT_MEM_MODULE);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, 0);
}

/* Every second page of free RAM, until there is no room for more. */
static unsigned fill(void)
{
	unsigned n = 0;

	fresh();
	while (!info.mem_dropped) {
		bootmap_claim(&info, 0x100000 + 0x2000ull * n++, 0x1000, BOOT_MEM_FREE);
	}
	return n - 1;
}

TEST(a_full_table_drops_free_memory)
{
	unsigned n = fill();

	CHECK(n > BOOT_MEM_MAX / 2 - 2);
	CHECK_EQ(info.mem_dropped, 1);
	bootmap_finish(&info);
	CHECK_EQ(info.mem_count, n);
	for (uint32_t i = 0; i < n; i++) {
		check_entry(i, 0x100000 + 0x2000ull * i, 0x1000, BOOT_MEM_FREE);
	}
}

TEST(a_full_table_never_offers_what_is_claimed)
{
	fill();
	bootmap_claim(&info, 0x100000, 0x1000000, BOOT_MEM_FREE);
	fill();
	bootmap_claim(&info, 0x101000, 0x800, BOOT_MEM_RESERVED);
	bootmap_claim(&info, 0x102000, 0x1000, BOOT_MEM_KERNEL);
	bootmap_claim(&info, 0x10a800, 0x2000, BOOT_MEM_RESERVED);
	CHECK(bootmap_is_free(&info, 0x100000, 0x1000));
	CHECK(!bootmap_is_free(&info, 0x102000, 0x1000));
	CHECK(!bootmap_is_free(&info, 0x10a000, 0x1000));
	CHECK(!bootmap_is_free(&info, 0x10c000, 0x1000));
	CHECK(bootmap_is_free(&info, 0x10e000, 0x1000));
}

TEST(is_free_looks_across_touching_claims)
{
	fresh();
	bootmap_claim(&info, 0x300000, 0x100000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x200000, 0x100000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x380000, 0x1000, BOOT_MEM_NVS);
	CHECK(bootmap_is_free(&info, 0x280000, 0x100000));
	CHECK(!bootmap_is_free(&info, 0x280000, 0x101000));
	CHECK(!bootmap_is_free(&info, 0x1ff000, 0x2000));
	CHECK(!bootmap_is_free(&info, 0x3ff000, 0x2000));
	CHECK(bootmap_is_free(&info, 0x3ff000, 0x1000));
	CHECK(!bootmap_is_free(&info, 0x200000, 0));
	CHECK(!bootmap_is_free(&info, UINT64_MAX, 2));
	CHECK(!bootmap_is_free(&info, UINT64_MAX, 1));
}

/* Of RAM below 4 GiB, the largest range; not where firmware works when it starts. */
TEST(what_is_kept_stands_at_the_first_32_mib)
{
	fresh();
	bootmap_claim(&info, 0x100000, 0x5f00000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x100000000, 0x80000000, BOOT_MEM_FREE);
	bootmap_claim(&info, 0x100000, 0x80000, BOOT_MEM_KERNEL);
	bootmap_finish(&info);
	CHECK_EQ(bootmap_preserve(&info, 0x5000), 0x2000000);
	CHECK_EQ(info.mem_count, 5);
	check_entry(1, 0x180000, 0x1e80000, BOOT_MEM_FREE);
	check_entry(2, 0x2000000, 0x5000, BOOT_MEM_PRESERVED);
	check_entry(3, 0x2005000, 0x3ffb000, BOOT_MEM_FREE);
	check_entry(4, 0x100000000, 0x80000000, BOOT_MEM_FREE);
}

TEST(what_is_kept_stands_at_the_bottom_of_little_memory)
{
	fresh();
	bootmap_claim(&info, 0x100000, 0x1f05000, BOOT_MEM_FREE);
	bootmap_finish(&info);
	CHECK_EQ(bootmap_preserve(&info, 0x5000), 0x100000);
	check_entry(0, 0x100000, 0x5000, BOOT_MEM_PRESERVED);
	check_entry(1, 0x105000, 0x1f00000, BOOT_MEM_FREE);
	fresh();
	bootmap_claim(&info, 0x100000, 0x5000, BOOT_MEM_FREE);
	bootmap_finish(&info);
	CHECK_EQ(bootmap_preserve(&info, 0x5000), 0);
}
