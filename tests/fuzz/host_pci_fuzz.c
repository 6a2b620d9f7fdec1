/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as configuration space: what a register answers depends on where it is and on what was written to it last. The first
 * bytes are an MCFG. All that comes out must be fit for the kernel.
 * sources: init/pci.c
 */
#include <stdlib.h>
#include <string.h>

#include "init/pci.h"
#include "tests/fake/ram.h"

enum { MCFG_BYTES = 44 + 2 * 16, WRITES = 64 };

static const uint8_t *bytes;
static size_t size;
static struct { uint64_t where; uint32_t reg, value; } written[WRITES];
static unsigned writes;

static void must(bool truth)
{
	if (!truth) {
		abort();
	}
}

/* Few functions, so that the bytes suffice for whole ones: most places are empty. */
static uint32_t config_read(uint64_t where, uint32_t reg)
{
	uint64_t number = where & PCI_PORTS ? where >> 8 : where >> 12, hash = number * 0x9e3779b97f4a7c15 >> 32;
	size_t at = hash % 64 * 64 + reg;
	uint32_t word = UINT32_MAX;

	if (number % 256 && hash >> 6 & 31) {
		return word;
	}
	must(reg % 4 == 0 && reg < PCI_CONFIG_BYTES);
	if (at + sizeof(word) <= size) {
		memcpy(&word, bytes + at, sizeof(word));
	}
	for (unsigned i = 0; i < WRITES && i < writes; i++) {
		word = written[i].where == where && written[i].reg == reg ? (word & 0xff) | (written[i].value & word) : word;
	}
	return word;
}

static void config_write(uint64_t where, uint32_t reg, uint32_t value)
{
	unsigned i = writes++ % WRITES;

	must(reg % 4 == 0 && reg < PCI_HEADER_WORDS * 4);
	written[i].where = where;
	written[i].reg = reg;
	written[i].value = value;
}

static const struct pci_ops ops = { config_read, config_write };

static void check_function(const struct pci *pci, const struct pci_function *f)
{
	uint8_t config[PCI_CONFIG_BYTES];
	char place[PCI_PLACE_TEXT];

	for (unsigned i = 0; i < PCI_BARS; i++) {
		must(!f->bar[i].size || (f->bar[i].base && f->bar[i].base % f->bar[i].size == 0 && f->bar[i].base >> 52 == 0));
	}
	must(!f->below || (f->below > f->bus && f->below_last >= f->below));
	must(!f->msix_table || (f->messages && f->messages <= 2048 && f->msix_table % 8 == 0));
	pci_print_place(f, place);
	must(strlen(place) == 12);
	if (pci_is_network(f) && !f->why) {
		pci_restore(pci, f, &ops);
		pci_copy_config(f, &ops, config);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct pci pci;
	struct fake_ram ram = { data, len < MCFG_BYTES ? len : MCFG_BYTES };
	struct acpi_info acpi = { .table = { [ACPI_MCFG] = { hpa(0), MCFG_BYTES } } };

	memset(&pci, 0, sizeof(pci));
	memset(written, 0, sizeof(written));
	writes = 0;
	pci_parse_mcfg(&pci, &acpi, fake_ram_read, &ram);
	if (!pci.segment_count) {
		pci.segment[pci.segment_count++] = (struct pci_segment){ .base = PCI_PORTS, .last = PCI_BUSES - 1 };
	}
	bytes = data + ram.size;
	size = len - ram.size;
	pci_scan(&pci, &ops);
	must(pci.function_count <= PCI_FUNCTIONS_MAX);
	for (unsigned i = 0; i < pci.function_count; i++) {
		check_function(&pci, &pci.function[i]);
	}
	return 0;
}
