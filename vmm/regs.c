/* SPDX-License-Identifier: Apache-2.0 */
/* The walker over register tables. */
#include <string.h>

#include "vmm/regs.h"

static uint32_t load_field(const struct reg *r, const void *dev)
{
	uint32_t value = 0;

	if (r->field != REG_NO_FIELD) {
		memcpy(&value, (const char *)dev + r->field, r->size);
	}
	return value;
}

static void store_field(const struct reg *r, void *dev, uint32_t value)
{
	if (r->field != REG_NO_FIELD) {
		memcpy((char *)dev + r->field, &value, r->size);
	}
}

/* lanes: ones in the bytes that are written; value is 0 elsewhere. */
static void write_reg(const struct reg *r, void *dev, uint32_t value, uint32_t lanes)
{
	uint32_t stored = r->wmask & lanes;
	uint32_t field = load_field(r, dev);

	store_field(r, dev, ((field & ~stored) | (value & stored)) & ~(value & r->w1c));
	if (r->write) {
		r->write(dev, value);
	}
}

static uint32_t read_reg(const struct reg *r, void *dev)
{
	return r->read ? r->read(dev) : load_field(r, dev);
}

/* The bytes of r inside of [start, end), both relative to r. */
static uint32_t lanes_between(uint64_t start, uint64_t end)
{
	uint64_t below_end = (1ull << end * 8) - 1;

	return (uint32_t)(below_end & ~((1ull << start * 8) - 1));
}

/* One whole register, as nearly every access is. */
static void access_whole(const struct reg *r, void *dev, struct io_access *io)
{
	if (io->write) {
		uint32_t lanes = lanes_between(0, r->size);

		write_reg(r, dev, (uint32_t)io->value & lanes, lanes);
	} else {
		io->value = read_reg(r, dev);
	}
}

/* Apart: its many registers would be saved on the way of every whole access. */
static __attribute__((noinline)) void access_lanes(const struct reg *table, size_t count, void *dev,
						   struct io_access *io)
{
	uint64_t end = io->addr + io->size;
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		const struct reg *r = &table[i];
		uint64_t from = io->addr > r->off ? io->addr : r->off;
		uint64_t to = end < r->off + (uint64_t)r->size ? end : r->off + (uint64_t)r->size;

		if (from >= to) {
			continue;
		}
		/* Shifts move the register's byte 0 to its place in the access, or back. */
		uint32_t lanes = lanes_between(from - r->off, to - r->off);
		uint64_t skip = (from - io->addr) * 8, within = (from - r->off) * 8;

		if (io->write) {
			write_reg(r, dev, (uint32_t)(io->value >> skip << within) & lanes, lanes);
		} else {
			value |= (uint64_t)((read_reg(r, dev) & lanes) >> within) << skip;
		}
	}
	if (!io->write) {
		io->value = value;
	}
}

void regs_access(const struct reg *table, size_t count, void *dev, struct io_access *io)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].off == io->addr && table[i].size == io->size) {
			access_whole(&table[i], dev, io);
			return;
		}
	}
	access_lanes(table, count, dev, io);
}

void bytes_access_wide(const struct byte_ops *ops, void *dev, struct io_access *io)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < io->size; i++) {
		unsigned off = (unsigned)io->addr + i;

		if (io->write) {
			ops->write(dev, off, (uint8_t)(io->value >> i * 8));
		} else {
			value |= (uint64_t)ops->read(dev, off) << i * 8;
		}
	}
	if (!io->write) {
		io->value = value;
	}
}
