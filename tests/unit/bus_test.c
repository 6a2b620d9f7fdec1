/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device bus.
 * sources: vmm/bus.c
 */
#include "tests/unit/check.h"
#include "vmm/device.h"

/* A device that shows where it was hit, and remembers. */
static struct { uint64_t addr, value; unsigned hits; uint8_t size; } seen;

static void echo(void *dev, struct io_access *io)
{
	uint64_t base = *(uint64_t *)dev;

	seen.addr = base + io->addr;
	seen.value = io->value;
	seen.size = io->size;
	seen.hits++;
	if (!io->write) {
		io->value = base + io->addr;
	}
}

static void silent(void *dev, struct io_access *io)
{
	(void)dev;
	(void)io;
}

static struct bus bus;
static uint64_t low = 0x10, middle = 0x20, high = 0x28;

static void fresh(void)
{
	memset(&bus, 0, sizeof(bus));
	memset(&seen, 0, sizeof(seen));
	CHECK_EQ(bus_add(&bus, middle, 8, echo, &middle, "middle"), OK);
	CHECK_EQ(bus_add(&bus, high, 4, echo, &high, "high"), OK);
	CHECK_EQ(bus_add(&bus, low, 1, echo, &low, "low"), OK);
}

TEST(reads_reach_the_range_or_give_ones)
{
	static const struct { const char *what; uint64_t addr; uint8_t size; uint64_t want; unsigned hits; } row[] = {
		{ "first byte",                  0x20, 1, 0x20,               1 },
		{ "last dword",                  0x2a, 2, 0x2a,               1 },
		{ "value is cut to size",        0x24, 4, 0x24,               1 },
		{ "before all",                  0x0f, 1, 0xff,               0 },
		{ "in a gap",                    0x11, 4, 0xffffffff,         0 },
		{ "after all",                   0x2c, 8, UINT64_MAX,         0 },
		{ "crosses into the next range", 0x26, 4, 0x29282726,         4 },
		{ "starts in a gap",             0x1e, 4, 0x2120ffff,         2 },
		{ "runs out of the last range",  0x2a, 4, 0xffff2b2a,         2 },
		{ "a byte range read wider",     0x10, 2, 0xff10,             1 },
		{ "end of the address space",    UINT64_MAX, 8, UINT64_MAX,   0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		struct io_access io = { .addr = row[i].addr, .size = row[i].size };

		bus_access(&bus, &io);
		CHECK_EQ(io.value, row[i].want);
		CHECK_EQ(seen.hits, row[i].hits);
		CHECK_EQ(io.addr, row[i].addr);
	}
}

TEST(crossing_write_is_split_in_rising_order)
{
	struct io_access io = { .addr = 0x26, .size = 4, .write = true, .value = 0x44332211 };

	fresh();
	bus_access(&bus, &io);
	CHECK_EQ(seen.hits, 4);
	CHECK_EQ(seen.addr, 0x29);
	CHECK_EQ(seen.value, 0x44);
	CHECK_EQ(seen.size, 1);
}

TEST(a_model_that_does_not_answer_reads_as_ones)
{
	struct io_access io = { .addr = 0x100, .size = 2, .value = 0x1234 };

	fresh();
	CHECK_EQ(bus_add(&bus, 0x100, 2, silent, NULL, "silent"), OK);
	bus_access(&bus, &io);
	CHECK_EQ(io.value, 0xffff);
}

TEST(bad_ranges_are_refused)
{
	static const struct { const char *what; uint64_t base, size; int want; } row[] = {
		{ "empty",                 0x100,      0,  E_INVAL },
		{ "wraps",                 UINT64_MAX, 2,  E_INVAL },
		{ "last address",          UINT64_MAX, 1,  OK },
		{ "same base",             0x20,       1,  E_BUSY },
		{ "tail of another",       0x27,       1,  E_BUSY },
		{ "reaches into the next", 0x1f,       2,  E_BUSY },
		{ "contains another",      0x0f,       4,  E_BUSY },
		{ "fits between",          0x11,       15, OK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		CHECK_EQ(bus_add(&bus, row[i].base, row[i].size, echo, &low, row[i].what), row[i].want);
	}
}

TEST(full_table)
{
	fresh();
	for (unsigned i = bus.count; i < BUS_RANGES_MAX; i++) {
		CHECK_EQ(bus_add(&bus, 0x1000 + i, 1, echo, &low, "filler"), OK);
	}
	CHECK_EQ(bus_add(&bus, 0x2000, 1, echo, &low, "one more"), E_NOMEM);
	CHECK_EQ(bus.count, BUS_RANGES_MAX);
}

TEST(empty_bus_reads_ones)
{
	struct io_access io = { .addr = 0, .size = 4 };

	memset(&bus, 0, sizeof(bus));
	bus_access(&bus, &io);
	CHECK_EQ(io.value, 0xffffffff);
}
