/* SPDX-License-Identifier: Apache-2.0 */
/* A PCI function. PCI Local Bus 3.0: 6.1 to 6.3 (header), 6.2.5 (BARs), 6.7 (capabilities), 6.8.1 (MSI). */
#include "vmm/pci.h"

#include <string.h>

#include "vmm/pci_host.h"

enum { BAR_WIDE = 1 << 2, BAR_PREFETCH = 1 << 3, BAR_FLAGS = 0xf };
enum { PIN_A = 1 };

/* Offsets in the MSI capability of a function with a 64-bit address and a mask. */
enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_DATA = 12, MSI_MASK = 16, MSI_PENDING = 20, MSI_LEN = 24 };
enum { MSI_ENABLE = 1 << 0, MSI_64 = 1 << 7, MSI_MASKABLE = 1 << 8 };

uint32_t pci_get(const struct pci_function *f, unsigned at, unsigned len)
{
	uint32_t value = 0;

	memcpy(&value, f->config + at, len);
	return value;
}

void pci_put(struct pci_function *f, unsigned at, unsigned len, uint32_t value)
{
	memcpy(f->config + at, &value, len);
}

static void allow(struct pci_function *f, unsigned at, unsigned len, uint32_t bits)
{
	memcpy(f->writable + at, &bits, len);
}

void pci_function_init(struct pci_function *f, const struct pci_identity *id, const struct pci_ops *ops, void *dev)
{
	*f = (struct pci_function){ .ops = ops, .dev = dev, .caps_end = PCI_HEADER_END };
	pci_put(f, PCI_VENDOR, 2, id->vendor);
	pci_put(f, PCI_DEVICE, 2, id->device);
	pci_put(f, PCI_REVISION, 1, id->revision);
	pci_put(f, PCI_CLASS, 3, id->class);
	pci_put(f, PCI_SUBSYSTEM_VENDOR, 2, id->subsystem_vendor);
	pci_put(f, PCI_SUBSYSTEM, 2, id->subsystem);
	allow(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX);
	allow(f, PCI_INTERRUPT_LINE, 1, 0xff);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		f->bar[i].base = f->bar[i].next = UINT64_MAX;
	}
}

void pci_add_bar(struct pci_function *f, unsigned index, uint64_t size, bool wide, io_fn *fn, void *dev)
{
	unsigned reg = PCI_BAR0 + 4 * index;

	f->bar[index] = (struct pci_bar){ .size = size, .base = UINT64_MAX, .next = UINT64_MAX, .wide = wide, .fn = fn, .dev = dev };
	pci_put(f, reg, 4, wide ? BAR_WIDE | BAR_PREFETCH : 0);
	allow(f, reg, 4, ~(uint32_t)(size - 1));
	if (wide) {
		allow(f, reg + 4, 4, (uint32_t)(~(size - 1) >> 32));
	}
}

unsigned pci_add_capability(struct pci_function *f, enum pci_capability id, unsigned len)
{
	unsigned at = f->caps_end;

	f->config[at] = (uint8_t)id;
	f->config[f->last_cap ? f->last_cap + 1u : PCI_CAPABILITIES] = (uint8_t)at;
	f->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
	f->last_cap = (uint8_t)at;
	f->caps_end = (uint8_t)ALIGN_UP(at + len, 4u);
	return at;
}

void pci_add_intx(struct pci_function *f)
{
	pci_put(f, PCI_INTERRUPT_PIN, 1, PIN_A);
}

void pci_add_msi(struct pci_function *f)
{
	unsigned at = pci_add_capability(f, PCI_CAP_MSI, MSI_LEN);

	f->msi = (uint8_t)at;
	pci_put(f, at + MSI_CONTROL, 2, MSI_64 | MSI_MASKABLE);
	allow(f, at + MSI_CONTROL, 2, MSI_ENABLE);
	allow(f, at + MSI_ADDRESS, 4, 0xfffffffc);
	allow(f, at + MSI_ADDRESS + 4, 4, 0xffffffff);
	allow(f, at + MSI_DATA, 2, 0xffff);
	allow(f, at + MSI_MASK, 4, 1);
}

uint64_t pci_bar_address(const struct pci_function *f, unsigned index)
{
	unsigned reg = PCI_BAR0 + 4 * index;
	uint64_t high = f->bar[index].wide ? pci_get(f, reg + 4, 4) : 0;

	return high << 32 | (pci_get(f, reg, 4) & ~(uint32_t)BAR_FLAGS);
}

bool pci_is_master(const struct pci_function *f)
{
	return f->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* ---- interrupts ---- */

static bool msi_enabled(const struct pci_function *f)
{
	return f->msi && (f->config[f->msi + MSI_CONTROL] & MSI_ENABLE);
}

/* The pending message goes out as soon as nothing holds it back. */
static void msi_send(struct pci_function *f)
{
	unsigned at = f->msi;

	if (!msi_enabled(f) || !f->config[at + MSI_PENDING] || (f->config[at + MSI_MASK] & 1) || !pci_is_master(f)) {
		return;
	}
	f->config[at + MSI_PENDING] = 0;
	vm_msi((uint64_t)pci_get(f, at + MSI_ADDRESS + 4, 4) << 32 | pci_get(f, at + MSI_ADDRESS, 4),
	       pci_get(f, at + MSI_DATA, 2));
}

static void update_intx(struct pci_function *f)
{
	bool disabled = pci_get(f, PCI_COMMAND, 2) & PCI_COMMAND_NO_INTX || msi_enabled(f);

	f->config[PCI_STATUS] = (uint8_t)((f->config[PCI_STATUS] & ~PCI_STATUS_INTX) | (f->intx ? PCI_STATUS_INTX : 0));
	if (f->host && f->config[PCI_INTERRUPT_PIN]) {
		pci_host_intx(f->host, f->slot, f->intx && !disabled);
	}
}

void pci_interrupt(struct pci_function *f, bool level)
{
	bool comes = level && !f->intx;

	f->intx = level;
	update_intx(f);
	if (comes && msi_enabled(f)) {
		f->config[f->msi + MSI_PENDING] = 1;
		msi_send(f);
	}
}

/* ---- configuration space ---- */

uint64_t pci_config_read(struct pci_function *f, unsigned at, unsigned len)
{
	uint64_t value = 0;

	if (at >= PCI_CONFIG_SIZE) {
		return 0;
	}
	len = len < PCI_CONFIG_SIZE - at ? len : PCI_CONFIG_SIZE - at;
	if (f->ops->config_reads) {
		f->ops->config_reads(f, at, len);
	}
	memcpy(&value, f->config + at, len);
	return value;
}

/* What follows from a write, whichever register it was; cheap enough to look at all of them. */
static void written(struct pci_function *f, unsigned at, unsigned len)
{
	if (f->host && (pci_touches(at, len, PCI_COMMAND, 2) || pci_touches(at, len, PCI_BAR0, PCI_BARS * 4))) {
		pci_host_map(f->host);
	}
	update_intx(f);
	msi_send(f);
	if (f->ops->config_written) {
		f->ops->config_written(f, at, len);
	}
}

void pci_config_write(struct pci_function *f, unsigned at, unsigned len, uint64_t value)
{
	if (at >= PCI_CONFIG_SIZE) {
		return;
	}
	len = len < PCI_CONFIG_SIZE - at ? len : PCI_CONFIG_SIZE - at;
	for (unsigned i = 0; i < len; i++) {
		uint8_t mask = f->writable[at + i], byte = (uint8_t)(value >> i * 8);

		f->config[at + i] = (uint8_t)((f->config[at + i] & ~mask) | (byte & mask));
	}
	written(f, at, len);
}
