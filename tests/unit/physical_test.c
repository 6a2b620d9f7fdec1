/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical addresses in init's hands: looked at through a window, taken out as devices and RAM. The kernel is a fake that
 * knows every region and what is mapped, and refuses as the real one does.
 */
#include "init/program.h"
#include "lib/user/sys.h"

#include <string.h>

static int fake_split(uint32_t region, uint64_t offset);
static int fake_map(uint64_t address, uint32_t region, uint64_t offset, uint64_t size);
static int fake_unmap(uint64_t address, uint64_t size);
static void *fake_copy(void *to, const void *from, size_t len);

#define sys_region_split(region, offset) fake_split(region, offset)
#define sys_map(space, address, region, offset, size, prot) fake_map(address, region, offset, size)
#define sys_unmap(space, address, size) fake_unmap(address, size)
#define memcpy(to, from, len) fake_copy(to, from, len)

#include "init/physical.c"

#undef memcpy

#include "tests/unit/check.h"

enum { REGIONS = 128, LOW_END = 0x8000, TOP = 0x400000 };

static struct { uint64_t base, size; unsigned mapped; } region[REGIONS];
static unsigned region_count;
static struct { uint64_t address, size, base; } seen;     /* the window, as the kernel has it */

static int new_region(uint64_t base, uint64_t size)
{
	region[region_count].base = base;
	region[region_count].size = size;
	return (int)region_count++;
}

static int fake_split(uint32_t r, uint64_t offset)
{
	uint64_t size = region[r].size;

	CHECK(r < region_count && offset && offset < size && offset % PAGE_SIZE == 0);
	if (region[r].mapped) {
		return E_BUSY;
	}
	region[r].size = offset;
	return new_region(region[r].base + offset, size - offset);
}

static int fake_map(uint64_t address, uint32_t r, uint64_t offset, uint64_t size)
{
	CHECK(r < region_count && range_within(offset, size, region[r].size) && size);
	region[r].mapped++;
	if (address == INIT_WINDOW_ADDR) {
		CHECK(!seen.size);
		seen.address = address;
		seen.size = size;
		seen.base = region[r].base + offset;
	}
	return OK;
}

static int fake_unmap(uint64_t address, uint64_t size)
{
	CHECK_EQ(address, INIT_WINDOW_ADDR);
	CHECK_EQ(size, seen.size);
	for (unsigned i = 0; i < region_count; i++) {
		region[i].mapped -= seen.base - region[i].base < region[i].size;
	}
	seen.size = 0;
	return OK;
}

/* Byte n of physical memory is n * 7, which shows where a copy came from. */
static void *fake_copy(void *to, const void *from, size_t len)
{
	uint64_t at = (uint64_t)(uintptr_t)from - INIT_WINDOW_ADDR;

	CHECK(range_within(at, len, seen.size));
	for (size_t i = 0; i < len; i++) {
		((uint8_t *)to)[i] = (uint8_t)((seen.base + at + i) * 7);
	}
	return to;
}

/* Two pieces, as at boot: the page at LOW_END lies between them. */
static void fresh(void)
{
	memset(region, 0, sizeof(region));
	region_count = piece_count = device_count = 0;
	window.size = seen.size = 0;
	CHECK_EQ(physical_add((struct extent){ LOW_END + PAGE_SIZE, TOP - LOW_END - PAGE_SIZE,
					       (uint32_t)new_region(LOW_END + PAGE_SIZE, TOP - LOW_END - PAGE_SIZE), true, 0 }), OK);
	CHECK_EQ(physical_add((struct extent){ 0, LOW_END, (uint32_t)new_region(0, LOW_END), true, 0 }), OK);
}

static void check_take(uint64_t base, uint64_t size, int want)
{
	struct extent e = { 0 };

	CHECK_EQ(physical_take(base, size, &e), want);
	if (want == OK) {
		CHECK_EQ(e.base, base);
		CHECK_EQ(e.size, size);
		CHECK_EQ(region[e.handle].base, base);
		CHECK_EQ(region[e.handle].size, size);
	}
}

TEST(what_is_not_in_hand_is_a_hole)
{
	uint64_t base, end;

	fresh();
	CHECK(physical_hole(0, &base, &end));
	CHECK_EQ(base, LOW_END);
	CHECK_EQ(end, LOW_END + PAGE_SIZE);
	CHECK(!physical_hole(end, &base, &end));
}

TEST(reads_cross_windows_but_not_holes)
{
	static uint8_t buf[3 * WINDOW];

	fresh();
	CHECK(physical_read(NULL, 0x1fff0, buf, sizeof(buf)));
	for (size_t i = 0; i < sizeof(buf); i++) {
		CHECK_EQ(buf[i], (uint8_t)((0x1fff0 + i) * 7));
	}
	CHECK(physical_read(NULL, LOW_END - 4, buf, 4));
	CHECK(!physical_read(NULL, LOW_END - 4, buf, 5));
	CHECK(!physical_read(NULL, LOW_END, buf, 1));
	CHECK(!physical_read(NULL, TOP - 1, buf, 2));
	CHECK(!physical_read(NULL, UINT64_MAX - 1, buf, 8));
	CHECK(physical_read(NULL, TOP - 1, buf, 1));
}

TEST(what_is_taken_is_in_no_other_hands)
{
	uint8_t byte;

	fresh();
	CHECK(physical_read(NULL, 0x100000, &byte, 1));          /* the window is open there: no obstacle */
	check_take(0x100000, 0x3000, OK);
	check_take(0x100000, 0x1000, E_NOENT);
	check_take(0xff000, 0x2000, E_NOENT);
	check_take(0x102000, 0x2000, E_NOENT);
	CHECK(!physical_read(NULL, 0x102fff, &byte, 1));
	CHECK(physical_read(NULL, 0x103000, &byte, 1));
	check_take(0x103000, 0x1000, OK);
	check_take(0xff000, 0x1000, OK);
	check_take(0, LOW_END, OK);
	check_take(LOW_END, PAGE_SIZE, E_NOENT);
	check_take(TOP - PAGE_SIZE, 2 * PAGE_SIZE, E_NOENT);
	check_take(TOP - PAGE_SIZE, UINT64_MAX - PAGE_SIZE + 1, E_NOENT);
	check_take(TOP - PAGE_SIZE, PAGE_SIZE, OK);
	check_take(0x200000, 0, E_NOENT);
}

TEST(a_device_is_mapped_once)
{
	volatile char *first, *second;

	fresh();
	first = physical_device(0x3e00f0);
	second = physical_device(0x3e0400);
	CHECK(first && second - first == 0x400 - 0xf0);
	check_take(0x3e0000, PAGE_SIZE, E_NOENT);
	CHECK(!physical_device(LOW_END));
	CHECK(!physical_device(TOP));
	for (unsigned i = 1; i < DEVICES_MAX; i++) {
		CHECK(physical_device(0x200000 + i * 0x2000ull));
	}
	CHECK(!physical_device(0x300000));
}
