/* SPDX-License-Identifier: Apache-2.0 */
/* PCI Express host bridge. PCI Local Bus 3.0, 3.2.2.3.2; PCI Express 4.0, 7.2.2 (ECAM). */
#include "vmm/pci_host.h"

#include "vmm/platform.h"

enum { ADDRESS_BITS = 0x80fffffc, ENABLE = 1u << 31, REGISTER = 0xfc, SLOT_SHIFT = 11, BUS_FUNCTION = 0x00ff0700 };
enum { ECAM_SLOT_SHIFT = 15, ECAM_REGISTER = 0xfff, ECAM_FUNCTION = 0x7000 };

/* Every identity needs a vendor; this is the generic host bridge that virtual machines use. */
static const struct pci_identity identity = {
	.vendor = 0x1b36, .device = 0x0008, .subsystem_vendor = 0x1af4, .subsystem = 0x1100, .class = 0x060000,
};

static const struct pci_ops no_hooks;

/* ---- configuration ---- */

/* One function's registers; where nobody is, reads give ones and writes are lost. */
static void config_access(struct pci_host *host, unsigned slot, unsigned at, struct io_access *io)
{
	struct pci_function *f = host->slot[slot];

	if (!f) {
		io->value = UINT64_MAX;
	} else if (io->write) {
		pci_config_write(f, at, io->size, io->value);
	} else {
		io->value = pci_config_read(f, at, io->size);
	}
}

static void data_access(void *dev, struct io_access *io)
{
	struct pci_host *host = dev;

	if ((host->address & ENABLE) && !(host->address & BUS_FUNCTION)) {
		config_access(host, host->address >> SLOT_SHIFT & (PCI_SLOTS - 1),
			      (host->address & REGISTER) + (unsigned)io->addr, io);
	}
}

void pci_host_address(struct pci_host *host, struct io_access *io)
{
	if (io->size != 4) {
		io->value = UINT64_MAX;
	} else if (io->write) {
		host->address = (uint32_t)io->value & ADDRESS_BITS;
	} else {
		io->value = host->address;
	}
}

/* The range is that of one bus; an access does not run from one function into the next. */
static void ecam_access(void *dev, struct io_access *io)
{
	unsigned at = (unsigned)io->addr & ECAM_REGISTER;

	if (!(io->addr & ECAM_FUNCTION) && at + io->size <= ECAM_REGISTER + 1u) {
		config_access(dev, (unsigned)(io->addr >> ECAM_SLOT_SHIFT), at, io);
	} else {
		io->value = UINT64_MAX;
	}
}

/* ---- BARs ---- */

static bool contains(const struct pci_bar *bar, uint64_t addr, unsigned size)
{
	return bar && addr >= bar->base && range_within(addr - bar->base, size, bar->size);
}

static const struct pci_bar *find_bar(const struct pci_host *host, uint64_t addr)
{
	for (unsigned slot = 0; slot < PCI_SLOTS && host->slot[slot]; slot++) {
		for (unsigned i = 0; i < PCI_BARS; i++) {
			if (contains(&host->slot[slot]->bar[i], addr, 1)) {
				return &host->slot[slot]->bar[i];
			}
		}
	}
	return NULL;
}

static void access_bar(const struct pci_bar *bar, uint64_t addr, struct io_access *io)
{
	io->addr = addr - bar->base;
	bar->fn(bar->dev, io);
}

/* What lies in no BAR as a whole is split into bytes. */
static void access_window_bytes(struct pci_host *host, uint64_t addr, struct io_access *io)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < io->size; i++) {
		struct io_access byte = { .size = 1, .write = io->write, .value = io->write ? io->value >> i * 8 & 0xff : 0xff };
		const struct pci_bar *bar = find_bar(host, addr + i);

		if (bar) {
			access_bar(bar, addr + i, &byte);
		}
		value |= (byte.value & 0xff) << i * 8;
	}
	io->value = value;
}

static void window_access(void *dev, struct io_access *io)
{
	struct pci_host *host = dev;
	uint64_t addr = PLATFORM_PCI_WINDOW + io->addr;

	if (!contains(host->last, addr, io->size)) {
		host->last = find_bar(host, addr);
	}
	if (contains(host->last, addr, io->size)) {
		access_bar(host->last, addr, io);
	} else {
		access_window_bytes(host, addr, io);
	}
	io->addr = addr - PLATFORM_PCI_WINDOW;
}

static bool overlaps(const struct pci_host *host, uint64_t base, uint64_t size, const struct pci_bar *before)
{
	for (unsigned slot = 0; slot < PCI_SLOTS && host->slot[slot]; slot++) {
		for (unsigned i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &host->slot[slot]->bar[i];

			if (bar == before) {
				return false;
			}
			if (bar->next != UINT64_MAX && base < bar->next + bar->size && bar->next < base + size) {
				return true;
			}
		}
	}
	return false;
}

