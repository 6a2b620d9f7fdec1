/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues, the device's side: what both formats share. ring_split.c and ring_packed.c know the layouts. */
#include "drivers/virtio/ring_format.h"

const uint64_t ring_features = RING_FEATURES;

int ring_fail(struct ring *r, int error, const char *why)
{
	r->error = error;
	r->why = why;
	return error;
}

void ring_break(struct ring *r, int error, const char *why)
{
	if (r->size && !r->error) {
		ring_fail(r, error, why);
	}
}

void ring_stop(struct ring *r)
{
	*r = (struct ring){ 0 };
}

/* One area: aligned and memory. */
static int map_area(struct ring *r, uint64_t addr, uint64_t bytes, uint64_t align, volatile uint8_t **area)
{
	if (addr % align) {
		return E_INVAL;
	}
	*area = r->memory->translate(r->memory->arg, addr, bytes);
	return *area ? OK : E_RANGE;
}

int ring_init(struct ring *r, const struct ring_memory *memory, const struct ring_setup *setup)
{
	bool packed = setup->features >> RING_F_RING_PACKED & 1;
	const struct ring_layout *at = packed ? &ring_packed_layout : &ring_split_layout;
	uint64_t size = setup->size;
	int error;

	ring_stop(r);
	if (!size || size > RING_SIZE_MAX || (!packed && (size & (size - 1)))) {
		return E_INVAL;
	}
	r->memory = memory;
	if ((error = map_area(r, setup->desc, size * RING_DESC_BYTES, RING_DESC_BYTES, &r->desc)) < 0 ||
	    (error = map_area(r, setup->driver, at->driver_bytes + size * at->driver_entry, at->driver_align, &r->driver)) < 0 ||
	    (error = map_area(r, setup->device, at->device_bytes + size * at->device_entry, at->device_align, &r->device)) < 0) {
		ring_stop(r);
		return error;
	}
	r->packed = packed;
	r->event_idx = setup->features >> RING_F_EVENT_IDX & 1;
	r->indirect = setup->features >> RING_F_INDIRECT_DESC & 1;
	r->avail_wrap = true;
	r->used_wrap = true;
	r->size = (uint16_t)size;
	return OK;
}

/* ---- chains ---- */

/* One piece of the chain: everything in d may be anything. */
static int add_segment(struct ring *r, struct ring_chain *c, const struct ring_desc *d)
{
	unsigned count = c->out_count + (unsigned)c->in_count;
	bool in = d->flags & RING_DESC_WRITE;
	uint32_t *bytes = in ? &c->in_bytes : &c->out_bytes;
	uint8_t *base;

	if (!d->len) {
		return ring_fail(r, E_PROTO, "a descriptor of length zero");
	}
	if (!in && c->in_count) {
		return ring_fail(r, E_PROTO, "a readable descriptor after a writable one");
	}
	if (count == RING_SEGMENTS_MAX || d->len > RING_BYTES_MAX - *bytes) {
		return ring_fail(r, E_RANGE, "a chain of too many descriptors or bytes");
	}
	base = r->memory->translate(r->memory->arg, d->addr, d->len);
	if (!base) {
		return ring_fail(r, E_RANGE, "a descriptor outside of memory");
	}
	c->segment[count] = (struct ring_segment){ base, d->len };
	*bytes += d->len;
	if (in) {
		c->in_count++;
	} else {
		c->out_count++;
	}
	return OK;
}

/* A table of descriptors elsewhere in memory (2.7.5.3, 2.8.7). In a packed ring its entries follow each other. */
static int add_table(struct ring *r, struct ring_chain *c, const struct ring_desc *d)
{
	uint32_t count = d->len / RING_DESC_BYTES;
	const volatile uint8_t *table;
	uint32_t i = 0;

	if (!r->indirect || (d->flags & RING_DESC_NEXT) || !count || d->len % RING_DESC_BYTES) {
		return ring_fail(r, E_PROTO, "an indirect table that is not offered, or of an odd length");
	}
	table = r->memory->translate(r->memory->arg, d->addr, d->len);
	if (!table) {
		return ring_fail(r, E_RANGE, "an indirect table outside of memory");
	}
	for (uint32_t hops = 0; hops < count; hops++) {
		struct ring_desc entry = ring_load_desc(r, table + i * RING_DESC_BYTES);
		int error;

		if (entry.flags & RING_DESC_INDIRECT) {
			return ring_fail(r, E_PROTO, "an indirect table in another");
		}
		error = add_segment(r, c, &entry);
		if (error < 0) {
			return error;
		}
		i = r->packed ? i + 1 : entry.next;
		if (!r->packed && !(entry.flags & RING_DESC_NEXT)) {
			return OK;
		}
		if (i >= count && !r->packed) {
			return ring_fail(r, E_PROTO, "a descriptor beyond its table");
		}
	}
	return r->packed ? OK : ring_fail(r, E_PROTO, "a loop of descriptors");
}

