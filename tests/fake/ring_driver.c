/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of virtqueues for tests; ring_driver.h tells more. */
#include "tests/fake/ring_driver.h"

#include <string.h>

uint8_t fake_ram[FAKE_RAM] __attribute__((aligned(4096)));

static void *translate(void *arg, uint64_t addr, uint64_t len)
{
	(void)arg;
	return range_within(addr, len, FAKE_RAM) ? fake_ram + addr : NULL;
}

const struct ring_memory fake_ring_memory = { .translate = translate };

uint16_t fake_load(uint64_t at)
{
	uint16_t value;

	memcpy(&value, fake_ram + at, sizeof(value));
	return value;
}

void fake_store(uint64_t at, uint16_t value)
{
	memcpy(fake_ram + at, &value, sizeof(value));
}

void fake_desc(const struct fake_driver *d, uint64_t at, uint64_t addr, uint32_t len, uint16_t flags, uint16_t id)
{
	memcpy(fake_ram + at, &addr, 8);
	memcpy(fake_ram + at + 8, &len, 4);
	fake_store(at + 12, d->packed ? id : flags);
	fake_store(at + 14, d->packed ? flags : id);
}

void fake_driver_init(struct fake_driver *d, unsigned number, uint16_t size, uint64_t features)
{
	*d = (struct fake_driver){
		.base = number * (uint64_t)FAKE_AREAS, .size = size, .wrap = true, .used_wrap = true,
		.packed = features >> RING_F_RING_PACKED & 1,
	};
	memset(fake_ram + d->base + FAKE_DESC, 0, FAKE_AREAS - FAKE_DESC);
}

struct ring_setup fake_driver_setup(const struct fake_driver *d, uint64_t features)
{
	return (struct ring_setup){
		.desc = d->base + FAKE_DESC, .driver = d->base + FAKE_DRIVER, .device = d->base + FAKE_DEVICE,
		.features = features, .size = d->size,
	};
}

/* Writes the pieces into a table; returns what the one descriptor of it says. */
static struct fake_piece make_table(struct fake_driver *d, const struct fake_piece *piece, unsigned count)
{
	uint64_t at = FAKE_TABLES + (d->tables++ % FAKE_TABLES_MAX) * (uint64_t)FAKE_TABLE_BYTES;

	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = piece[i].in ? FAKE_WRITE : 0;

		flags |= !d->packed && i + 1 < count ? FAKE_NEXT : 0;
		fake_desc(d, at + i * 16, piece[i].addr, piece[i].len, flags, (uint16_t)(i + 1));
	}
	return (struct fake_piece){ .addr = at, .len = count * 16 };
}

static uint16_t add_split(struct fake_driver *d, const struct fake_piece *piece, unsigned count, uint16_t flags)
{
	uint16_t head = d->next;

	for (unsigned i = 0; i < count; i++) {
		uint16_t at = d->next, next = (uint16_t)((at + 1) % d->size);

		fake_desc(d, d->base + FAKE_DESC + at * 16u, piece[i].addr, piece[i].len,
			  (uint16_t)(flags | (piece[i].in ? FAKE_WRITE : 0) | (i + 1 < count ? FAKE_NEXT : 0)), next);
		d->next = next;
	}
	fake_store(d->base + FAKE_DRIVER + 4 + d->avail % d->size * 2u, head);
	fake_store(d->base + FAKE_DRIVER + 2, ++d->avail);
	return head;
}

static uint16_t add_packed(struct fake_driver *d, const struct fake_piece *piece, unsigned count, uint16_t flags)
{
	uint16_t id = d->ids;

	d->ids = (uint16_t)((id + 1) % 1024);
	d->slots[id] = (uint16_t)count;
	for (unsigned i = 0; i < count; i++) {
		uint16_t bits = d->wrap ? 1 << 7 : 1 << 15;

		fake_desc(d, d->base + FAKE_DESC + d->next * 16u, piece[i].addr, piece[i].len,
			  (uint16_t)(flags | bits | (piece[i].in ? FAKE_WRITE : 0) | (i + 1 < count ? FAKE_NEXT : 0)), id);
		if (++d->next == d->size) {
			d->next = 0;
			d->wrap = !d->wrap;
		}
	}
	return id;
}

uint16_t fake_driver_add(struct fake_driver *d, const struct fake_piece *piece, unsigned count)
{
	struct fake_piece table;
	uint16_t flags = 0;

	if (d->indirect) {
		table = make_table(d, piece, count);
		piece = &table;
		count = 1;
		flags = FAKE_INDIRECT;
	}
	return d->packed ? add_packed(d, piece, count, flags) : add_split(d, piece, count, flags);
}

static bool used_split(struct fake_driver *d, uint16_t *id, uint32_t *written)
{
	uint64_t at = d->base + FAKE_DEVICE + 4 + d->used % d->size * 8u;

	if (fake_load(d->base + FAKE_DEVICE + 2) == d->used) {
		return false;
	}
	*id = fake_load(at);
	memcpy(written, fake_ram + at + 4, 4);
	d->used++;
	return true;
}

static bool used_packed(struct fake_driver *d, uint16_t *id, uint32_t *written)
{
	uint64_t at = d->base + FAKE_DESC + d->used * 16u;
	uint16_t flags = fake_load(at + 14);

	if (!!(flags & 1 << 15) != d->used_wrap || !!(flags & 1 << 7) != d->used_wrap) {
		return false;
	}
	*id = fake_load(at + 12);
	memcpy(written, fake_ram + at + 8, 4);
	d->used = (uint16_t)(d->used + d->slots[*id % 1024]);
	if (d->used >= d->size) {
		d->used = (uint16_t)(d->used - d->size);
		d->used_wrap = !d->used_wrap;
	}
	return true;
}

bool fake_driver_used(struct fake_driver *d, uint16_t *id, uint32_t *written)
{
	return d->packed ? used_packed(d, id, written) : used_split(d, id, written);
}
