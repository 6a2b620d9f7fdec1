/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces of devices: sorted ranges, found by binary search. */
#include "vmm/device.h"

/* Ones in the low size bytes. */
static uint64_t size_mask(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

/* Index of the first range whose base is above addr. */
static unsigned upper_bound(const struct bus *bus, uint64_t addr)
{
	unsigned low = 0, high = bus->count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (bus->range[mid].base <= addr) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

int bus_add(struct bus *bus, uint64_t base, uint64_t size, io_fn *fn, void *dev, const char *name)
{
	unsigned at = upper_bound(bus, base);

	if (!size || size - 1 > UINT64_MAX - base || !fn) {
		return E_INVAL;
	}
	if (bus->count == BUS_RANGES_MAX) {
		return E_NOMEM;
	}
	if (at > 0 && base - bus->range[at - 1].base < bus->range[at - 1].size) {
		return E_BUSY;
	}
	if (at < bus->count && bus->range[at].base - base < size) {
		return E_BUSY;
	}
	for (unsigned i = bus->count; i > at; i--) {
		bus->range[i] = bus->range[i - 1];
	}
	bus->range[at] = (struct io_range){ base, size, fn, dev, name };
	bus->count++;
	bus->last = at;
	return OK;
}

/* The range that holds addr, or NULL. Remembers it for next time. */
static const struct io_range *find(struct bus *bus, uint64_t addr)
{
	unsigned at = upper_bound(bus, addr);
	const struct io_range *r = at ? &bus->range[at - 1] : NULL;

	if (!r || addr - r->base >= r->size) {
		return NULL;
	}
	bus->last = at - 1;
	return r;
}

/* A whole access inside of one range. */
static void access_range(const struct io_range *r, struct io_access *io)
{
	if (!io->write) {
		io->value = UINT64_MAX;
	}
	io->addr -= r->base;
	r->fn(r->dev, io);
	io->addr += r->base;
	io->value &= size_mask(io->size);
}

/* True when all of the access lies in r. */
static bool contains(const struct io_range *r, const struct io_access *io)
{
	uint64_t off = io->addr - r->base;

	return off < r->size && io->size <= r->size - off;
}

static void access_bytes(struct bus *bus, struct io_access *io)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < io->size; i++) {
		struct io_access byte = { .addr = io->addr + i, .size = 1, .write = io->write,
					  .value = io->write ? io->value >> i * 8 & 0xff : 0xff };
		const struct io_range *r = find(bus, byte.addr);

		if (r) {
			access_range(r, &byte);
		}
		value |= byte.value << i * 8;
	}
	io->value = value;
}

/* True when a range starts inside of (addr, addr + size). */
static bool touches_range(const struct bus *bus, uint64_t addr, unsigned size)
{
	unsigned at = upper_bound(bus, addr);

	return at < bus->count && bus->range[at].base - addr < size;
}

static __attribute__((noinline)) void access_elsewhere(struct bus *bus, struct io_access *io)
{
	const struct io_range *r = find(bus, io->addr);

	if (r && contains(r, io)) {
		access_range(r, io);
	} else if (r || touches_range(bus, io->addr, io->size)) {
		access_bytes(bus, io);
	} else if (!io->write) {
		io->value = size_mask(io->size);
	}
}

/* The range of the last hit first: this is on the way of every exit to the vmm. Unused ranges are empty. */
void bus_access(struct bus *bus, struct io_access *io)
{
	const struct io_range *r = &bus->range[bus->last];

	if (contains(r, io)) {
		access_range(r, io);
	} else {
		access_elsewhere(bus, io);
	}
}