int ring_add_desc(struct ring *r, struct ring_chain *c, const struct ring_desc *d)
{
	return d->flags & RING_DESC_INDIRECT ? add_table(r, c, d) : add_segment(r, c, d);
}

int ring_pop(struct ring *r, struct ring_chain *c)
{
	if (!r->size || r->error) {
		return 0;
	}
	c->out_count = 0;
	c->in_count = 0;
	c->out_bytes = 0;
	c->in_bytes = 0;
	return r->packed ? ring_packed_pop(r, c) : ring_split_pop(r, c);
}

void ring_untake(struct ring *r, const struct ring_chain *c)
{
	if (!r->size || r->error) {
		return;
	}
	if (r->packed && r->next_avail < c->slots) {
		r->next_avail = (uint16_t)(r->next_avail + r->size);
		r->avail_wrap = !r->avail_wrap;
	}
	r->next_avail = (uint16_t)(r->next_avail - c->slots);
	r->taken = (uint16_t)(r->taken - c->slots);
}

void ring_use(struct ring *r, const struct ring_chain *c, uint32_t written)
{
	if (!r->size || r->error) {
		return;
	}
	if (r->packed) {
		ring_packed_use(r, c, written);
	} else {
		ring_split_use(r, c, written);
	}
	r->staged = (uint16_t)(r->staged + c->slots);
}

/* The other side wants to hear of the step from old to new: 2.7.7.2, in numbers that wrap. */
static bool crosses(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

bool ring_wishes(const struct ring *r, uint16_t slots)
{
	uint16_t event;
	enum ring_wish wish;

	if (!r->size || r->error) {
		return false;
	}
	wish = r->packed ? ring_packed_wish(r, &event) : ring_split_wish(r, &event);
	return wish == RING_ALWAYS || (wish == RING_AT_EVENT && crosses(event, r->next_used, (uint16_t)(r->next_used - slots)));
}

bool ring_publish(struct ring *r)
{
	uint16_t staged = r->staged;

	if (!r->size || r->error || !staged) {
		return false;
	}
	if (r->packed) {
		ring_packed_show(r);
	} else {
		ring_split_show(r);
	}
	r->taken = (uint16_t)(r->taken - staged);
	r->staged = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);         /* what is used before the look at what the driver wants */
	return ring_wishes(r, staged);
}

void ring_mute(struct ring *r)
{
	if (!r->size || r->error || r->muted) {
		return;
	}
	r->muted = true;
	if (r->packed) {
		ring_packed_mute(r);
	} else {
		ring_split_mute(r);
	}
}

bool ring_listen_behind(struct ring *r, uint16_t slots)
{
	if (!r->size || r->error) {
		return false;
	}
	r->muted = false;
	if (r->packed) {
		ring_packed_listen(r, slots);
	} else {
		ring_split_listen(r, slots);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);         /* our wish before the last look */
	return r->packed ? ring_packed_has(r, slots) : ring_split_has(r, slots);
}

bool ring_listen(struct ring *r)
{
	return ring_listen_behind(r, 0);
}

/* ---- bytes ---- */

/* Moves len bytes between buf and count segments, from byte offset at on. */
static uint32_t move(const struct ring_segment *s, unsigned count, uint32_t at, uint8_t *buf, uint32_t len, bool write)
{
	uint32_t done = 0;

	for (; count && done < len; s++, count--) {
		uint32_t n;

		if (at >= s->len) {
			at -= s->len;
			continue;
		}
		n = s->len - at < len - done ? s->len - at : len - done;
		if (write) {
			__builtin_memcpy(s->base + at, buf + done, n);
		} else {
			__builtin_memcpy(buf + done, s->base + at, n);
		}
		done += n;
		at = 0;
	}
	return done;
}

uint32_t ring_chain_read(const struct ring_chain *c, uint32_t at, void *to, uint32_t len)
{
	return move(c->segment, c->out_count, at, to, len, false);
}

uint32_t ring_chain_write(const struct ring_chain *c, uint32_t at, const void *from, uint32_t len)
{
	return move(c->segment + c->out_count, c->in_count, at, (uint8_t *)(uintptr_t)from, len, true);
}
