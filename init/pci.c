/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration of PCI: see pci.h. */
#include "init/pci.h"

#include <stdio.h>
#include <string.h>

enum { MCFG_ENTRIES = 44, MCFG_ENTRY = 16, BUS_SHIFT = 20, FUNCTION_SHIFT = 12, PORTS_BUS_SHIFT = 16, PORTS_FUNCTION_SHIFT = 8 };
enum { NO_VENDOR = 0xffff, HEADER_MULTI = 0x80, HEADER_BRIDGE = 1, STATUS_CAPABILITIES = 1 << 20 };
enum { CAP_FIRST = 0x40, CAP_MSI = 5, CAP_EXPRESS = 0x10, CAP_MSIX = 0x11, CAP_FEATURES = 0x13 };
enum { BAR_PORTS = 1, BAR_TYPE = 6, BAR_TYPE_64 = 4, BAR_FLAGS = 0xf, MSIX_BAR = 7, MSIX_ENTRY = 16 };

#define TOP (1ull << 52)                 /* no physical address is as large */

/* ---- segments ---- */

static uint64_t start_of(const struct pci_segment *s)
{
	return s->base + ((uint64_t)s->first << BUS_SHIFT);
}

static uint64_t end_of(const struct pci_segment *s)
{
	return s->base + ((s->last + 1ull) << BUS_SHIFT);
}

/* A segment may come in several entries, each with buses of its own (PCI Firmware 3.2, 4.1.2). */
static bool overlaps(const struct pci *pci, const struct pci_segment *s)
{
	for (unsigned i = 0; i < pci->segment_count; i++) {
		const struct pci_segment *t = &pci->segment[i];
		bool same_buses = t->number == s->number && s->first <= t->last && t->first <= s->last;

		if (same_buses || (start_of(s) < end_of(t) && start_of(t) < end_of(s))) {
			return true;
		}
	}
	return false;
}

static const char *add_segment(struct pci *pci, const uint8_t entry[MCFG_ENTRY])
{
	struct pci_segment s = { .first = entry[10], .last = entry[11] };

	memcpy(&s.base, entry, sizeof(s.base));
	memcpy(&s.number, entry + 8, sizeof(s.number));
	if (!s.base || s.base % MIB(1) || s.base >= TOP || s.first > s.last) {
		return "an entry makes no sense";
	}
	if (overlaps(pci, &s)) {
		return "two entries contradict each other";
	}
	if (pci->segment_count < PCI_SEGMENTS_MAX) {
		pci->segment[pci->segment_count++] = s;
	} else {
		pci->dropped_segments++;
	}
	return NULL;
}

void pci_parse_mcfg(struct pci *pci, const struct acpi_info *acpi, acpi_read_fn *read, void *ctx)
{
	const struct acpi_table *t = &acpi->table[ACPI_MCFG];
	uint8_t entry[MCFG_ENTRY];

	for (uint32_t at = MCFG_ENTRIES; !pci->mcfg_why && range_within(at, MCFG_ENTRY, t->length); at += MCFG_ENTRY) {
		pci->mcfg_why = read(ctx, t->base.v + at, entry, sizeof(entry)) ? add_segment(pci, entry) : "it cannot be read";
	}
	if (pci->mcfg_why) {
		pci->segment_count = pci->dropped_segments = 0;
	}
}

/* ---- one function ---- */

static uint64_t place(const struct pci_segment *s, unsigned bus, unsigned slot, unsigned number)
{
	uint64_t function = slot * PCI_FUNCTIONS + number;

	return s->base == PCI_PORTS ? PCI_PORTS | (uint64_t)bus << PORTS_BUS_SHIFT | function << PORTS_FUNCTION_SHIFT :
				      s->base + ((uint64_t)bus << BUS_SHIFT) + (function << FUNCTION_SHIFT);
}

bool pci_is_network(const struct pci_function *f)
{
	return f->kind >> 8 == PCI_CLASS_NETWORK;
}

static void note_capability(struct pci_function *f, uint8_t id, uint8_t at)
{
	static const struct { uint8_t id, bytes; } known[] = {
		{ CAP_MSI, 24 }, { CAP_MSIX, 12 }, { CAP_EXPRESS, 20 }, { CAP_FEATURES, 6 },
	};
	uint8_t *const field[] = { &f->msi, &f->msix, &f->express, &f->features };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].id == id && !*field[i] && at + known[i].bytes <= PCI_CONFIG_BYTES) {
			*field[i] = at;
		}
	}
}

/* A list of at most as many entries as there is room for, each of them once. */
static void read_capabilities(struct pci_function *f, const struct pci_ops *ops)
{
	uint64_t seen = 0;
	uint32_t word = f->header[PCI_CAPABILITIES / 4] << 8;

	for (uint8_t at; (at = (uint8_t)(word >> 8 & 0xfc)); note_capability(f, (uint8_t)word, at)) {
		if (at < CAP_FIRST || seen & 1ull << at / 4) {
			f->msi = f->msix = f->express = f->features = 0;
			f->why = "its list of capabilities is broken";
			return;
		}
		seen |= 1ull << at / 4;
		word = ops->read(f->where, at);
	}
}

