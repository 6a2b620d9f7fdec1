/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's DSDT. ACPI 6.5: 6.2 (_CRS, _PRT, _OSC), 6.4 (resource descriptors); PCI Firmware 3.3, 4.1 and 4.5. */
#include "vmm/acpi_dsdt.h"

#include <string.h>

#include "vmm/pci_host.h"
#include "vmm/platform.h"

/* ---- resource descriptors, 6.4 ---- */

enum {
	RES_IO = 0x47, RES_IRQ = 0x22, RES_END = 0x79, RES_MEMORY32_FIXED = 0x86, RES_DWORD = 0x87, RES_WORD = 0x88,
	RES_EXT_IRQ = 0x89,
};
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2, RANGE_FIXED = 0x0c, MEMORY_WRITABLE = 1, IO_ENTIRE = 3 };

enum { RESOURCES_MAX = 128 };

/* A resource template under construction. */
struct resources {
	uint8_t buf[RESOURCES_MAX];
	size_t len;
};

static void put(struct resources *r, const void *bytes, size_t len)
{
	memcpy(r->buf + r->len, bytes, len);
	r->len += len;
}

/* A fixed range of ports with 16-bit decoding. */
static void add_ports(struct resources *r, uint16_t port, uint8_t len)
{
	const uint8_t d[] = {
		RES_IO, 1, (uint8_t)port, (uint8_t)(port >> 8), (uint8_t)port, (uint8_t)(port >> 8), 1, len,
	};

	put(r, d, sizeof(d));
}

/* One edge-triggered ISA line. */
static void add_isa_line(struct resources *r, unsigned line)
{
	const uint8_t d[] = { RES_IRQ, (uint8_t)(1u << line), (uint8_t)(1u << line >> 8) };

	put(r, d, sizeof(d));
}

/* One edge-triggered, active high interrupt by its global number, for this device alone. */
static void add_gsi(struct resources *r, uint32_t gsi)
{
	const struct { uint8_t type; uint16_t len; uint8_t flags, count; uint32_t gsi; } __attribute__((packed)) d = {
		RES_EXT_IRQ, 6, 0x03, 1, gsi,
	};

	put(r, &d, sizeof(d));
}

static void add_memory_fixed(struct resources *r, uint64_t base, uint64_t size)
{
	const struct { uint8_t type; uint16_t len; uint8_t writable; uint32_t base, size; } __attribute__((packed)) d = {
		RES_MEMORY32_FIXED, 9, 1, (uint32_t)base, (uint32_t)size,
	};

	put(r, &d, sizeof(d));
}

/* What a bridge passes on: word and double-word address space descriptors (6.4.3.5). */
static void add_word_window(struct resources *r, uint8_t space, uint8_t flags, unsigned first, unsigned last)
{
	const struct {
		uint8_t type;
		uint16_t len;
		uint8_t space, range, flags;
		uint16_t granularity, first, last, translation, size;
	} __attribute__((packed)) d = {
		RES_WORD, 13, space, RANGE_FIXED, flags, 0, (uint16_t)first, (uint16_t)last, 0, (uint16_t)(last - first + 1),
	};

	put(r, &d, sizeof(d));
}

static void add_memory_window(struct resources *r, uint64_t base, uint64_t size)
{
	const struct {
		uint8_t type;
		uint16_t len;
		uint8_t space, range, flags;
		uint32_t granularity, first, last, translation, size;
	} __attribute__((packed)) d = {
		RES_DWORD, 23, SPACE_MEMORY, RANGE_FIXED, MEMORY_WRITABLE, 0, (uint32_t)base, (uint32_t)(base + size - 1), 0,
		(uint32_t)size,
	};

	put(r, &d, sizeof(d));
}

static void name_crs(struct aml *a, struct resources *r)
{
	const uint8_t end[] = { RES_END, 0 };

	put(r, end, sizeof(end));
	aml_name_buffer(a, "_CRS", r->buf, (uint8_t)r->len);
}

/* ---- devices ---- */

static void add_isa_device(struct aml *a, const char *name, const char *id, uint16_t port, uint8_t len, unsigned line)
{
	size_t device = aml_open_device(a, name);
	struct resources r = { .len = 0 };

	aml_name_eisaid(a, "_HID", id);
	aml_name_integer(a, "_UID", 0);
	add_ports(&r, port, len);
	add_isa_line(&r, line);
	name_crs(a, &r);
	aml_close(a, device);
}

static void add_processor(struct aml *a, unsigned id)
{
	const char name[] = { 'C', 'P', 'U', (char)('0' + id), '\0' };
	size_t device = aml_open_device(a, name);

	aml_name_string(a, "_HID", "ACPI0007");
	aml_name_integer(a, "_UID", id);
	aml_close(a, device);
}

