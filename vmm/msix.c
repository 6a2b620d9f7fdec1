/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X. PCI Local Bus 3.0, 6.8.2 (capability, table, pending bits) and 6.8.3.4 (masking). */
#include "vmm/msix.h"

#include <string.h>

enum { CONTROL = 2, TABLE = 4, PBA = 8, CAP_LEN = 12 };
enum { CONTROL_ENABLE = 1 << 15, CONTROL_MASK_ALL = 1 << 14 };
enum { ADDRESS_LOW, ADDRESS_HIGH, DATA, VECTOR_CONTROL };
enum { VECTOR_MASKED = 1 << 0 };

void msix_init(struct msix *x, struct pci_function *f, unsigned count, unsigned bar, uint32_t table, uint32_t pba)
{
	unsigned at = pci_add_capability(f, PCI_CAP_MSIX, CAP_LEN);

	*x = (struct msix){ .f = f, .count = count, .cap = at };
	for (unsigned i = 0; i < count; i++) {
		x->entry[i][VECTOR_CONTROL] = VECTOR_MASKED;
	}
	pci_put(f, at + CONTROL, 2, count - 1);
	pci_put(f, at + TABLE, 4, table | bar);
	pci_put(f, at + PBA, 4, pba | bar);
	f->writable[at + CONTROL + 1] = (CONTROL_ENABLE | CONTROL_MASK_ALL) >> 8;
}

static uint32_t control(const struct msix *x)
{
	return pci_get(x->f, x->cap + CONTROL, 2);
}

bool msix_enabled(const struct msix *x)
{
	return control(x) & CONTROL_ENABLE;
}

int msix_message(const struct msix *x, unsigned vector, uint64_t *address, uint32_t *data)
{
	if (vector >= x->count || (x->entry[vector][VECTOR_CONTROL] & VECTOR_MASKED) ||
	    (control(x) & (CONTROL_ENABLE | CONTROL_MASK_ALL)) != CONTROL_ENABLE || !pci_is_master(x->f)) {
		return E_NOENT;
	}
	*address = (uint64_t)x->entry[vector][ADDRESS_HIGH] << 32 | x->entry[vector][ADDRESS_LOW];
	*data = x->entry[vector][DATA];
	return OK;
}

void msix_send(struct msix *x, unsigned vector)
{
	uint64_t address;
	uint32_t data;

	if (vector >= x->count) {
		return;
	}
	if (msix_message(x, vector, &address, &data) < 0) {
		x->pending |= 1u << vector;
		return;
	}
	x->pending &= ~(1u << vector);
	vm_msi(address, data);
}

void msix_config_written(struct msix *x)
{
	/* Off: nothing is owed any more (6.8.3.4 leaves it open; a guest that turns it on starts afresh). */
	if (!msix_enabled(x)) {
		x->pending = 0;
	}
	for (unsigned vector = 0; vector < x->count; vector++) {
		if (x->pending >> vector & 1) {
			msix_send(x, vector);
		}
	}
}

/* Bytes [at, at + size) of an array of len bytes; what is beyond reads as zero. */
static uint64_t read_bytes(const void *bytes, uint64_t len, uint64_t at, unsigned size)
{
	uint64_t value = 0;

	if (at < len) {
		memcpy(&value, (const uint8_t *)bytes + at, size < len - at ? size : (size_t)(len - at));
	}
	return value;
}

void msix_table_access(struct msix *x, struct io_access *io)
{
	uint64_t len = (uint64_t)x->count * MSIX_ENTRY;

	if (!io->write) {
		io->value = read_bytes(x->entry, len, io->addr, io->size);
		return;
	}
	/* Dwords and qwords in their places only: software shall not write otherwise (6.8.2). */
	if (io->size < 4 || io->addr % io->size || !range_within(io->addr, io->size, len)) {
		return;
	}
	memcpy((uint8_t *)x->entry + io->addr, &io->value, io->size);
	for (uint64_t word = io->addr / 4; word < (io->addr + io->size) / 4; word++) {
		uint32_t *w = &x->entry[word / 4][word % 4];

		*w &= word % 4 == ADDRESS_LOW ? 0xfffffffc : word % 4 == VECTOR_CONTROL ? VECTOR_MASKED : 0xffffffff;
	}
	if (x->pending >> io->addr / MSIX_ENTRY & 1) {
		msix_send(x, (unsigned)(io->addr / MSIX_ENTRY));
	}
}

void msix_pba_access(struct msix *x, struct io_access *io)
{
	uint8_t pba[MSIX_PBA_BYTES] = { 0 };

	if (!io->write) {
		memcpy(pba, &x->pending, sizeof(x->pending));
		io->value = read_bytes(pba, sizeof(pba), io->addr, io->size);
	}
}