/* What a register of an address answers to all ones. The function decodes nothing meanwhile. */
static uint32_t probe(const struct pci_function *f, const struct pci_ops *ops, unsigned i)
{
	uint32_t mask;

	ops->write(f->where, PCI_BAR + 4 * i, UINT32_MAX);
	mask = ops->read(f->where, PCI_BAR + 4 * i);
	ops->write(f->where, PCI_BAR + 4 * i, f->header[PCI_BAR / 4 + i]);
	return mask;
}

/* BAR i, and i + 1 where it has 64 bits. Returns how many registers it is. */
static unsigned read_bar(struct pci_function *f, const struct pci_ops *ops, unsigned i)
{
	uint32_t low = probe(f, ops, i), raw = f->header[PCI_BAR / 4 + i];
	bool wide = (low & (BAR_PORTS | BAR_TYPE)) == BAR_TYPE_64;
	uint64_t mask = low & ~(uint64_t)BAR_FLAGS, base = raw & ~(uint64_t)BAR_FLAGS, size;

	if (!low || low & BAR_PORTS) {
		return 1;
	}
	if ((wide && i + 1 == PCI_BARS) || (!wide && low & BAR_TYPE)) {
		f->why = "the kind of one of its addresses makes no sense";
		return 1;
	}
	mask |= wide ? (uint64_t)probe(f, ops, i + 1) << 32 : UINT64_MAX << 32;
	base |= wide ? (uint64_t)f->header[PCI_BAR / 4 + i + 1] << 32 : 0;
	size = -mask;
	if (!mask || size & (size - 1) || base >= TOP || size >= TOP || base & (size - 1)) {
		f->why = "the size of one of its addresses makes no sense";
	} else if (!base) {
		f->why = "the firmware gave it no address";
	} else {
		f->bar[i] = (struct pci_bar){ base, size };
	}
	return wide ? 2 : 1;
}

static void read_msix(struct pci_function *f, const struct pci_ops *ops)
{
	uint32_t at = ops->read(f->where, f->msix + 4u), bar = at & MSIX_BAR, offset = at - bar;

	f->messages = (ops->read(f->where, f->msix) >> 16 & 0x7ff) + 1;
	if (bar < PCI_BARS && range_within(offset, (uint64_t)f->messages * MSIX_ENTRY, f->bar[bar].size)) {
		f->msix_table = f->bar[bar].base + offset;
	} else {
		f->msix = 0;                 /* the function is all right without it */
		f->messages = 0;
	}
}

static void set_command(const struct pci_function *f, const struct pci_ops *ops, uint32_t clear, uint32_t set)
{
	ops->write(f->where, PCI_COMMAND, (ops->read(f->where, PCI_COMMAND) & UINT16_MAX & ~clear) | set);
}

