/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's register block as data. The walker owns widths, alignment, read-only and write-one-to-clear bits,
 * so that a device writes only the hooks that do something.
 */
#pragma once

#include "vmm/device.h"

struct reg {
	uint16_t off;
	uint8_t size;                /* bytes: 1, 2 or 4                                             */
	size_t field;                /* offsetof the backing field; REG_NO_FIELD: hooks only         */
	uint32_t wmask;              /* bits that a write stores                                     */
	uint32_t w1c;                /* bits that writing one clears                                 */
	uint32_t (*read)(void *dev); /* optional; default is the field                               */
	void (*write)(void *dev, uint32_t val);  /* optional; runs after the field changed; val: what was written, 0 in bytes that were not */
};

#define REG_NO_FIELD ((size_t)-1)

#define REG(dev_, off_, field_, ...) \
	{ .off = (off_), .size = sizeof(((dev_ *)0)->field_), .field = offsetof(dev_, field_), __VA_ARGS__ }
#define REG_HOOKS(off_, size_, ...) \
	{ .off = (off_), .size = (size_), .field = REG_NO_FIELD, __VA_ARGS__ }

/*
 * Carries out io (relative address) on the registers of table, sorted by off and not overlapping. An access may
 * touch a part of a register or several of them, in rising order; bytes between registers read as zero and
 * ignore writes.
 */
void regs_access(const struct reg *table, size_t count, void *dev, struct io_access *io);

/* A device of byte-wide registers; off is relative to its range. */
struct byte_ops {
	uint8_t (*read)(void *dev, unsigned off);
	void (*write)(void *dev, unsigned off, uint8_t val);
};

/* Carries out io as single bytes, in rising order, as an 8-bit card on a wider bus sees it. */
void bytes_access_wide(const struct byte_ops *ops, void *dev, struct io_access *io);

/* The same; inline for the access that nearly all are, so that const ops become direct calls. */
static inline void bytes_access(const struct byte_ops *ops, void *dev, struct io_access *io)
{
	if (io->size != 1) {
		bytes_access_wide(ops, dev, io);
	} else if (io->write) {
		ops->write(dev, (unsigned)io->addr, (uint8_t)io->value);
	} else {
		io->value = ops->read(dev, (unsigned)io->addr);
	}
}
