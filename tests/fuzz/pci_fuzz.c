/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI as a guest can use and abuse it: configuration space by both ways, BARs anywhere, and the registers of virtio's PCI
 * transport and MSI-X behind them, with entropy, console and balloon.
 *
 *	byte 0      bits 0-2 what (enum step), bits 3-4 size, bits 5-7 slot
 *	bytes 1-2   offset, or argument
 *	then        value of a write, little endian, as many bytes as its size
 *
 * sources: vmm/virtio_rng.c vmm/virtio_console.c vmm/virtio_balloon.c vmm/virtio.c vmm/virtio_pci.c vmm/msix.c vmm/pci.c
 * sources: vmm/pci_host.c vmm/gmem.c vmm/regs.c vmm/bus.c lib/fmt.c tests/fake/ring_driver.c tests/fake/platform.c
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "tests/fuzz/virtio_fuzz.h"
#include "vmm/platform.h"
#include "vmm/virtio_pci.h"

enum step { ECAM_READ, ECAM_WRITE, PORT, BAR_READ, BAR_WRITE, WINDOW, PAUSE, EVENT };

static struct pci_host host;
static struct virtio_pci function[FUZZ_DEVICES];

static void check(bool holds)
{
	device_fuzz_check(holds);
}

static void fresh(void)
{
	fake_reset();
	fuzz_make_devices();
	check(pci_host_init(&host, &fake.ports, &fake.mmio) == OK);
	for (unsigned i = 0; i < FUZZ_DEVICES; i++) {
		check(virtio_pci_init(&function[i], fuzz_device[i], &host, 1) == OK);
	}
}

static void memory(uint64_t addr, struct io_access *io)
{
	io->addr = addr;
	bus_access(&fake.mmio, io);
	check(io->size == 8 || io->value >> io->size * 8 == 0);
}

/* Configuration mechanism #1; the slot's bits may be any, and the enable bit too. */
static void ports(unsigned slot, unsigned offset, struct io_access *io)
{
	struct io_access address = {
		.size = 4, .write = true, .value = (uint64_t)(offset & 0x100 ? 0 : 1u << 31) | slot << 11 | (offset & 0xfc),
	};

	pci_host_address(&host, &address);
	io->size = io->size == 8 ? 4 : io->size;
	io->addr = PORT_PCI_DATA + (offset & 3);
	io->write = offset & 0x200;
	bus_access(&fake.ports, io);
}

static void at_bar(unsigned slot, unsigned offset, struct io_access *io)
{
	const struct pci_bar *bar = &function[slot % FUZZ_DEVICES].f.bar[0];

	if (bar->base != UINT64_MAX) {
		memory(bar->base + offset % bar->size, io);
	}
}

/* BARs that answer lie in the window and apart; doorbells hang in the notification page of one of them and nowhere else. */
static void check_bars(void)
{
	unsigned doorbells = 0;

	for (unsigned i = 0; i < FUZZ_DEVICES; i++) {
		const struct virtio_pci *p = &function[i];
		uint64_t base = p->f.bar[0].base, size = p->f.bar[0].size;

		check(base == UINT64_MAX || range_within(base - PLATFORM_PCI_WINDOW, size, PLATFORM_PCI_WINDOW_SIZE));
		for (unsigned j = 0; base != UINT64_MAX && j < i; j++) {
			uint64_t other = function[j].f.bar[0].base;

			check(other == UINT64_MAX || other + size <= base || base + size <= other);
		}
		for (unsigned q = 0; q < p->dev->queue_count; q++) {
			if (p->rings >> q & 1) {
				check(base != UINT64_MAX && fake_has_doorbell(base + 0x3000 + q * 4));
				doorbells++;
			}
		}
	}
	check(doorbells == fake_doorbells());
}

static void step(enum step what, unsigned slot, unsigned offset, struct io_access *io)
{
	switch (what) {
	case ECAM_READ:
	case ECAM_WRITE:
		memory(PLATFORM_ECAM + slot * 0x8000 + offset % 0x8000, io);
		break;
	case PORT:
		ports(slot, offset, io);
		break;
	case BAR_READ:
	case BAR_WRITE:
		at_bar(slot, offset, io);
		break;
	case WINDOW:
		memory(PLATFORM_PCI_WINDOW + offset * 8u + slot, io);
		break;
	case PAUSE:
		device_fuzz_pause(slot * 2, (uint8_t)offset);
		break;
	case EVENT:
		fuzz_event((uint8_t)offset);
		break;
	}
	check_bars();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fresh();
	for (unsigned steps = 0; len >= 3 && steps < DEVICE_FUZZ_STEPS; steps++) {
		enum step what = data[0] & 7;
		unsigned slot = data[0] >> 5, offset = data[1] | (unsigned)data[2] << 8;
		struct io_access io = { .size = (uint8_t)(1u << (data[0] >> 3 & 3)), .write = what == ECAM_WRITE || what == BAR_WRITE };

		data += 3;
		len -= 3;
		if (io.write || what == PORT) {
			if (len < io.size) {
				break;
			}
			memcpy(&io.value, data, io.size);
			data += io.size;
			len -= io.size;
		}
		step(what, slot, offset, &io);
	}
	return 0;
}
