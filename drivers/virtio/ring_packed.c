/* SPDX-License-Identifier: Apache-2.0 */
/* Packed virtqueues, the device's side. virtio 1.2, 2.8. */
#include "drivers/virtio/ring_format.h"

/* Offsets in a descriptor of the ring, and in both event suppression areas (2.8.10, 2.8.14). */
enum { DESC_LEN = 8, DESC_ID = 12, DESC_FLAGS = 14 };
enum { EVENT_SLOT = 0, EVENT_FLAGS = 2, EVENT_BYTES = 4 };
enum { EVENTS_ON = 0, EVENTS_OFF = 1, EVENTS_AT_SLOT = 2, EVENT_WRAP = 1 << 15 };

const struct ring_layout ring_packed_layout = {
	.driver_bytes = EVENT_BYTES, .driver_align = 4,
	.device_bytes = EVENT_BYTES, .device_align = 4,
};

static volatile uint8_t *slot_at(const struct ring *r, uint16_t slot)
{
	return r->desc + (uint32_t)slot * RING_DESC_BYTES;
}

/* Available in this round: its AVAIL bit is our wrap bit, its USED bit is not (2.8.1). */
static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & RING_DESC_AVAIL) == wrap && !!(flags & RING_DESC_USED) != wrap;
}

/* Steps over n slots, n up to the size of the ring. */
static void step(const struct ring *r, uint16_t *slot, bool *wrap, uint16_t n)
{
	*slot = (uint16_t)(*slot + n);
	if (*slot >= r->size) {
		*slot = (uint16_t)(*slot - r->size);
		*wrap = !*wrap;
	}
}

bool ring_packed_has(const struct ring *r, uint16_t slots)
{
	uint16_t slot = r->next_avail;
	bool wrap = r->avail_wrap;

	step(r, &slot, &wrap, slots);
	return is_available(ring_load(slot_at(r, slot) + DESC_FLAGS), wrap);
}

int ring_packed_pop(struct ring *r, struct ring_chain *c)
{
	uint16_t slot = r->next_avail;
	bool wrap = r->avail_wrap;
	struct ring_desc d;

	if (!ring_packed_has(r, 0)) {
		return 0;
	}
	c->slots = 0;
	do {
		int error;

		if (r->taken + (unsigned)c->slots == r->size) {
			return ring_fail(r, E_PROTO, "more descriptors than the ring has");
		}
		d = ring_load_desc(r, slot_at(r, slot));
		error = ring_add_desc(r, c, &d);
		if (error < 0) {
			return error;
		}
		c->slots++;
		step(r, &slot, &wrap, 1);
	} while (d.flags & RING_DESC_NEXT);
	c->id = d.id;
	r->next_avail = slot;
	r->avail_wrap = wrap;
	r->taken = (uint16_t)(r->taken + c->slots);
	return 1;
}

/* The flags of the first of a batch are held back: they show all of it (2.8.9). */
void ring_packed_use(struct ring *r, const struct ring_chain *c, uint32_t written)
{
	volatile uint8_t *at = slot_at(r, r->next_used);
	uint16_t flags = r->used_wrap ? RING_DESC_AVAIL | RING_DESC_USED : 0;

	flags |= written ? RING_DESC_WRITE : 0;
	__atomic_store_n((volatile uint32_t *)(uintptr_t)(at + DESC_LEN), written, __ATOMIC_RELAXED);
	__atomic_store_n((volatile uint16_t *)(uintptr_t)(at + DESC_ID), c->id, __ATOMIC_RELAXED);
	if (r->staged) {
		ring_store(at + DESC_FLAGS, flags);
	} else {
		r->first_flags = flags;
	}
	step(r, &r->next_used, &r->used_wrap, c->slots);
}

void ring_packed_show(struct ring *r)
{
	unsigned first = r->next_used + (r->next_used < r->staged ? (unsigned)r->size : 0) - r->staged;

	ring_store(slot_at(r, (uint16_t)first) + DESC_FLAGS, r->first_flags);    /* releases the batch and the data */
}

/* A slot of the round before ours counts as one ring less. */
enum ring_wish ring_packed_wish(const struct ring *r, uint16_t *event)
{
	uint16_t flags = ring_load(r->driver + EVENT_FLAGS), at = ring_load(r->driver + EVENT_SLOT);

	if (flags == EVENTS_AT_SLOT && r->event_idx) {
		*event = at & (EVENT_WRAP - 1);
		if (!!(at & EVENT_WRAP) != r->used_wrap) {
			*event = (uint16_t)(*event - r->size);
		}
		return RING_AT_EVENT;
	}
	return flags == EVENTS_OFF ? RING_NEVER : RING_ALWAYS;
}

void ring_packed_mute(struct ring *r)
{
	ring_store(r->device + EVENT_FLAGS, EVENTS_OFF);
}

void ring_packed_listen(struct ring *r, uint16_t slots)
{
	uint16_t slot = r->next_avail;
	bool wrap = r->avail_wrap;

	step(r, &slot, &wrap, slots);
	if (r->event_idx) {
		ring_store(r->device + EVENT_SLOT, (uint16_t)(slot | (wrap ? EVENT_WRAP : 0)));
		ring_store(r->device + EVENT_FLAGS, EVENTS_AT_SLOT);
	} else {
		ring_store(r->device + EVENT_FLAGS, EVENTS_ON);
	}
}
