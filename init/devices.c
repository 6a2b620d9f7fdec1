/* SPDX-License-Identifier: Apache-2.0 */
/* PCI functions of the machine: see devices.h. */
#include "init/devices.h"

#include <stdio.h>
#include <string.h>

#include "console/node.h"
#include "drivers/nic/ids.h"
#include "init/log.h"
#include "init/physical.h"
#include "lib/user/sys.h"

enum { BUS_SHIFT = 20 };

static struct pci pci;
static char owners[PCI_FUNCTIONS_MAX][sizeof(((struct node_device *)0)->owner)];
static bool iommu;                       /* the firmware tells of one                             */

static uint32_t config_read(uint64_t function, uint32_t reg)
{
	int64_t r = sys_pci_read(INIT_MACHINE, function, reg);

	return r < 0 ? UINT32_MAX : (uint32_t)r;
}

static void config_write(uint64_t function, uint32_t reg, uint32_t value)
{
	if (sys_pci_write(INIT_MACHINE, function, reg, value) < 0) {
		init_log("pci: register %#x of %#llx cannot be written", (unsigned)reg, (unsigned long long)function);
	}
}

const struct pci_ops devices_ops = { config_read, config_write };

/* ---- boot ---- */

void devices_read_tables(const struct acpi_info *acpi)
{
	pci_parse_mcfg(&pci, acpi, physical_read, NULL);
	if (pci.mcfg_why) {
		init_log("acpi: MCFG ignored: %s", pci.mcfg_why);
	}
	iommu = acpi->table[ACPI_DMAR].length || acpi->table[ACPI_IVRS].length;
}

/* Registers of segments that lie where something else is are not used. */
static void take_segments(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < pci.segment_count; i++) {
		const struct pci_segment *s = &pci.segment[i];
		struct extent e;
		int r = physical_take(s->base + ((uint64_t)s->first << BUS_SHIFT), (uint64_t)(s->last - s->first + 1) << BUS_SHIFT, &e);

		if (r < 0) {
			init_log("pci: segment %u at %#llx is not used: that is no free address (error %d)", (unsigned)s->number,
				 (unsigned long long)s->base, r);
		} else {
			pci.segment[kept++] = *s;
		}
	}
	pci.segment_count = kept;
	if (!kept) {
		pci.segment[pci.segment_count++] = (struct pci_segment){ .base = PCI_PORTS, .last = PCI_BUSES - 1 };
	}
}

static void log_function(const struct pci_function *f)
{
	char place[PCI_PLACE_TEXT];
	const char *name = nic_card_name(f->vendor, f->device);

	pci_print_place(f, place);
	if (f->kind == PCI_CLASS_BRIDGE && f->why) {
		init_log("pci: %s: this bridge is of no use: %s", place, f->why);
	} else if (pci_is_network(f)) {
		init_log("pci: %s: network card %04x:%04x, %s%s%s%s", place, (unsigned)f->vendor, (unsigned)f->device,
			 name ? name : "no driver", f->msix ? ", MSI-X" : f->msi ? ", MSI" : "", f->why ? "; not usable: " : "",
			 f->why ? f->why : "");
	}
}

void devices_init(void)
{
	take_segments();
	pci_scan(&pci, &devices_ops);
	for (unsigned i = 0; i < pci.function_count; i++) {
		log_function(&pci.function[i]);
	}
	if (pci.dropped_segments) {
		init_log("pci: %u entries of the MCFG are not looked at: too many", pci.dropped_segments);
	}
	if (pci.dropped) {
		init_log("pci: %u functions are not looked at: too many", pci.dropped);
	}
	init_log("pci: %u functions on %u bus%s, by %s; %s: drivers are trusted with all memory", pci.function_count, pci.bus_count,
		 pci.bus_count == 1 ? "" : "es", pci.segment[0].base == PCI_PORTS ? "ports" : "MCFG",
		 iommu ? "the IOMMU is not used yet" : "no IOMMU");
}

/* ---- who has what ---- */

const struct pci_function *devices_at(uint16_t segment, uint8_t bus, uint8_t slot, uint8_t number)
{
	for (unsigned i = 0; i < pci.function_count; i++) {
		const struct pci_function *f = &pci.function[i];

		if (f->segment == segment && f->bus == bus && f->slot == slot && f->number == number) {
			return f;
		}
	}
	return NULL;
}

const struct pci_function *devices_free_card(void)
{
	for (unsigned i = 0; i < pci.function_count; i++) {
		const struct pci_function *f = &pci.function[i];

		if (pci_is_network(f) && nic_card_name(f->vendor, f->device) && !f->why && !owners[i][0]) {
			return f;
		}
	}
	return NULL;
}

void devices_set_owner(const struct pci_function *f, const char *owner)
{
	snprintf(owners[f - pci.function], sizeof(owners[0]), "%s", owner ? owner : "");
}

bool devices_answers(const struct pci_function *f)
{
	return (config_read(f->where, PCI_ID) & UINT16_MAX) == f->vendor;
}

int devices_wake(const struct pci_function *f)
{
	if (!devices_answers(f) || config_read(f->where, PCI_COMMAND) & PCI_COMMAND_MASTER) {
		return E_IO;
	}
	pci_restore(&pci, f, &devices_ops);
	return OK;
}

unsigned devices_show(struct node_device *to, unsigned max)
{
	for (unsigned i = 0; i < pci.function_count && i < max; i++) {
		const struct pci_function *f = &pci.function[i];

		pci_print_place(f, to[i].place);
		to[i].vendor = f->vendor;
		to[i].device = f->device;
		to[i].kind = (uint16_t)f->kind;
		memcpy(to[i].owner, owners[i], sizeof(owners[i]));
	}
	return pci.function_count + pci.dropped;
}
