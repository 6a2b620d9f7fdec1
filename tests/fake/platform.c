/* SPDX-License-Identifier: Apache-2.0 */
/* The core's side of vmm/device.h, recorded; vm_irq() is in tests/fake/irq.c. */
#include "vmm/timer.c"       /* for its list, which fake_reset() empties */

#include "tests/fake/platform.h"

struct fake fake;

void fake_reset(void)
{
	first = NULL;
	running = false;
	fake = (struct fake){ .wall_s = FAKE_WALL };
}

void fake_advance(uint64_t ns)
{
	uint64_t end = fake.now_ns + ns;

	while (vm_timer_next() <= end) {
		if (vm_timer_next() > fake.now_ns) {
			fake.now_ns = vm_timer_next();
		}
		vm_timers_run(fake.now_ns);
	}
	fake.now_ns = end;
}

void fake_stall(uint64_t ns)
{
	fake.now_ns += ns;
	vm_timers_run(fake.now_ns);
}

static uint64_t access_bus(struct bus *bus, struct io_access io)
{
	bus_access(bus, &io);
	return io.value;
}

uint32_t fake_in(uint16_t port, unsigned size)
{
	return (uint32_t)access_bus(&fake.ports, (struct io_access){ .addr = port, .size = (uint8_t)size });
}

void fake_out(uint16_t port, unsigned size, uint32_t value)
{
	access_bus(&fake.ports, (struct io_access){ .addr = port, .size = (uint8_t)size, .value = value, .write = true });
}

uint8_t fake_inb(uint16_t port)
{
	return (uint8_t)fake_in(port, 1);
}

void fake_outb(uint16_t port, uint8_t value)
{
	fake_out(port, 1, value);
}

uint64_t fake_read(uint64_t addr, unsigned size)
{
	return access_bus(&fake.mmio, (struct io_access){ .addr = addr, .size = (uint8_t)size });
}

void fake_write(uint64_t addr, unsigned size, uint64_t value)
{
	access_bus(&fake.mmio, (struct io_access){ .addr = addr, .size = (uint8_t)size, .value = value, .write = true });
}

uint32_t fake_read32(uint64_t addr)
{
	return (uint32_t)fake_read(addr, 4);
}

void fake_write32(uint64_t addr, uint32_t value)
{
	fake_write(addr, 4, value);
}

bool fake_has_doorbell(uint64_t addr)
{
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++) {
		if (fake.doorbell[i] == addr) {
			return true;
		}
	}
	return false;
}

unsigned fake_doorbells(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < FAKE_DOORBELLS; i++) {
		count += fake.doorbell[i] != 0;
	}
	return count;
}

/* ---- what the core supplies ---- */

uint64_t vm_now(void)
{
	return fake.now_ns += fake.look_ns;
}

uint64_t vm_wall_seconds(void)
{
	return fake.wall_s + fake.now_ns / 1000000000;
}

void vm_timer_wake(void)
{
	fake.wakes++;
}

void vm_msi(uint64_t address, uint32_t data)
{
	fake.msi = (struct fake_msi){ address, data };
	fake.msis++;
}

void vm_extint(bool level)
{
	fake.extint = level;
}

void vm_eoi_bitmap(const uint64_t bitmap[4])
{
	for (unsigned i = 0; i < 4; i++) {
		fake.eoi_bitmap[i] = bitmap[i];
	}
}

void vm_request_end(enum vm_end end)
{
	if (!fake.ends++) {
		fake.end = end;
	}
}

void vm_log(const char *fmt, ...)
{
	(void)fmt;
}

int vm_doorbell_add(uint64_t gpa, uint32_t event)
{
	(void)event;
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++) {
		if (!fake.doorbell[i]) {
			fake.doorbell[i] = gpa;
			return OK;
		}
	}
	return E_NOMEM;
}

void vm_doorbell_remove(uint64_t gpa)
{
	for (unsigned i = 0; i < FAKE_DOORBELLS; i++) {
		if (fake.doorbell[i] == gpa) {
			fake.doorbell[i] = 0;
		}
	}
}
