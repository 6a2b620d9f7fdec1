/* SPDX-License-Identifier: Apache-2.0 */
/* Virtqueues, the driver's side; ring_driver.h tells the rules. virtio 1.2, 2.7. */
#include "drivers/virtio/ring_driver.h"

#include "drivers/virtio/ring_format.h"

/* Offsets in the two rings; behind the entries is the event of the other side (2.7.6, 2.7.8). */
enum { FLAGS = 0, IDX = 2, ENTRIES = 4, AVAIL_ENTRY = 2, USED_ENTRY = 8 };
enum { NO_INTERRUPT = 1, NO_NOTIFY = 1 };

static uint32_t driver_at(uint16_t size)
{
	return size * (uint32_t)RING_DESC_BYTES;
}

static uint32_t device_at(uint16_t size)
{
	return ALIGN_UP(driver_at(size) + ENTRIES + size * (uint32_t)AVAIL_ENTRY + 2, (uint32_t)RING_DRIVER_ALIGN);
}

uint32_t ring_driver_bytes(uint16_t size)
{
	return ALIGN_UP(device_at(size) + ENTRIES + size * (uint32_t)USED_ENTRY + 2, (uint32_t)RING_DRIVER_ALIGN);
}

void ring_driver_init(struct ring_driver *r, void *memory, uint64_t phys, uint16_t size, uint64_t features,
		      struct ring_setup *setup)
{
	volatile uint8_t *at = memory;

	*r = (struct ring_driver){
		.desc = at, .driver = at + driver_at(size), .device = at + device_at(size), .size = size,
		.event_idx = features >> RING_F_EVENT_IDX & 1,
	};
	*setup = (struct ring_setup){
		.desc = phys, .driver = phys + driver_at(size), .device = phys + device_at(size), .features = features,
		.size = size,
	};
	ring_driver_mute(r);
}

void ring_driver_set(struct ring_driver *r, uint16_t number, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct ring_desc d = { .addr = addr, .len = len, .flags = flags, .next = next };

	__builtin_memcpy((void *)(uintptr_t)(r->desc + number * (uint32_t)RING_DESC_BYTES), &d, sizeof(d));
}

void ring_driver_add(struct ring_driver *r, uint16_t number)
{
	r->busy[number / 32] |= 1u << number % 32;
	ring_store(r->driver + ENTRIES + (r->next_avail & (r->size - 1u)) * AVAIL_ENTRY, number);
	r->next_avail++;
}

bool ring_driver_has(const struct ring_driver *r, uint16_t number)
{
	return number < r->size && (r->busy[number / 32] >> number % 32 & 1);
}

/* What we show before the look at what the device wants: 2.7.7.2 and 2.7.10, in numbers that wrap. */
bool ring_driver_show(struct ring_driver *r)
{
	uint16_t old = r->shown, new = r->next_avail;

	if (old == new) {
		return false;
	}
	ring_store(r->driver + IDX, new);                /* releases entries, descriptors and data */
	r->shown = new;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (r->event_idx) {
		uint16_t event = ring_load(r->device + ENTRIES + r->size * USED_ENTRY);

		return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
	}
	return !(ring_load(r->device + FLAGS) & NO_NOTIFY);
}

static bool has_used(const struct ring_driver *r)
{
	return ring_load(r->device + IDX) != r->next_used;
}

int ring_driver_used(struct ring_driver *r, uint16_t *number, uint32_t *written)
{
	uint16_t ahead = (uint16_t)(ring_load(r->device + IDX) - r->next_used);
	uint32_t entry[2];

	if (!r->size || r->broken || !ahead) {
		return 0;
	}
	__builtin_memcpy(entry, (const void *)(uintptr_t)(r->device + ENTRIES + (r->next_used & (r->size - 1u)) * USED_ENTRY),
			 sizeof(entry));
	__asm__ volatile("" : "+m"(entry) : : "memory");         /* from here on the copy */
	if (ahead > r->size || entry[0] >= r->size || !ring_driver_has(r, (uint16_t)entry[0])) {
		r->broken = true;
		return E_PROTO;
	}
	*number = (uint16_t)entry[0];
	*written = entry[1];
	r->busy[*number / 32] &= ~(1u << *number % 32);
	r->next_used++;
	return 1;
}

/* With events: the one that the device has passed just now is the one that comes last. */
void ring_driver_mute(struct ring_driver *r)
{
	if (r->event_idx) {
		ring_store(r->driver + ENTRIES + r->size * AVAIL_ENTRY, (uint16_t)(r->next_used - 1));
	} else {
		ring_store(r->driver + FLAGS, NO_INTERRUPT);
	}
}

bool ring_driver_listen(struct ring_driver *r)
{
	if (r->event_idx) {
		ring_store(r->driver + ENTRIES + r->size * AVAIL_ENTRY, r->next_used);
	} else {
		ring_store(r->driver + FLAGS, 0);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);         /* our wish before the last look */
	return r->broken || !has_used(r);
}
