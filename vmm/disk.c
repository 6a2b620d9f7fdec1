/* SPDX-License-Identifier: Apache-2.0 */
/* A disk image with a layer in memory over it. */
#include "vmm/disk.h"

#include <string.h>

static const uint8_t zeros[DISK_BLOCK];

int disk_init(struct disk *d, const void *base, uint64_t bytes, void *layer, uint64_t layer_bytes)
{
	uint64_t map = disk_map_bytes(bytes);

	*d = (struct disk){
		.base = base, .bytes = ALIGN_UP(bytes, (uint64_t)DISK_SECTOR), .read_only = !layer, .map = layer,
	};
	if (!bytes) {
		return E_INVAL;
	}
	if (!layer) {
		return OK;
	}
	if (layer_bytes < map + DISK_BLOCK) {
		return E_NOMEM;
	}
	layer_bytes = (layer_bytes - map) / DISK_BLOCK;
	d->slots = (uint8_t *)layer + map;
	d->slot_count = layer_bytes < UINT32_MAX - 1 ? (uint32_t)layer_bytes : UINT32_MAX - 1;
	return OK;
}

static void count_own(struct disk *d, int by)
{
	d->slots_used += (uint64_t)(int64_t)by;
	if (d->told) {
		__atomic_store_n(d->told, d->slots_used * DISK_BLOCK, __ATOMIC_RELAXED);
	}
}

int disk_init_kept(struct disk *d, const struct kept_disk *kept, bool read_only, uint64_t *told)
{
	*d = (struct disk){ .bytes = kept->bytes, .read_only = read_only || !kept->state, .kept = *kept, .told = told };
	if (!kept->bytes || kept->bytes % DISK_SECTOR) {
		return E_INVAL;
	}
	for (uint64_t i = 0; kept->state && i < kept_disk_blocks(kept->bytes); i++) {
		d->slots_used += kept->state[i] == KEPT_OWN;
	}
	count_own(d, 0);
	return OK;
}

static uint8_t *slot_at(const struct disk *d, uint32_t slot)
{
	return d->slots + (uint64_t)slot * DISK_BLOCK;
}

/* What a block holds now. The last one of the image may be read beyond the disk, within its page. */
static const uint8_t *block_at(const struct disk *d, uint64_t block)
{
	uint32_t word = d->map ? d->map[block] : 0;

	if (d->kept.bytes) {
		const uint8_t *at = kept_disk_block(&d->kept, block);

		return at ? at : zeros;
	}
	if (word == DISK_ZEROS) {
		return zeros;
	}
	return word ? slot_at(d, word - 1) : d->base + block * DISK_BLOCK;
}

/* How much of [at, at + len) lies in the block of at. */
static uint32_t part_of_block(uint64_t at, uint64_t len)
{
	uint32_t n = DISK_BLOCK - (uint32_t)(at % DISK_BLOCK);

	return n < len ? n : (uint32_t)len;
}

/* One more slot: 1 + its number, 0: none is left. */
static uint32_t take_slot(struct disk *d)
{
	uint32_t slot = d->given_back;

	if (slot) {
		memcpy(&d->given_back, slot_at(d, slot - 1), sizeof(d->given_back));
	} else if (d->fresh < d->slot_count) {
		slot = ++d->fresh;
	}
	d->slots_used += slot != 0;
	return slot;
}

static bool is_zeros(const struct disk *d, uint64_t block)
{
	return d->kept.bytes ? block_at(d, block) == zeros : d->map[block] == DISK_ZEROS;
}

static void set_kept(struct disk *d, uint64_t block, enum kept_state state)
{
	uint8_t *at = &d->kept.state[block];

	count_own(d, (state == KEPT_OWN) - (*at == KEPT_OWN));
	__atomic_store_n(at, (uint8_t)state, __ATOMIC_RELEASE);
}

static void forget_block(struct disk *d, uint64_t block)
{
	uint32_t word;

	if (d->kept.bytes) {
		set_kept(d, block, KEPT_ZEROS);
		return;
	}
	word = d->map[block];
	if (word && word != DISK_ZEROS) {
		memcpy(slot_at(d, word - 1), &d->given_back, sizeof(d->given_back));
		d->given_back = word;
		d->slots_used--;
	}
	d->map[block] = DISK_ZEROS;
}

/*
 * n bytes within a block. It is its own block only when all of it stands there: whoever takes the disk over after a crash in between finds it as
 * it was.
 */
static void write_kept(struct disk *d, uint64_t at, const void *from, uint32_t n)
{
	uint64_t block = at / DISK_BLOCK;
	uint8_t *own = d->kept.own + block * DISK_BLOCK;

	if (n != DISK_BLOCK && d->kept.state[block] != KEPT_OWN) {
		memcpy(own, block_at(d, block), DISK_BLOCK);
	}
	memcpy(own + at % DISK_BLOCK, from, n);
	if (d->kept.state[block] != KEPT_OWN) {
		set_kept(d, block, KEPT_OWN);
	}
}

/* The block's own slot, with what it held before when only a part of it is about to be written. */
static uint8_t *own_block(struct disk *d, uint64_t block, bool whole)
{
	uint32_t word = d->map[block], slot;

	if (word && word != DISK_ZEROS) {
		return slot_at(d, word - 1);
	}
	slot = take_slot(d);
	if (!slot) {
		return NULL;
	}
	if (!whole) {
		memcpy(slot_at(d, slot - 1), block_at(d, block), DISK_BLOCK);
	}
	d->map[block] = slot;
	return slot_at(d, slot - 1);
}

int disk_read(const struct disk *d, uint64_t at, void *to, uint64_t len)
{
	uint8_t *out = to;
	uint32_t n;

	if (!range_within(at, len, d->bytes)) {
		return E_RANGE;
	}
	for (; len; at += n, out += n, len -= n) {
		n = part_of_block(at, len);
		memcpy(out, block_at(d, at / DISK_BLOCK) + at % DISK_BLOCK, n);
	}
	return OK;
}

int disk_write(struct disk *d, uint64_t at, const void *from, uint64_t len)
{
	const uint8_t *in = from;
	uint32_t n;

	if (d->read_only) {
		return E_PERM;
	}
	if (!range_within(at, len, d->bytes)) {
		return E_RANGE;
	}
	for (; len; at += n, in += n, len -= n) {
		uint8_t *own;

		n = part_of_block(at, len);
		if (d->kept.bytes) {
			write_kept(d, at, in, n);
			continue;
		}
		own = own_block(d, at / DISK_BLOCK, n == DISK_BLOCK);
		if (!own) {
			return E_NOMEM;
		}
		memcpy(own + at % DISK_BLOCK, in, n);
	}
	return OK;
}

int disk_zero(struct disk *d, uint64_t at, uint64_t len)
{
	uint32_t n;

	if (d->read_only) {
		return E_PERM;
	}
	if (!range_within(at, len, d->bytes)) {
		return E_RANGE;
	}
	for (; len; at += n, len -= n) {
		int r = OK;

		n = part_of_block(at, len);
		if (n == DISK_BLOCK) {
			forget_block(d, at / DISK_BLOCK);
		} else if (!is_zeros(d, at / DISK_BLOCK)) {
			r = disk_write(d, at, zeros, n);
		}
		if (r < 0) {
			return r;
		}
	}
	return OK;
}
