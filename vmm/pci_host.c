/* SPDX-License-Identifier: Apache-2.0 */
/* PCI configuration space with one function in it. PCI Local Bus 3.0, 3.2.2.3.2 and 6.1. */
#include "vmm/pci_host.h"
#include "vmm/platform.h"

enum { ADDRESS_BITS = 0x80fffffc, ENABLE = 1u << 31, REGISTER = 0xfc };

/* Every identity needs a vendor; this is the generic host bridge that virtual machines use. */
enum { VENDOR = 0x1b36, DEVICE = 0x0008, COMMAND = 0x0006 /* memory, bus master; fixed */, CLASS_HOST_BRIDGE = 0x060000 };

/* Configuration space of the bridge by dwords; the rest is zero: no capability, no resource. */
static uint32_t bridge_read(unsigned reg)
{
	switch (reg) {
	case 0x00:
		return (uint32_t)DEVICE << 16 | VENDOR;
	case 0x04:
		return COMMAND;
	case 0x08:
		return (uint32_t)CLASS_HOST_BRIDGE << 8;
	default:
		return 0;
	}
}

/* Bus, device and function 0 are the bridge; elsewhere nobody answers. Nothing is writable. */
static void data_access(void *dev, struct io_access *io)
{
	const struct pci_host *pci = dev;

	if (!io->write && (pci->address & ~(uint32_t)REGISTER) == ENABLE) {
		io->value = bridge_read(pci->address & REGISTER) >> io->addr * 8;
	}
}

void pci_host_address(struct pci_host *pci, struct io_access *io)
{
	if (io->size != 4) {
		io->value = UINT64_MAX;
	} else if (io->write) {
		pci->address = (uint32_t)io->value & ADDRESS_BITS;
	} else {
		io->value = pci->address;
	}
}

int pci_host_init(struct pci_host *pci, struct bus *ports)
{
	*pci = (struct pci_host){ 0 };
	return bus_add(ports, PORT_PCI_DATA, 4, data_access, pci, "pci");
}
