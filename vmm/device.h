/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device model of the vmm sees of the rest: address ranges, interrupt lines, timers, the clock.
 *
 * Every function here is called with the VM's device lock held (vm_lock), on whatever thread exited or woke;
 * models therefore need no lock of their own. Everything a guest can write reaches a model only through its
 * io_fn, already clipped to the range it registered.
 */
#pragma once

#include "lib/base.h"

/* One access. addr is relative to the range; for reads the model fills value (excess bits are ignored). */
struct io_access {
	uint64_t addr;
	uint64_t value;
	uint8_t size;                /* bytes: 1, 2, 4 or 8 (ports: 1, 2, 4)                         */
	bool write;
};

typedef void io_fn(void *dev, struct io_access *io);

enum { BUS_RANGES_MAX = 64 };

struct io_range {
	uint64_t base, size;
	io_fn *fn;
	void *dev;
	const char *name;
};

/* An address space of devices, sorted by base. One for ports, one for memory. */
struct bus {
	struct io_range range[BUS_RANGES_MAX];
	unsigned count;
	unsigned last;               /* index of the last hit: most accesses repeat                  */
};

/* E_BUSY: overlaps another range; E_NOMEM: table full; E_INVAL: empty or wraps. */
int bus_add(struct bus *bus, uint64_t base, uint64_t size, io_fn *fn, void *dev, const char *name) MUST_CHECK;

/*
 * Carries out one access at an absolute address. An access that crosses the end of its range is split into
 * bytes; bytes that nobody claims read as ones and swallow writes, as on a PC.
 */
void bus_access(struct bus *bus, struct io_access *io);

/* A one-shot timer of the VM, in the order of deadlines. Zero-initialize, set fn and arg once. */
struct vm_timer {
	uint64_t deadline_ns;        /* vm_now() time; valid while armed                             */
	void (*fn)(void *arg);       /* called with the device lock held, once per arming            */
	void *arg;
	struct vm_timer *next;
	bool armed;
};

/* Nanoseconds since the VM was created; never goes back. */
uint64_t vm_now(void);
void vm_timer_set(struct vm_timer *t, uint64_t deadline_ns);
void vm_timer_cancel(struct vm_timer *t);

/* Wall clock: seconds since 1970-01-01 UTC. */
uint64_t vm_wall_seconds(void);

/*
 * Drives global system interrupt gsi (0 to 23). ISA lines 0 to 15 reach both PICs and the IOAPIC
 * (ISA 0 is IOAPIC pin 2, as the MADT says). Level is kept; setting it again is free.
 */
void vm_irq(unsigned gsi, bool level);

/* Delivers an MSI (address and data as on the PCI bus) to the local APICs. */
void vm_msi(uint64_t address, uint32_t data);

/* The INTR output of the PIC pair. */
void vm_extint(bool level);

/* Tells the kernel for which vectors the EOI must be reported to ioapic_eoi(); bit n of word n/64. */
void vm_eoi_bitmap(const uint64_t bitmap[4]);

enum vm_end {
	VM_END_POWEROFF,     /* ACPI S5                                                          */
	VM_END_RESET,        /* keyboard controller, port CF9h, ACPI reset register, triple fault */
	VM_END_FAILED,       /* cannot go on; a reason was logged                                */
};

/* The guest asks to end or reset; takes effect after the current access. The first one wins. */
void vm_request_end(enum vm_end end);

/* One line to the operator (node console and VM log); the VM's name is put in front. Rate limited. */
void vm_log(const char *fmt, ...) PRINTF_LIKE(1, 2);
