/* SPDX-License-Identifier: Apache-2.0 */
/* PCI functions: see pci.h. */
#include "arch/x86/dev/pci.h"

#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/cpu.h"

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc, PORTS_BYTES = 256 };
enum { NO_VENDOR = 0xffff, COMMAND = 4, COMMAND_MASTER = 1 << 2, COMMAND_NO_INTX = 1 << 10, COMMAND_MASK = 0xffff };
enum { CAP_MSI = 5, CAP_EXPRESS = 0x10, CAP_MSIX = 0x11, CAP_FEATURES = 0x13, CAP_FIRST = 0x40 };

/* Of the upper half of a capability's first register. */
enum { MSI_ENABLE = 1 << 16, MSI_COUNT = 7 << 20, MSI_64BIT = 1 << 23, MSIX_MASK = 1 << 30, FEATURES_RESET = 1 << 25 };
#define MSIX_ENABLE (1u << 31)
enum { ENTRY_WORDS = 4, MSIX_BYTES = 2048 * 4 * ENTRY_WORDS, BIND_MAX = 64 };     /* entries may lie across pages: 8 bytes are all they keep to */
enum { EXPRESS_CAN = 4, EXPRESS_CONTROL = 8, EXPRESS_CAN_RESET = 1 << 28, EXPRESS_RESET = 1 << 15 };
enum { MESSAGE_ADDRESS = 0xfee00000, APIC_ID_MAX = 0xff };       /* SDM 3A 11.11.1 */

uint32_t pci_read(uint64_t function, uint32_t reg)
{
	if (!(function & PCI_PORTS)) {
		return *phys_registers(hpa(function + reg));
	}
	outl(CONFIG_ADDRESS, 1u << 31 | (uint32_t)(function - PCI_PORTS) | reg);
	return inl(CONFIG_DATA);
}

void pci_write(uint64_t function, uint32_t reg, uint32_t value)
{
	if (!(function & PCI_PORTS)) {
		*phys_registers(hpa(function + reg)) = value;
		return;
	}
	outl(CONFIG_ADDRESS, 1u << 31 | (uint32_t)(function - PCI_PORTS) | reg);
	outl(CONFIG_DATA, value);
}

bool pci_is_good(uint64_t function, uint64_t reg)
{
	bool ports = function & PCI_PORTS;
	uint64_t max = ports ? 1 << 24 : 1ull << cpu_features.phys_bits, align = ports ? PORTS_BYTES : PAGE_SIZE;

	return function < max && (function - ports) % align == 0 && reg % 4 == 0 && reg < align;
}

static bool is_capability(uint64_t function, uint8_t at, uint8_t id)
{
	return !at || (at >= CAP_FIRST && at % 4 == 0 && (uint8_t)pci_read(function, at) == id);
}

bool pci_is_there(uint64_t function)
{
	return (uint16_t)pci_read(function, 0) != NO_VENDOR;
}

bool pci_is_as_described(const struct device_setup *d)
{
	return d->msix_table % sizeof(uint32_t) == 0 && d->msix_table < (1ull << cpu_features.phys_bits) - MSIX_BYTES &&
	       is_capability(d->function, d->msi, CAP_MSI) && is_capability(d->function, d->msix, CAP_MSIX) &&
	       is_capability(d->function, d->express, CAP_EXPRESS) && is_capability(d->function, d->features, CAP_FEATURES);
}

/* Bits of the command register; zeros change nothing of the status beside it. */
static void set_command(const struct device_setup *d, uint32_t clear, uint32_t set)
{
	pci_write(d->function, COMMAND, (pci_read(d->function, COMMAND) & COMMAND_MASK & ~clear) | set);
}

void pci_set_master(const struct device_setup *d, bool on)
{
	set_command(d, COMMAND_MASTER, on ? COMMAND_MASTER : 0);
	pci_read(d->function, COMMAND);      /* its answer pushes what the function wrote to memory before (PCI 3.0, 3.2.5.2) */
}

static int bind_msi(const struct device_setup *d, uint8_t vector)
{
	uint32_t control = pci_read(d->function, d->msi), data = d->msi + (control & MSI_64BIT ? 12u : 8u);

	pci_write(d->function, d->msi + 4u, MESSAGE_ADDRESS | cpus[0].apic_id << 12);
	if (control & MSI_64BIT) {
		pci_write(d->function, d->msi + 8u, 0);
	}
	pci_write(d->function, data, vector);
	pci_write(d->function, d->msi, (control & ~(uint32_t)MSI_COUNT) | MSI_ENABLE);
	return OK;
}

int pci_bind(const struct device_setup *d, uint32_t first, uint32_t count, uint8_t vector)
{
	const uint32_t message[ENTRY_WORDS] = { MESSAGE_ADDRESS | cpus[0].apic_id << 12, 0, vector, 0 };
	uint32_t control = d->msix ? pci_read(d->function, d->msix) : 0, messages = d->msix ? (control >> 16 & 0x7ff) + 1 : !!d->msi;

	if (!count || count > BIND_MAX || !range_within(first, count, messages) || cpus[0].apic_id > APIC_ID_MAX) {
		return E_NOENT;
	}
	set_command(d, 0, COMMAND_NO_INTX);
	if (!d->msix) {
		return bind_msi(d, vector);
	}
	pci_write(d->function, d->msix, (control & ~(uint32_t)MSIX_MASK) | MSIX_ENABLE);
	for (uint32_t i = first * ENTRY_WORDS; i < (first + count) * ENTRY_WORDS; i++) {
		*phys_registers(hpa(d->msix_table + 4ull * i)) = message[i % ENTRY_WORDS];
	}
	return OK;
}

void pci_quiesce(const struct device_setup *d)
{
	set_command(d, COMMAND_MASTER, COMMAND_NO_INTX);
	if (d->msix) {
		pci_write(d->function, d->msix, (pci_read(d->function, d->msix) & ~MSIX_ENABLE) | MSIX_MASK);
	}
	if (d->msi) {
		pci_write(d->function, d->msi, pci_read(d->function, d->msi) & ~(uint32_t)MSI_ENABLE);
	}
	pci_set_master(d, false);
	if (d->express && pci_read(d->function, d->express + EXPRESS_CAN) & EXPRESS_CAN_RESET) {
		pci_write(d->function, d->express + EXPRESS_CONTROL,
			  (pci_read(d->function, d->express + EXPRESS_CONTROL) & 0xffff) | EXPRESS_RESET);
	} else if (d->features && pci_read(d->function, d->features) & FEATURES_RESET) {
		pci_write(d->function, d->features + 4u, 1);
	}
}