static void read_card(struct pci_function *f, const struct pci_ops *ops)
{
	uint32_t decodes = f->header[PCI_COMMAND / 4] & (PCI_COMMAND_PORTS | PCI_COMMAND_MEMORY);

	set_command(f, ops, PCI_COMMAND_PORTS | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
	for (unsigned i = 0; i < PCI_BARS;) {
		i += read_bar(f, ops, i);
	}
	set_command(f, ops, 0, decodes);
	if (f->msix) {
		read_msix(f, ops);
	}
}

static void read_function(struct pci_function *f, const struct pci_ops *ops)
{
	uint32_t *h = f->header;

	for (unsigned i = 0; i < PCI_HEADER_WORDS; i++) {
		h[i] = ops->read(f->where, 4 * i);
	}
	f->vendor = (uint16_t)h[PCI_ID / 4];
	f->device = (uint16_t)(h[PCI_ID / 4] >> 16);
	f->kind = h[PCI_CLASS / 4] >> 16;
	f->revision = (uint8_t)h[PCI_CLASS / 4];
	if ((h[PCI_HEADER / 4] >> 16 & ~(uint32_t)HEADER_MULTI & 0xff) != 0) {
		return;                      /* a bridge, of PCI or CardBus */
	}
	f->line = (uint8_t)h[PCI_INTERRUPT / 4];
	f->pin = (uint8_t)(h[PCI_INTERRUPT / 4] >> 8);
	if (h[PCI_COMMAND / 4] & STATUS_CAPABILITIES) {
		read_capabilities(f, ops);
	}
	if (pci_is_network(f)) {
		read_card(f, ops);
	}
}

/* ---- buses ---- */

struct scan {
	struct pci *pci;
	const struct pci_ops *ops;
	const struct pci_segment *segment;
	bool reached[PCI_BUSES];
};

/* Buses are looked at in ascending order, so a bridge leads to a higher one, and only one bridge does. What it says is for later. */
static void follow(struct scan *s, struct pci_function *f)
{
	uint32_t numbers = f->header[PCI_BUS_NUMBERS / 4];
	uint8_t below = (uint8_t)(numbers >> 8), last = (uint8_t)(numbers >> 16);

	if (!below) {
		f->why = "the firmware did not set it up";
	} else if (below <= f->bus || below > s->segment->last || last < below) {
		f->why = "it leads to no bus behind it";
	} else if (s->reached[below]) {
		f->why = "another one leads to the same bus";
	} else {
		s->reached[below] = true;
		f->below = below;
		f->below_last = last;
	}
}

/* The last places are for what may be used, or leads to it: processors of servers have hundreds of functions. */
static bool has_room(const struct scan *s, uint64_t where)
{
	uint32_t kind = s->ops->read(where, PCI_CLASS) >> 16;
	bool wanted = kind == PCI_CLASS_BRIDGE || kind >> 8 == PCI_CLASS_NETWORK;

	return s->pci->function_count < (wanted ? PCI_FUNCTIONS_MAX : PCI_OTHERS_MAX);
}

/* False: there is none. *more: its slot has further ones. */
static bool add_function(struct scan *s, unsigned bus, unsigned slot, unsigned number, bool *more)
{
	struct pci *pci = s->pci;
	uint64_t where = place(s->segment, bus, slot, number);
	uint16_t vendor = (uint16_t)s->ops->read(where, PCI_ID);
	struct pci_function *f = &pci->function[pci->function_count];

	if (vendor == NO_VENDOR || vendor == 0) {
		return false;
	}
	*more = s->ops->read(where, PCI_HEADER) >> 16 & HEADER_MULTI;
	if (!has_room(s, where)) {
		pci->dropped++;
		return true;
	}
	pci->function_count++;
	*f = (struct pci_function){ .where = where, .segment = s->segment->number, .bus = (uint8_t)bus, .slot = (uint8_t)slot,
				    .number = (uint8_t)number };
	read_function(f, s->ops);
	if (f->kind == PCI_CLASS_BRIDGE && (f->header[PCI_HEADER / 4] >> 16 & 0x7f) == HEADER_BRIDGE) {
		follow(s, f);
	}
	return true;
}

static void scan_bus(struct scan *s, unsigned bus)
{
	bool any = false;

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		bool more = false, unused;

		any = add_function(s, bus, slot, 0, &more) || any;
		for (unsigned number = 1; more && number < PCI_FUNCTIONS; number++) {
			add_function(s, bus, slot, number, &unused);
		}
	}
	s->pci->bus_count += any || s->reached[bus];
}

void pci_scan(struct pci *pci, const struct pci_ops *ops)
{
	for (unsigned i = 0; i < pci->segment_count; i++) {
		struct scan s = { pci, ops, &pci->segment[i], { false } };

		s.reached[s.segment->first] = true;
		for (unsigned bus = s.segment->first; bus <= s.segment->last; bus++) {
			scan_bus(&s, bus);
		}
	}
}

/* ---- a function in use ---- */

void pci_restore(const struct pci *pci, const struct pci_function *f, const struct pci_ops *ops)
{
	set_command(f, ops, PCI_COMMAND_PORTS | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX, 0);
	ops->write(f->where, PCI_HEADER, f->header[PCI_HEADER / 4] & UINT16_MAX);    /* timing; what is above could start a self-test */
	for (unsigned i = 0; i < PCI_BARS; i++) {
		ops->write(f->where, PCI_BAR + 4 * i, f->header[PCI_BAR / 4 + i]);
	}
	ops->write(f->where, PCI_INTERRUPT, f->header[PCI_INTERRUPT / 4]);
	set_command(f, ops, 0, PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < pci->function_count; i++) {
		const struct pci_function *bridge = &pci->function[i];

		if (bridge->below && bridge->segment == f->segment && f->bus >= bridge->below && f->bus <= bridge->below_last) {
			set_command(bridge, ops, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		}
	}
}

void pci_copy_config(const struct pci_function *f, const struct pci_ops *ops, uint8_t config[PCI_CONFIG_BYTES])
{
	for (uint32_t reg = 0; reg < PCI_CONFIG_BYTES; reg += 4) {
		uint32_t word = ops->read(f->where, reg);

		memcpy(config + reg, &word, sizeof(word));
	}
}

void pci_print_place(const struct pci_function *f, char text[PCI_PLACE_TEXT])
{
	snprintf(text, PCI_PLACE_TEXT, "%04x:%02x:%02x.%u", (unsigned)f->segment, (unsigned)f->bus, (unsigned)f->slot,
		 (unsigned)f->number);
}
