/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI: configuration space in every form, read-only fields, BARs that are sized, moved, overlapped and put over memory
 * and other devices, MSI-X tables full of garbage. PCI Local Bus 3.0, 3.2.2.3.2 and 6; PCI Express 4.0, 7.2.2.
 */
#include "tests/attack/pci.h"

enum { ADDRESS = 0xcf8, DATA = 0xcfc, IOAPIC = 0xfec00000, MCFG = 0x4746434d, HOLE = 0xd8000000 };
#define ENABLE (1u << 31)

static uint8_t ram[65536] __attribute__((aligned(65536)));

uint32_t pci_read(unsigned slot, unsigned reg, unsigned size)
{
	outl(ADDRESS, ENABLE | slot << 11 | (reg & 0xfc));
	return size == 4 ? inl(DATA) : size == 2 ? inw((uint16_t)(DATA + (reg & 2))) : inb((uint16_t)(DATA + (reg & 3)));
}

void pci_write(unsigned slot, unsigned reg, unsigned size, uint32_t v)
{
	outl(ADDRESS, ENABLE | slot << 11 | (reg & 0xfc));
	if (size == 4) {
		outl(DATA, v);
	} else if (size == 2) {
		outw((uint16_t)(DATA + (reg & 2)), (uint16_t)v);
	} else {
		outb((uint16_t)(DATA + (reg & 3)), (uint8_t)v);
	}
}

uint64_t ecam_base(void)
{
	uint64_t table = acpi_find(MCFG);

	return table ? *(const uint64_t *)(uintptr_t)(table + 44) : 0;
}

void pci_save(unsigned slot, struct pci_saved *s)
{
	for (unsigned i = 0; i < 16; i++) {
		s->dword[i] = pci_read(slot, i * 4, 4);
	}
}

void pci_restore(unsigned slot, const struct pci_saved *s)
{
	pci_write(slot, 4, 2, 0);
	for (unsigned i = 4; i < 16; i++) {
		pci_write(slot, i * 4, 4, s->dword[i]);
	}
	pci_write(slot, 4, 2, s->dword[1]);
}

static bool there(unsigned slot)
{
	return pci_read(slot, 0, 4) != 0xffffffff;
}

/* ---- configuration space ---- */

static void mechanism(void)
{
	uint64_t wrong = 0;

	ok("the host bridge", there(0) && pci_read(0, 10, 2) == 0x0600);
	outl(ADDRESS, 0);
	equal("without the enable bit", inl(DATA), 0xffffffff);
	for (unsigned bus = 1; bus < 256; bus++) {
		outl(ADDRESS, ENABLE | bus << 16);
		wrong += inl(DATA) != 0xffffffff;
	}
	equal("nobody on other buses", wrong, 0);
	for (unsigned f = 1; f < 8; f++) {
		outl(ADDRESS, ENABLE | f << 8);
		wrong += !(pci_read(0, 14, 1) & 0x80) && (outl(ADDRESS, ENABLE | f << 8), inl(DATA)) != 0xffffffff;
	}
	equal("nor in other functions", wrong, 0);
	outl(ADDRESS, 0xffffffff);
	equal("reserved bits of the address", inl(ADDRESS) & 0x7f000003, 0);
	outl(ADDRESS, ENABLE);
	outb(ADDRESS, 0x10);
	outw(ADDRESS + 2, 0x5555);
	equal("the address takes 32 bits only", inl(ADDRESS), ENABLE);
}

static void forms(void)
{
	uint64_t wrong = 0, ecam = ecam_base(), other = 0;

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		for (unsigned reg = 0; reg < 256 && there(slot); reg += 4) {
			uint32_t v = pci_read(slot, reg, 4);

			for (unsigned i = 0; i < 4; i++) {
				wrong += pci_read(slot, reg + i, 1) != (v >> 8 * i & 0xff);
			}
			wrong += pci_read(slot, reg + 2, 2) != v >> 16;
			other += ecam && mmio_read32(ecam + slot * 0x8000 + reg) != v;
		}
	}
	equal("bytes and words of all registers", wrong, 0);
	if (!ecam) {
		skip("ecam", "no MCFG table");
		return;
	}
	equal("ecam says the same", other, 0);
	for (uint64_t at = ecam; at < ecam + 0x300; at++) {
		(void)*(volatile uint64_t *)(uintptr_t)at;
		(void)*(volatile uint16_t *)(uintptr_t)at;
	}
	*(volatile uint64_t *)(uintptr_t)(ecam + 0xffd) = ~0ull;
	*(volatile uint64_t *)(uintptr_t)(ecam + 0xffffd) = ~0ull;
	equal("odd accesses to ecam", mmio_read32(ecam), pci_read(0, 0, 4));
	equal("ecam of a bus that is not there", mmio_read32(ecam + 0x8000 * 31 + 0x7000), 0xffffffff);
}

