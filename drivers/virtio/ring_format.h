/* SPDX-License-Identifier: Apache-2.0 */
/* What ring.c and the two formats share; for drivers/virtio/ only. virtio 1.2, 2.7 (split) and 2.8 (packed). */
#pragma once

#include "drivers/virtio/ring.h"

enum { RING_DESC_BYTES = 16 };

/* Flags of a descriptor. The last two are of packed rings. */
enum ring_desc_flags {
	RING_DESC_NEXT = 1 << 0, RING_DESC_WRITE = 1 << 1, RING_DESC_INDIRECT = 1 << 2,
	RING_DESC_AVAIL = 1 << 7, RING_DESC_USED = 1 << 15,
};

/* A descriptor in one order of fields for both formats, in private memory. */
struct ring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	union {
		uint16_t next;       /* split                                                        */
		uint16_t id;         /* packed                                                       */
	};
};

/* Bytes of the areas: a constant part and one for each descriptor. */
struct ring_layout {
	uint8_t driver_bytes, driver_entry, driver_align;
	uint8_t device_bytes, device_entry, device_align;
};

extern const struct ring_layout ring_split_layout, ring_packed_layout;

/* Copies one descriptor, of a ring or of a table, once. Packed ones have identifier and flags the other way round. */
static inline struct ring_desc ring_load_desc(const struct ring *r, const volatile uint8_t *at)
{
	struct ring_desc d;

	_Static_assert(sizeof(d) == RING_DESC_BYTES, "as in memory");
	__builtin_memcpy(&d, (const void *)(uintptr_t)at, sizeof(d));
	__asm__ volatile("" : "+m"(d) : : "memory");     /* from here on the copy, never the original */
	if (r->packed) {
		uint16_t id = d.flags;

		d.flags = d.id;
		d.id = id;
	}
	return d;
}

/* Shared halfwords; they are aligned, as the areas are. */
static inline uint16_t ring_load(const volatile uint8_t *at)
{
	return __atomic_load_n((const volatile uint16_t *)(uintptr_t)at, __ATOMIC_ACQUIRE);
}

static inline void ring_store(volatile uint8_t *at, uint16_t value)
{
	__atomic_store_n((volatile uint16_t *)(uintptr_t)at, value, __ATOMIC_RELEASE);
}

/* Notes the error and returns it. */
int ring_fail(struct ring *r, int error, const char *why);

/* Adds one descriptor, or the table that it stands for, to the chain. */
int ring_add_desc(struct ring *r, struct ring_chain *c, const struct ring_desc *d) MUST_CHECK;

/* When the driver wants an interrupt: always, never, or when next_used passes an event. */
enum ring_wish { RING_ALWAYS, RING_NEVER, RING_AT_EVENT };

/*
 * The two formats; what they do stands at the public functions of ring.h: pop and use; show what is staged; what the
 * driver wishes; mute and listen; whether there is a chain behind that many slots. The ring is started and not broken.
 */
int ring_split_pop(struct ring *r, struct ring_chain *c) MUST_CHECK;
void ring_split_use(struct ring *r, const struct ring_chain *c, uint32_t written);
void ring_split_show(struct ring *r);
enum ring_wish ring_split_wish(const struct ring *r, uint16_t *event);
void ring_split_mute(struct ring *r);
void ring_split_listen(struct ring *r, uint16_t slots);
bool ring_split_has(const struct ring *r, uint16_t slots);

int ring_packed_pop(struct ring *r, struct ring_chain *c) MUST_CHECK;
void ring_packed_use(struct ring *r, const struct ring_chain *c, uint32_t written);
void ring_packed_show(struct ring *r);
enum ring_wish ring_packed_wish(const struct ring *r, uint16_t *event);
void ring_packed_mute(struct ring *r);
void ring_packed_listen(struct ring *r, uint16_t slots);
bool ring_packed_has(const struct ring *r, uint16_t slots);
