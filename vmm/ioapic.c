/* SPDX-License-Identifier: Apache-2.0 */
/* I/O APIC, version 20h. Intel 82093AA data sheet (290566) chapter 3; EOI register: ICH9 13.5.4. */
#include <string.h>

#include "vmm/ioapic.h"
#include "vmm/regs.h"

/* Redirection entry. */
#define ENTRY_LOGICAL  (1ull << 11)
#define ENTRY_PENDING  (1ull << 12)
#define ENTRY_REMOTE   (1ull << 14)
#define ENTRY_LEVEL    (1ull << 15)
#define ENTRY_MASKED   (1ull << 16)
#define ENTRY_READONLY (ENTRY_PENDING | ENTRY_REMOTE)
#define ENTRY_WRITABLE 0xff0000000001ffffull

enum { MODE_FIXED = 0, MODE_LOWEST = 1, MODE_NMI = 4, MODE_INIT = 5 };
enum { INDEX_ID = 0, INDEX_VERSION = 1, INDEX_ARBITRATION = 2, INDEX_ENTRY = 0x10 };
enum { VERSION = (IOAPIC_PINS - 1) << 16 | 0x20 };
enum { WINDOW_SIZE = 4096 };

/* MSI address and data (SDM 3A 11.11). */
enum { MSI_ADDRESS = 0xfee00000, MSI_REDIRECT = 1 << 3, MSI_LOGICAL = 1 << 2, MSI_ASSERT = 1 << 14, MSI_LEVEL = 1 << 15 };

static uint8_t entry_vector(uint64_t e)
{
	return (uint8_t)e;
}

static unsigned entry_mode(uint64_t e)
{
	return e >> 8 & 7;
}

/* Level triggering has a meaning for ordinary vectors only. */
static bool entry_is_level(uint64_t e)
{
	return (e & ENTRY_LEVEL) && entry_mode(e) <= MODE_LOWEST;
}

static void deliver(uint64_t e)
{
	unsigned mode = entry_mode(e);
	uint32_t address = MSI_ADDRESS | (uint32_t)(e >> 56) << 12;
	uint32_t data = entry_vector(e) | mode << 8 | MSI_ASSERT;

	if (mode > MODE_LOWEST && mode != MODE_NMI && mode != MODE_INIT) {
		return;
	}
	if (e & ENTRY_LOGICAL) {
		address |= MSI_LOGICAL;
	}
	if (mode == MODE_LOWEST) {
		address |= MSI_REDIRECT;
	}
	if (entry_is_level(e)) {
		data |= MSI_LEVEL;
	}
	vm_msi(address, data);
}

/* The input is asserted (level) or has just become so (edge). */
static void fire(struct ioapic *ioapic, unsigned pin)
{
	uint64_t *e = &ioapic->entry[pin];

	if (*e & ENTRY_MASKED) {
		return;
	}
	if (entry_is_level(*e)) {
		if (*e & ENTRY_REMOTE) {
			return;
		}
		*e |= ENTRY_REMOTE;
	}
	deliver(*e);
}

static void fire_if_level(struct ioapic *ioapic, unsigned pin)
{
	if ((ioapic->lines >> pin & 1) && entry_is_level(ioapic->entry[pin])) {
		fire(ioapic, pin);
	}
}

/* An EOI must come back for each level entry that can deliver, or has and was masked meanwhile. */
static void update_eoi_bitmap(struct ioapic *ioapic)
{
	uint64_t bitmap[4] = { 0 };

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t e = ioapic->entry[pin];

		if (entry_is_level(e) && (!(e & ENTRY_MASKED) || (e & ENTRY_REMOTE))) {
			bitmap[entry_vector(e) / 64] |= 1ull << entry_vector(e) % 64;
		}
	}
	if (memcmp(bitmap, ioapic->eoi_bitmap, sizeof(bitmap)) != 0) {
		memcpy(ioapic->eoi_bitmap, bitmap, sizeof(bitmap));
		vm_eoi_bitmap(bitmap);
	}
}

void ioapic_set(struct ioapic *ioapic, unsigned pin, bool level)
{
	uint32_t bit = 1u << pin;
	bool rises = level && !(ioapic->lines & bit);

	ioapic->lines = level ? ioapic->lines | bit : ioapic->lines & ~bit;
	if (rises) {
		fire(ioapic, pin);
	}
}

void ioapic_eoi(struct ioapic *ioapic, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *e = &ioapic->entry[pin];

		if ((*e & ENTRY_REMOTE) && entry_vector(*e) == vector) {
			*e &= ~ENTRY_REMOTE;
			fire_if_level(ioapic, pin);
		}
	}
	update_eoi_bitmap(ioapic);
}

static void write_entry(struct ioapic *ioapic, unsigned half, uint32_t val)
{
	unsigned pin = half / 2, shift = half % 2 * 32;
	uint64_t *e = &ioapic->entry[pin];
	uint64_t mask = ENTRY_WRITABLE & ~ENTRY_READONLY & 0xffffffffull << shift;

	*e = (*e & ~mask) | ((uint64_t)val << shift & mask);
	if (!entry_is_level(*e)) {
		/* Software clears a stuck Remote IRR by making the entry edge triggered for a moment. */
		*e &= ~ENTRY_REMOTE;
	}
	/* Before firing: the answer may come at once. */
	update_eoi_bitmap(ioapic);
	fire_if_level(ioapic, pin);
}

static uint32_t read_window(void *dev)
{
	struct ioapic *ioapic = dev;
	uint32_t index = ioapic->select;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARBITRATION:
		return ioapic->id;
	case INDEX_VERSION:
		return VERSION;
	default:
		index -= INDEX_ENTRY;
		return index < 2 * IOAPIC_PINS ? (uint32_t)(ioapic->entry[index / 2] >> index % 2 * 32) : 0;
	}
}

static void write_window(void *dev, uint32_t val)
{
	struct ioapic *ioapic = dev;
	uint32_t index = ioapic->select;

	if (index == INDEX_ID) {
		ioapic->id = val & 0x0f000000;
	} else if (index - INDEX_ENTRY < 2 * IOAPIC_PINS) {
		write_entry(ioapic, index - INDEX_ENTRY, val);
	}
}

static void write_eoi(void *dev, uint32_t val)
{
	ioapic_eoi(dev, (uint8_t)val);
}

static const struct reg regs[] = {
	REG(struct ioapic, 0x00, select, .wmask = 0xff),
	REG_HOOKS(0x10, 4, .read = read_window, .write = write_window),
	REG_HOOKS(0x40, 4, .write = write_eoi),
};

static void ioapic_access(void *dev, struct io_access *io)
{
	regs_access(regs, ARRAY_SIZE(regs), dev, io);
}

int ioapic_init(struct ioapic *ioapic, struct bus *mmio, uint64_t addr)
{
	*ioapic = (struct ioapic){ 0 };
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		ioapic->entry[pin] = ENTRY_MASKED;
	}
	return bus_add(mmio, addr, WINDOW_SIZE, ioapic_access, ioapic, "ioapic");
}