/* Everything is written with ones, then zeros, in all widths: identity and layout stay. */
static void read_only(void)
{
	static const uint8_t fixed[] = { 0x00, 0x08, 0x2c, 0x34 };
	uint64_t wrong = 0;

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		struct pci_saved saved;

		if (!there(slot)) {
			continue;
		}
		pci_save(slot, &saved);
		pci_write(slot, 4, 2, 0);
		for (unsigned n = 0; n < 3 * 64; n++) {
			unsigned size = 1u << n % 3, reg = n / 3 * 4;

			if (reg < 0x40) {
				pci_write(slot, reg, size, n & 1 ? ~0u : 0);
			}
		}
		for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
			wrong += pci_read(slot, fixed[i], 4) != saved.dword[fixed[i] / 4];
		}
		wrong += pci_read(slot, 14, 1) != (saved.dword[3] >> 16 & 0xff);
		pci_restore(slot, &saved);
		for (unsigned i = 0; i < 16; i++) {
			wrong += i != 1 && pci_read(slot, i * 4, 4) != saved.dword[i];
		}
	}
	equal("read-only fields", wrong, 0);
}

/* ---- BARs ---- */

static void sizes(void)
{
	uint64_t wrong = 0, bars = 0;

	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		for (unsigned reg = 0x10; reg < 0x28 && there(slot); reg += 4) {
			uint32_t old = pci_read(slot, reg, 4), mask;

			pci_write(slot, reg, 4, 0xffffffff);
			mask = pci_read(slot, reg, 4);
			pci_write(slot, reg, 4, old);
			if (!mask || mask == 0xffffffff) {
				continue;                        /* absent, or an upper half */
			}
			bars++;
			/* A power of two of at least 16, type bits as before. */
			wrong += (~(mask & ~15u) & (~(mask & ~15u) + 1)) != 0 || (mask & 15) != (old & 15);
			wrong += pci_read(slot, reg, 4) != old;
		}
	}
	note("bars", bars);
	equal("bars tell their size", wrong, 0);
}

static void move(unsigned slot, uint64_t to)
{
	pci_write(slot, 0x10, 4, (uint32_t)to);
	pci_write(slot, 0x14, 4, (uint32_t)(to >> 32));
}

static uint64_t sum_of_ram(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < sizeof(ram); i += 8) {
		sum = sum * 31 + *(uint64_t *)(ram + i);
	}
	return sum;
}

/* A BAR lies over something else: that goes on as before, whatever is written there. */
static void overlaps(unsigned slot)
{
	static const struct { const char *name; uint64_t at; } row[] = {
		{ "over the local apic", 0xfee00000 }, { "over the ioapic", 0xfec00000 }, { "over ecam", 0xe0000000 },
		{ "at zero", 0 }, { "over the low megabyte", 0xf0000 }, { "at the end of 32 bits", 0xffff8000 },
		{ "at the end of 64 bits", 0xffffffffffff8000 }, { "beyond the physical width", 1ull << 62 },
	};
	uint32_t version = mmio_read32(0xfee00030), id = pci_read(0, 0, 4);
	uint64_t sum;

	for (unsigned i = 0; i < sizeof(ram); i++) {
		ram[i] = (uint8_t)rnd();
	}
	sum = sum_of_ram();
	move(slot, (uint64_t)(uintptr_t)ram);
	equal("a bar over memory", sum_of_ram(), sum);
	ram[100] ^= 0xff;
	ok("memory below a bar is written", sum_of_ram() != sum);
	ram[100] ^= 0xff;
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		bool good;

		move(slot, row[i].at);
		mmio_write32(IOAPIC, 1);
		good = mmio_read32(0xfee00030) == version && (mmio_read32(IOAPIC + 16) >> 24) == 0 && sum_of_ram() == sum &&
		       pci_read(0, 0, 4) == id && (!ecam_base() || mmio_read32(ecam_base()) == id);
		ok(row[i].name, good);
	}
}

