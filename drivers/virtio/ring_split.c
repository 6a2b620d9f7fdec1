/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueues, the device's side. virtio 1.2, 2.7. */
#include "drivers/virtio/ring_format.h"

/* Offsets in the two rings: flags, index, entries; behind the entries the event of the other side (2.7.6, 2.7.8). */
enum { FLAGS = 0, IDX = 2, ENTRIES = 4, AVAIL_ENTRY = 2, USED_ENTRY = 8 };
enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 };

const struct ring_layout ring_split_layout = {
	.driver_bytes = ENTRIES + 2, .driver_entry = AVAIL_ENTRY, .driver_align = 2,
	.device_bytes = ENTRIES + 2, .device_entry = USED_ENTRY, .device_align = 4,
};

bool ring_split_has(const struct ring *r, uint16_t slots)
{
	return (uint16_t)(ring_load(r->driver + IDX) - r->next_avail) > slots;
}

static int walk(struct ring *r, struct ring_chain *c, uint16_t i)
{
	for (unsigned hops = 0; hops < r->size; hops++) {
		struct ring_desc d;
		int error;

		if (i >= r->size) {
			return ring_fail(r, E_PROTO, "a descriptor beyond the ring");
		}
		d = ring_load_desc(r, r->desc + i * RING_DESC_BYTES);
		error = ring_add_desc(r, c, &d);
		if (error < 0) {
			return error;
		}
		if (!(d.flags & RING_DESC_NEXT)) {
			return OK;
		}
		i = d.next;
	}
	return ring_fail(r, E_PROTO, "a loop of descriptors");
}

int ring_split_pop(struct ring *r, struct ring_chain *c)
{
	uint16_t ahead = (uint16_t)(ring_load(r->driver + IDX) - r->next_avail);
	int error;

	if (!ahead) {
		return 0;
	}
	if (ahead + (unsigned)r->taken > r->size) {
		return ring_fail(r, E_PROTO, "more chains than the ring has descriptors");
	}
	c->id = ring_load(r->driver + ENTRIES + (r->next_avail & (r->size - 1u)) * AVAIL_ENTRY);
	c->slots = 1;
	error = walk(r, c, c->id);
	if (error < 0) {
		return error;
	}
	r->next_avail++;
	r->taken++;
	return 1;
}

void ring_split_use(struct ring *r, const struct ring_chain *c, uint32_t written)
{
	uint64_t entry = (uint64_t)written << 32 | c->id;

	__builtin_memcpy((void *)(uintptr_t)(r->device + ENTRIES + (r->next_used & (r->size - 1u)) * USED_ENTRY), &entry,
			 sizeof(entry));
	r->next_used++;
}

void ring_split_show(struct ring *r)
{
	ring_store(r->device + IDX, r->next_used);       /* releases the entries and the data */
}

enum ring_wish ring_split_wish(const struct ring *r, uint16_t *event)
{
	if (r->event_idx) {
		*event = ring_load(r->driver + ENTRIES + r->size * AVAIL_ENTRY);
		return RING_AT_EVENT;
	}
	return ring_load(r->driver + FLAGS) & NO_INTERRUPT ? RING_NEVER : RING_ALWAYS;
}

/* With events: the one that the driver has passed just now is the one that comes last. */
void ring_split_mute(struct ring *r)
{
	if (r->event_idx) {
		ring_store(r->device + ENTRIES + r->size * USED_ENTRY, (uint16_t)(r->next_avail - 1));
	} else {
		ring_store(r->device + FLAGS, NO_NOTIFY);
	}
}

void ring_split_listen(struct ring *r, uint16_t slots)
{
	if (r->event_idx) {
		ring_store(r->device + ENTRIES + r->size * USED_ENTRY, (uint16_t)(r->next_avail + slots));
	} else {
		ring_store(r->device + FLAGS, 0);
	}
}