/* Where BAR index of f will answer, given that those before it are settled. */
static uint64_t next_base(const struct pci_host *host, const struct pci_function *f, unsigned index)
{
	const struct pci_bar *bar = &f->bar[index];
	uint64_t base = pci_bar_address(f, index);

	if (!bar->size || !(f->config[PCI_COMMAND] & PCI_COMMAND_MEMORY) || base < PLATFORM_PCI_WINDOW ||
	    !range_within(base - PLATFORM_PCI_WINDOW, bar->size, PLATFORM_PCI_WINDOW_SIZE) ||
	    overlaps(host, base, bar->size, bar)) {
		return UINT64_MAX;
	}
	return base;
}

/* Gives all BARs that change their new place, or none for the time being. */
static void move_bars(struct pci_host *host, bool away)
{
	for (unsigned slot = 0; slot < PCI_SLOTS && host->slot[slot]; slot++) {
		struct pci_function *f = host->slot[slot];
		bool moved = false;

		for (unsigned i = 0; i < PCI_BARS; i++) {
			struct pci_bar *bar = &f->bar[i];
			uint64_t to = away && bar->next != bar->base ? UINT64_MAX : bar->next;

			moved |= to != bar->base;
			bar->base = to;
		}
		if (moved && f->ops->moved) {
			f->ops->moved(f);
		}
	}
}

/* All leave before the first one arrives: two may change places, and each has things at its old one to take along. */
void pci_host_map(struct pci_host *host)
{
	host->last = NULL;
	for (unsigned slot = 0; slot < PCI_SLOTS && host->slot[slot]; slot++) {
		for (unsigned i = 0; i < PCI_BARS; i++) {
			host->slot[slot]->bar[i].next = next_base(host, host->slot[slot], i);
		}
	}
	move_bars(host, true);
	move_bars(host, false);
}

/* ---- interrupts ---- */

unsigned pci_host_gsi(unsigned slot)
{
	static const uint8_t gsi[PCI_LINES] = PLATFORM_PCI_LINES;

	return gsi[slot % PCI_LINES];
}

void pci_host_intx(struct pci_host *host, unsigned slot, bool level)
{
	uint32_t *wire = &host->asserted[slot % PCI_LINES], bit = 1u << slot;

	*wire = level ? *wire | bit : *wire & ~bit;
	vm_irq(pci_host_gsi(slot), *wire != 0);
}

/* ---- setting up ---- */

/* Naturally aligned, as a BAR must be. */
static int place_bars(struct pci_host *host, struct pci_function *f)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &f->bar[i];
		uint64_t base = bar->size ? ALIGN_UP(host->free, bar->size) : 0;

		if (!bar->size) {
			continue;
		}
		if (!range_within(base - PLATFORM_PCI_WINDOW, bar->size, PLATFORM_PCI_WINDOW_SIZE)) {
			return E_NOMEM;
		}
		pci_put(f, PCI_BAR0 + 4 * i, 4, (uint32_t)base | pci_get(f, PCI_BAR0 + 4 * i, 4));
		host->free = base + bar->size;
	}
	return OK;
}

int pci_host_add(struct pci_host *host, struct pci_function *f)
{
	unsigned slot = 0;
	int r;

	while (slot < PCI_SLOTS && host->slot[slot]) {
		slot++;
	}
	if (slot == PCI_SLOTS) {
		return E_NOMEM;
	}
	r = place_bars(host, f);
	if (r < 0) {
		return r;
	}
	f->host = host;
	f->slot = slot;
	if (f->config[PCI_INTERRUPT_PIN]) {
		pci_put(f, PCI_INTERRUPT_LINE, 1, pci_host_gsi(slot));
	}
	/* Firmware leaves decoding on: small kernels take BARs as they find them. */
	pci_put(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	host->slot[slot] = f;
	pci_host_map(host);
	return (int)slot;
}

int pci_host_init(struct pci_host *host, struct bus *ports, struct bus *mmio)
{
	int r;

	*host = (struct pci_host){ .free = PLATFORM_PCI_WINDOW };
	pci_function_init(&host->bridge, &identity, &no_hooks, host);
	if ((r = pci_host_add(host, &host->bridge)) < 0 ||
	    (r = bus_add(ports, PORT_PCI_DATA, 4, data_access, host, "pci")) < 0 ||
	    (r = bus_add(mmio, PLATFORM_ECAM, PLATFORM_ECAM_SIZE, ecam_access, host, "pci config")) < 0) {
		return r;
	}
	return bus_add(mmio, PLATFORM_PCI_WINDOW, PLATFORM_PCI_WINDOW_SIZE, window_access, host, "pci memory");
}