static void moves(void)
{
	struct virtio d[VIRTIO_MAX];
	unsigned count = virtio_find(d);
	struct pci_saved first, second;
	uint64_t old;
	uint32_t seen;

	if (!count || d[0].mmio) {
		skip("bars that move", "no virtio function");
		return;
	}
	pci_save(d[0].slot, &first);
	old = pci_bar0(d[0].slot);
	seen = mmio_read32(d[0].common + 0x10);
	move(d[0].slot, HOLE);
	equal("a bar at another place", mmio_read32(HOLE + d[0].common - old + 0x10), seen);
	equal("and not at the old one", mmio_read32(d[0].common + 0x10), 0xffffffff);
	pci_write(d[0].slot, 4, 2, 4);
	equal("without memory decoding", mmio_read32(HOLE + d[0].common - old + 0x10), 0xffffffff);
	pci_write(d[0].slot, 4, 2, 6);
	equal("and with it again", mmio_read32(HOLE + d[0].common - old + 0x10), seen);
	overlaps(d[0].slot);
	if (count > 1 && !d[1].mmio) {
		pci_save(d[1].slot, &second);
		move(d[0].slot, HOLE);
		move(d[1].slot, HOLE);
		(void)mmio_read32(HOLE + 0x10);
		mmio_write32(HOLE + 0x3000, 0);
		move(d[0].slot, HOLE + 0x4000);
		(void)mmio_read32(HOLE + 0x4010);
		pci_restore(d[1].slot, &second);
		ok("bars over each other", true);
	}
	for (unsigned i = 0; i < 400; i++) {
		move(d[0].slot, rnd() & 1 ? rnd() : 0xc0000000 + (rnd() & 0x1fffffff));
		(void)mmio_read32(0xc0000000 + (rnd() & 0x1ffffffc));
	}
	pci_restore(d[0].slot, &first);
	equal("back where it was", mmio_read32(d[0].common + 0x10), seen);
}

/* ---- MSI-X ---- */

static void msix(void)
{
	struct virtio d[VIRTIO_MAX];
	unsigned count = virtio_find(d), cap = 0;
	uint64_t table, wrong = 0, entries;

	if (!count || d[0].mmio) {
		return;
	}
	for (unsigned at = pci_read(d[0].slot, 0x34, 1), n = 0; at && n < 16; at = pci_read(d[0].slot, at + 1, 1), n++) {
		cap = pci_read(d[0].slot, at, 1) == 0x11 ? at : cap;
	}
	if (!cap) {
		skip("msi-x", "no capability");
		return;
	}
	entries = (pci_read(d[0].slot, cap + 2, 2) & 0x7ff) + 1;
	table = pci_bar0(d[0].slot) + (pci_read(d[0].slot, cap + 4, 4) & ~7u);
	for (unsigned n = 0; n < 1500; n++) {
		uint64_t at = table + rnd() % (entries * 16 + 64);

		switch (rnd() % 4) {
		case 0: *(volatile uint8_t *)(uintptr_t)at = (uint8_t)rnd(); break;
		case 1: *(volatile uint16_t *)(uintptr_t)at = (uint16_t)rnd(); break;
		case 2: *(volatile uint64_t *)(uintptr_t)at = rnd(); break;
		default: mmio_write32(at & ~3ull, (uint32_t)rnd()); break;
		}
		if (n % 64 == 0) {
			pci_write(d[0].slot, cap + 2, 2, (uint32_t)rnd());
		}
	}
	pci_write(d[0].slot, cap + 2, 2, 0x4000);
	for (uint64_t i = 0; i < entries; i++) {
		mmio_write32(table + i * 16, 0xfee00000);
		mmio_write32(table + i * 16 + 4, 0);
		mmio_write32(table + i * 16 + 8, 0x41);
		mmio_write32(table + i * 16 + 12, 1);
		wrong += mmio_read32(table + i * 16) != 0xfee00000 || mmio_read32(table + i * 16 + 8) != 0x41 ||
			 !(mmio_read32(table + i * 16 + 12) & 1);
	}
	equal("an msi-x table after garbage", wrong, 0);
	equal("its size is fixed", (pci_read(d[0].slot, cap + 2, 2) & 0x7ff) + 1ull, entries);
	pci_write(d[0].slot, cap + 2, 2, 0);
}

static void garbage(void)
{
	struct pci_saved saved[PCI_SLOTS];

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		pci_save(slot, &saved[slot]);
	}
	for (unsigned n = 0; n < 3000; n++) {
		pci_write((unsigned)rnd() % PCI_SLOTS, (unsigned)rnd() & 0xff, 1u << rnd() % 3, (uint32_t)rnd());
		(void)pci_read((unsigned)rnd() % PCI_SLOTS, (unsigned)rnd() & 0xff, 1u << rnd() % 3);
		if (n % 16 == 0) {
			(void)mmio_read32(0xc0000000 + (rnd() & 0x3ffffffc) % 0x20000000);
		}
	}
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		if (saved[slot].dword[0] != 0xffffffff) {
			pci_restore(slot, &saved[slot]);
		}
	}
	ok("garbage to all of configuration space", there(0));
}

void group_pci(void)
{
	hold_output(true);
	mechanism();
	forms();
	read_only();
	sizes();
	moves();
	msix();
	garbage();
	moves();
}
