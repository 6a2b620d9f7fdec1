/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets of virtio transports share: three devices on some transport, a small guest memory, and a driver
 * that can set a device up properly and add chains, so that the fuzzer gets behind the set-up now and then.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "vmm/virtio_balloon.h"
#include "vmm/virtio_console.h"
#include "vmm/virtio_rng.h"

enum { FUZZ_DEVICES = 3, FUZZ_QUEUE = 8 };

static struct virtio_rng fuzz_rng;
static struct virtio_console fuzz_console;
static struct virtio_balloon fuzz_balloon;
static struct virtio_device *const fuzz_device[FUZZ_DEVICES] = { &fuzz_rng.dev, &fuzz_console.dev, &fuzz_balloon.dev };
static struct fake_driver fuzz_driver[3];
static const struct gmem fuzz_mem = { .slot = { { .base = 0, .size = FAKE_RAM, .host = fake_ram } }, .count = 1 };
static size_t fuzz_room;

static bool fuzz_entropy(void *buf, size_t len)
{
	memset(buf, 0x42, len);
	return true;
}

static size_t fuzz_send(void *arg, const uint8_t *buf, size_t len)
{
	size_t n = len < fuzz_room ? len : fuzz_room;
	volatile uint8_t touch;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		touch = buf[i];
	}
	(void)touch;
	fuzz_room -= n;
	return n;
}

static void fuzz_typed(void *arg)
{
	(void)arg;
	(void)virtio_console_receive(&fuzz_console, (const uint8_t *)"typed before", 12);
}

static const struct virtio_console_backend fuzz_backend = { fuzz_send, fuzz_typed };

static inline void fuzz_make_devices(void)
{
	memset(fake_ram, 0, FAKE_DATA);
	fuzz_room = 0;
	virtio_rng_init(&fuzz_rng, fuzz_entropy);
	virtio_console_init(&fuzz_console, &fuzz_backend, NULL);
	virtio_balloon_init(&fuzz_balloon, &fuzz_mem, NULL);
	for (unsigned i = 0; i < FUZZ_DEVICES; i++) {
		fuzz_device[i]->memory = &fake_ring_memory;
	}
}

/* The whole way of a driver to DRIVER_OK; with packed rings where packed. All devices' rings are at the same places. */
static inline void fuzz_set_up(struct virtio_device *dev, bool packed)
{
	uint64_t features = VIRTIO_F_VERSION_1 | (packed ? 1ull << RING_F_RING_PACKED : 1ull << RING_F_EVENT_IDX);

	virtio_write_status(dev, 0);
	virtio_write_status(dev, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (dev->accepted_select = 0; dev->accepted_select < 2; dev->accepted_select++) {
		virtio_write_accepted(dev, (uint32_t)(features >> dev->accepted_select * 32));
	}
	virtio_write_status(dev, VIRTIO_FEATURES_OK);
	for (unsigned i = 0; i < dev->queue_count; i++) {
		struct ring_setup s;

		fake_driver_init(&fuzz_driver[i], i, FUZZ_QUEUE, features);
		s = fake_driver_setup(&fuzz_driver[i], features);
		dev->queue_select = (uint16_t)i;
		dev->queue[i].desc = s.desc;
		dev->queue[i].driver = s.driver;
		dev->queue[i].device = s.device;
		virtio_set_queue_size(dev, FUZZ_QUEUE);
		virtio_enable_queue(dev);
	}
	virtio_write_status(dev, VIRTIO_DRIVER_OK);
}

/* Bits 0-1 which device, bits 2-4 what, bits 5-7 how much of it. */
static inline void fuzz_event(uint8_t argument)
{
	unsigned which = (argument & 3u) % FUZZ_DEVICES, amount = argument >> 5;
	struct virtio_device *dev = fuzz_device[which];
	struct fake_piece piece[2] = {
		{ FAKE_DATA + amount * 100, 1u << amount * 2, amount & 1 }, { FAKE_DATA, 64, true },
	};

	switch (argument >> 2 & 7) {
	case 0:
		fuzz_set_up(dev, amount & 1);
		break;
	case 1:
		if (fuzz_driver[amount % 3].size) {
			fake_driver_add(&fuzz_driver[amount % 3], piece, 1 + (amount & 1));
		}
		break;
	case 2:
		virtio_notify(dev, amount);
		break;
	case 3:
		(void)virtio_console_receive(&fuzz_console, (const uint8_t *)"what is typed", amount);
		break;
	case 4:
		fuzz_room = amount * 100u;
		virtio_console_send_ready(&fuzz_console);
		break;
	case 5:
		virtio_balloon_want(&fuzz_balloon, (int)amount - 4);
		break;
	case 6:
		virtio_balloon_report(&fuzz_balloon);
		break;
	default:
		/* A driver that lies about its index, or overwrites a descriptor. */
		fake_store(FAKE_DRIVER + 2 + which * FAKE_AREAS, (uint16_t)amount);
		fake_store(FAKE_DESC + amount * 2, (uint16_t)(argument * 257));
		break;
	}
}
