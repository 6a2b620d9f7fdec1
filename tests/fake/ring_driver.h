/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a virtqueue in a small guest memory of its own, for tests of the device's side. Honest, but for
 * what a test writes into fake_ram itself. Areas: descriptors, driver and device area at the addresses below, tables of
 * indirect descriptors and data from FAKE_TABLES and FAKE_DATA on.
 */
#pragma once

#include "drivers/virtio/ring.h"

enum {
	FAKE_RAM = 1 << 20,
	FAKE_DESC = 0x1000, FAKE_DRIVER = 0x6000, FAKE_DEVICE = 0x8000, FAKE_TABLES = 0x10000, FAKE_DATA = 0x40000,
	FAKE_AREAS = 0x10000,        /* the second queue's areas are that much further, and so on: at most 3 queues */
	FAKE_TABLE_BYTES = 0x2400,   /* one table; they are taken round and round                    */
	FAKE_TABLES_MAX = 16,
};

enum { FAKE_NEXT = 1, FAKE_WRITE = 2, FAKE_INDIRECT = 4 };

extern uint8_t fake_ram[FAKE_RAM];
extern const struct ring_memory fake_ring_memory;

struct fake_piece {
	uint64_t addr;
	uint32_t len;
	bool in;                     /* the device writes                                            */
};

struct fake_driver {
	uint64_t base;               /* of its areas, in addition to the addresses above             */
	uint16_t size;
	bool packed, indirect;
	uint16_t next, used;         /* split: next free descriptor and used index; packed: slots    */
	bool wrap, used_wrap;
	uint16_t avail;              /* split: chains added                                          */
	uint16_t ids;                /* packed: identifiers given out                                */
	uint16_t slots[1024];        /* packed: by identifier                                        */
	unsigned tables;
};

/* Clears the areas. number: of the queue. */
void fake_driver_init(struct fake_driver *d, unsigned number, uint16_t size, uint64_t features);
struct ring_setup fake_driver_setup(const struct fake_driver *d, uint64_t features);

/* Adds a chain; through a table when d->indirect. Returns its identifier. */
uint16_t fake_driver_add(struct fake_driver *d, const struct fake_piece *piece, unsigned count);

/* Takes the next used chain. */
bool fake_driver_used(struct fake_driver *d, uint16_t *id, uint32_t *written);

/* One raw descriptor of a ring or a table, in the format of the queue; id: next or identifier. */
void fake_desc(const struct fake_driver *d, uint64_t at, uint64_t addr, uint32_t len, uint16_t flags, uint16_t id);

uint16_t fake_load(uint64_t at);
void fake_store(uint64_t at, uint16_t value);
