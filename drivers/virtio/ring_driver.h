/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues, the driver's side: split rings with suppressed notifications. virtio 1.2, 2.7. Freestanding.
 *
 * Chains are made of descriptors whose numbers the caller chooses: a number stands for one buffer all the time, so nothing
 * has to be found again. The device may write anything anywhere at any time: the descriptors that it reads are never read
 * back, cursors are private, and a used entry counts only for a chain that it has. After E_PROTO the ring is broken until
 * ring_driver_init().
 *
 * A ring belongs to one thread at a time.
 */
#pragma once

#include "drivers/virtio/ring.h"

enum { RING_DRIVER_MAX = 256, RING_DRIVER_ALIGN = 16 };

enum ring_driver_flags { RING_DRIVER_NEXT = 1, RING_DRIVER_WRITE = 2 };

struct ring_driver {
	volatile uint8_t *desc, *driver, *device;
	uint16_t size;               /* 0: stopped                                                   */
	bool event_idx, broken;
	uint16_t next_avail;         /* chains added                                                 */
	uint16_t shown;              /* of these, as the device sees them                            */
	uint16_t next_used;
	uint32_t busy[RING_DRIVER_MAX / 32];         /* bit per chain: the device has it             */
};

/* Bytes of the three areas of a ring of size descriptors, one behind the other. */
uint32_t ring_driver_bytes(uint16_t size) MUST_CHECK;

/*
 * Starts an empty ring in zeroed memory of ring_driver_bytes(), aligned to RING_DRIVER_ALIGN, which the device sees at phys.
 * size: a power of two, at most RING_DRIVER_MAX. setup is what the device is to be told.
 */
void ring_driver_init(struct ring_driver *r, void *memory, uint64_t phys, uint16_t size, uint64_t features,
		      struct ring_setup *setup);

/* Writes a descriptor; number and next are below the ring's size. */
void ring_driver_set(struct ring_driver *r, uint16_t number, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);

/* Adds the chain that begins with descriptor number, which the device does not have. It sees it by ring_driver_show(). */
void ring_driver_add(struct ring_driver *r, uint16_t number);

/* Shows all that was added. True: the device wants a notification. */
bool ring_driver_show(struct ring_driver *r) MUST_CHECK;

/* True: the device has the chain that begins with number. */
bool ring_driver_has(const struct ring_driver *r, uint16_t number) MUST_CHECK;

/* Takes a used chain, and the bytes that the device says to have written: 1. 0: there is none. E_PROTO. */
int ring_driver_used(struct ring_driver *r, uint16_t *number, uint32_t *written) MUST_CHECK;

/* Asks not to be interrupted; a hint. Asks to be; false: there is a used chain already. */
void ring_driver_mute(struct ring_driver *r);
bool ring_driver_listen(struct ring_driver *r) MUST_CHECK;