/* Where INTA# of each slot goes, by global system interrupt: slot and any function, pin, no link device, line (6.2.13). */
static void add_routing(struct aml *a)
{
	size_t all = aml_open_package(a, "_PRT", PCI_SLOTS - 1);

	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		size_t one = aml_open_element(a, 4);

		aml_integer(a, slot << 16 | 0xffff);
		aml_integer(a, 0);
		aml_integer(a, 0);
		aml_integer(a, pci_host_gsi(slot));
		aml_close(a, one);
	}
	aml_close(a, all);
}

/* Method(_OSC, 4) { Return (Arg3) }: the guest may have every feature of the bridge that it asks for (6.2.11). */
static void add_osc(struct aml *a)
{
	static const uint8_t method[] = { 0x14, 0x08, '_', 'O', 'S', 'C', 0x04, 0xa4, 0x6b };

	aml_bytes(a, method, sizeof(method));
}

static void add_pci_root(struct aml *a)
{
	size_t device = aml_open_device(a, "PCI0");
	struct resources r = { .len = 0 };

	aml_name_eisaid(a, "_HID", "PNP0A08");
	aml_name_eisaid(a, "_CID", "PNP0A03");
	aml_name_integer(a, "_UID", 0);
	aml_name_integer(a, "_SEG", 0);
	aml_name_integer(a, "_BBN", 0);
	add_word_window(&r, SPACE_BUS, 0, 0, 0);
	add_ports(&r, PORT_PCI_ADDRESS, 8);
	add_word_window(&r, SPACE_IO, IO_ENTIRE, 0, PORT_PCI_ADDRESS - 1);
	add_word_window(&r, SPACE_IO, IO_ENTIRE, PORT_PCI_DATA + 4, 0xffff);
	add_memory_window(&r, PLATFORM_PCI_WINDOW, PLATFORM_PCI_WINDOW_SIZE);
	name_crs(a, &r);
	add_osc(a);
	add_routing(a);
	aml_close(a, device);
}

/* Memory that no device driver shall take: guests believe the MCFG table only if it is reserved here. */
static void add_board(struct aml *a)
{
	size_t device = aml_open_device(a, "MBRD");
	struct resources r = { .len = 0 };

	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_integer(a, "_UID", 0);
	add_memory_fixed(&r, PLATFORM_ECAM, PLATFORM_ECAM_SIZE);
	name_crs(a, &r);
	aml_close(a, device);
}

static void add_hpet(struct aml *a)
{
	size_t device = aml_open_device(a, "HPET");
	struct resources r = { .len = 0 };

	aml_name_eisaid(a, "_HID", "PNP0103");
	aml_name_integer(a, "_UID", 0);
	add_memory_fixed(&r, PLATFORM_HPET, PLATFORM_HPET_SIZE);
	name_crs(a, &r);
	aml_close(a, device);
}

static void add_virtio(struct aml *a, unsigned index)
{
	const char name[] = { 'V', 'R', '0', (char)('0' + index), '\0' };
	size_t device = aml_open_device(a, name);
	struct resources r = { .len = 0 };

	aml_name_string(a, "_HID", "LNRO0005");
	aml_name_integer(a, "_UID", index);
	add_memory_fixed(&r, PLATFORM_VIRTIO_MMIO + index * PLATFORM_VIRTIO_MMIO_SIZE, PLATFORM_VIRTIO_MMIO_SIZE);
	add_gsi(&r, GSI_VIRTIO_MMIO + index);
	name_crs(a, &r);
	aml_close(a, device);
}

static void add_soft_off(struct aml *a)
{
	size_t package = aml_open_package(a, "_S5_", 4);

	aml_integer(a, S5_SLP_TYP);
	aml_integer(a, S5_SLP_TYP);
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_close(a, package);
}

void acpi_dsdt_body(struct aml *a, const struct acpi_platform *platform)
{
	size_t scope;

	add_soft_off(a);
	scope = aml_open_scope(a, "_SB_");
	for (unsigned i = 0; i < platform->vcpus; i++) {
		add_processor(a, i);
	}
	add_isa_device(a, "TIMR", "PNP0100", PORT_PIT, 4, GSI_PIT);
	add_isa_device(a, "RTC0", "PNP0B00", PORT_RTC, RTC_LEN, GSI_RTC);
	add_isa_device(a, "COM1", "PNP0501", PORT_COM1, COM1_LEN, GSI_COM1);
	add_pci_root(a);
	add_board(a);
	if (platform->hpet) {
		add_hpet(a);
	}
	for (unsigned i = 0; i < platform->virtio_mmio; i++) {
		add_virtio(a, i);
	}
	aml_close(a, scope);
}
