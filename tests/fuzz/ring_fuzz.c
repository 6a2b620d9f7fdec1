/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtqueue whose driver writes anything anywhere while the device works on it.
 *
 *	byte 0      features: 1 packed, 2 events, 4 indirect; bits 4-6: size as a power of two
 *	then steps  bits 0-2 what: 0-3 write, 4 pop, 5 use, 6 untake, 7 publish and listen; bits 3-7 how many bytes
 *	of a write  two bytes address within the areas, then the bytes
 *
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/ring_driver.c
 */
#include "tests/fake/ring_driver.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TAKEN_MAX = 4, STEPS = 2048 };

static struct ring ring;
static struct ring_chain taken[TAKEN_MAX];
static unsigned count;

static void must(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* Pieces lie in memory, sums are right: every byte may be touched. */
static void check_chain(const struct ring_chain *c)
{
	uint32_t out = 0, in = 0;

	must(c->out_count + c->in_count <= RING_SEGMENTS_MAX);
	for (unsigned i = 0; i < c->out_count + (unsigned)c->in_count; i++) {
		const struct ring_segment *s = &c->segment[i];

		must(s->len && range_within((uint64_t)(s->base - fake_ram), s->len, FAKE_RAM));
		if (i < c->out_count) {
			out += s->len;
		} else {
			in += s->len;
		}
	}
	must(out == c->out_bytes && in == c->in_bytes && out <= RING_BYTES_MAX && in <= RING_BYTES_MAX);
}

static void step(unsigned what)
{
	if (what == 4 && count < TAKEN_MAX && ring_pop(&ring, &taken[count]) > 0) {
		check_chain(&taken[count++]);
	} else if (what == 5 && count) {
		ring_use(&ring, &taken[0], taken[0].in_bytes);
		memmove(taken, taken + 1, --count * sizeof(taken[0]));
	} else if (what == 6 && count) {
		ring_untake(&ring, &taken[--count]);
	} else if (what == 7) {
		(void)!ring_publish(&ring);
		ring_mute(&ring);
		(void)!ring_listen(&ring);
	}
	must(ring.taken <= ring.size && ring.staged <= ring.taken && (!ring.packed || ring.next_avail < ring.size));
}

static void write_bytes(const uint8_t **data, size_t *len, size_t bytes)
{
	if (*len < 2 + bytes) {
		*len = 0;
		return;
	}
	memcpy(fake_ram + FAKE_DESC + ((*data)[0] | (size_t)(*data)[1] << 8), *data + 2, bytes);
	*data += 2 + bytes;
	*len -= 2 + bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fake_driver driver;
	struct ring_setup setup;
	uint64_t features;

	if (!len) {
		return 0;
	}
	features = (data[0] & 1ull) << RING_F_RING_PACKED | (data[0] >> 1 & 1ull) << RING_F_EVENT_IDX |
		   (data[0] >> 2 & 1ull) << RING_F_INDIRECT_DESC;
	fake_driver_init(&driver, 0, (uint16_t)(1u << (data[0] >> 4 & 7)), features);
	setup = fake_driver_setup(&driver, features);
	must(ring_init(&ring, &fake_ring_memory, &setup) == OK);
	count = 0;
	data++;
	len--;
	for (unsigned steps = 0; len && steps < STEPS; steps++) {
		unsigned what = *data & 7, bytes = *data >> 3;

		data++;
		len--;
		if (what < 4) {
			write_bytes(&data, &len, bytes);
		} else {
			step(what);
		}
	}
	return 0;
}
