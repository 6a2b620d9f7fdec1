/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Register tables.
 * sources: vmm/regs.c
 */
#include "tests/unit/check.h"
#include "vmm/regs.h"

struct thing {
	uint16_t status, control;
	uint32_t wide;
	uint32_t hooked;
	unsigned writes;
};

static uint32_t read_hook(void *dev)
{
	return ((struct thing *)dev)->hooked + 1;
}

static void write_hook(void *dev, uint32_t val)
{
	struct thing *t = dev;

	t->hooked = val;
	t->writes++;
}

static const struct reg table[] = {
	REG(struct thing, 0, status, .w1c = 0x00ff),
	REG(struct thing, 2, control, .wmask = 0x0ff0),
	REG(struct thing, 8, wide, .wmask = 0xffffffff),
	REG_HOOKS(12, 4, .read = read_hook, .write = write_hook),
};

static const struct thing start = { .status = 0x1234, .control = 0xaaaa, .wide = 0x89abcdef, .hooked = 0x01020303 };

TEST(reads)
{
	static const struct { const char *what; uint64_t addr; uint8_t size; uint64_t want; } row[] = {
		{ "whole register",             0,  2, 0x1234 },
		{ "its low byte",               0,  1, 0x34 },
		{ "its high byte",              1,  1, 0x12 },
		{ "two registers",              0,  4, 0xaaaa1234 },
		{ "a byte of each of two",      1,  2, 0xaa12 },
		{ "between registers",          4,  4, 0 },
		{ "register and gap",           2,  4, 0xaaaa },
		{ "gap and register",           6,  4, 0xcdef0000 },
		{ "unaligned inside",           9,  2, 0xabcd },
		{ "eight bytes",                8,  8, 0x0102030489abcdef },
		{ "beyond the last",            16, 4, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct thing t = start;
		struct io_access io = { .addr = row[i].addr, .size = row[i].size };

		regs_access(table, ARRAY_SIZE(table), &t, &io);
		CHECK_EQ(io.value, row[i].want);
	}
}

TEST(writes)
{
	static const struct { const char *what; uint64_t addr; uint8_t size; uint64_t value; struct thing want; } row[] = {
		{ "ones clear",          0,  2, 0x0014,     { 0x1220, 0xaaaa, 0x89abcdef, 0x01020303, 0 } },
		{ "ones clear w1c only", 0,  2, 0xffff,     { 0x1200, 0xaaaa, 0x89abcdef, 0x01020303, 0 } },
		{ "high byte alone",     1,  1, 0xff,       { 0x1234, 0xaaaa, 0x89abcdef, 0x01020303, 0 } },
		{ "masked store",        2,  2, 0x5555,     { 0x1234, 0xa55a, 0x89abcdef, 0x01020303, 0 } },
		{ "store one byte",      3,  1, 0x05,       { 0x1234, 0xa5aa, 0x89abcdef, 0x01020303, 0 } },
		{ "two at once",         0,  4, 0x55550004, { 0x1230, 0xa55a, 0x89abcdef, 0x01020303, 0 } },
		{ "inner bytes",         9,  2, 0x1122,     { 0x1234, 0xaaaa, 0x891122ef, 0x01020303, 0 } },
		{ "hook gets its lanes", 13, 1, 0x77,       { 0x1234, 0xaaaa, 0x89abcdef, 0x00007700, 1 } },
		{ "gap",                 4,  4, 0xffffffff, { 0x1234, 0xaaaa, 0x89abcdef, 0x01020303, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct thing t = start;
		struct io_access io = { .addr = row[i].addr, .size = row[i].size, .write = true, .value = row[i].value };

		regs_access(table, ARRAY_SIZE(table), &t, &io);
		CHECK_EQ(t.status, row[i].want.status);
		CHECK_EQ(t.control, row[i].want.control);
		CHECK_EQ(t.wide, row[i].want.wide);
		CHECK_EQ(t.hooked, row[i].want.hooked);
		CHECK_EQ(t.writes, row[i].want.writes);
	}
}

static uint8_t bytes[8];

static uint8_t byte_read(void *dev, unsigned off)
{
	(void)dev;
	return bytes[off];
}

static void byte_write(void *dev, unsigned off, uint8_t val)
{
	(void)dev;
	bytes[off] = val;
}

TEST(wide_accesses_become_bytes)
{
	static const struct byte_ops ops = { byte_read, byte_write };
	struct io_access out = { .addr = 2, .size = 4, .write = true, .value = 0x44332211 };
	struct io_access in = { .addr = 3, .size = 2 };

	bytes_access(&ops, NULL, &out);
	CHECK_EQ(bytes[2], 0x11);
	CHECK_EQ(bytes[5], 0x44);
	bytes_access(&ops, NULL, &in);
	CHECK_EQ(in.value, 0x3322);
}
