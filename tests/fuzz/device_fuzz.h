/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets of device models share: the input is a program of accesses, pauses and events, run against
 * one model on the fake platform.
 *
 *	byte 0      bits 0-1 what: read, write, let time pass, event of the model; bits 2-3 size, bits 4-7 range or pause
 *	byte 1      offset, argument; a large range is reached by more of byte 0
 *	bytes 2...  value of a write, little endian, as many as its size
 *
 * Found are: whatever the sanitizers find, models that answer wider than they were asked, and timers that are still
 * due after they ran, by which a guest could keep the vmm busy.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "tests/fake/platform.h"
#include "vmm/hooks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { DEVICE_FUZZ_STEPS = 4096 };

struct device_fuzz {
	int (*init)(void);
	void (*event)(uint8_t argument);     /* optional: what comes from outside of the guest       */
};

static inline void device_fuzz_check(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* An access that starts somewhere in a range of the model and may run out of it. */
static inline void device_fuzz_access(unsigned which, uint8_t offset, struct io_access *io)
{
	struct bus *bus = fake.mmio.count ? &fake.mmio : &fake.ports;
	const struct io_range *r = &bus->range[which % bus->count];

	io->addr = r->base + (which / bus->count * 256u + offset) % r->size;
	bus_access(bus, io);
	device_fuzz_check(io->size == 8 || io->value >> io->size * 8 == 0);
}

/* From 1 ns to minutes; then what is due runs once, and nothing may be due again at the same time. */
static inline void device_fuzz_pause(unsigned magnitude, uint8_t argument)
{
	fake_stall((1ull + argument) << magnitude * 2);
	device_fuzz_check(vm_timer_next() > vm_now());
}

static inline int device_fuzz_run(const struct device_fuzz *model, const uint8_t *data, size_t len)
{
	fake_reset();
	device_fuzz_check(model->init() == OK);
	for (unsigned steps = 0; len >= 2 && steps < DEVICE_FUZZ_STEPS; steps++) {
		unsigned what = data[0] & 3, which = data[0] >> 4;
		struct io_access io = { .size = (uint8_t)(1u << (data[0] >> 2 & 3)), .write = what == 1 };
		uint8_t argument = data[1];

		data += 2;
		len -= 2;
		if (!fake.mmio.count && io.size == 8) {
			io.size = 1;         /* ports have no such access */
		}
		if (io.write) {
			if (len < io.size) {
				break;
			}
			memcpy(&io.value, data, io.size);
			data += io.size;
			len -= io.size;
		}
		if (what < 2) {
			device_fuzz_access(which, argument, &io);
		} else if (what == 2) {
			device_fuzz_pause(which, argument);
		} else if (model->event) {
			model->event(argument);
		}
	}
	return 0;
}
