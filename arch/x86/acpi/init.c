/* SPDX-License-Identifier: Apache-2.0 */
/* The ACPI tables of this machine: read through the page windows, noted, logged. See acpi.h. */
#include "arch/x86/acpi/acpi.h"

#include "arch/x86/boot/bootinfo.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/mm/window.h"
#include "kernel/log.h"

struct acpi_info acpi_info;

static bool read_phys(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	if (!range_within(addr, len, 1ull << cpu_features.phys_bits)) {
		return false;
	}
	phys_read(hpa(addr), buf, len);
	return true;
}

static void log_tables(const struct acpi_info *a)
{
	static const char name[ACPI_TABLE_COUNT][5] = { "MADT", "FADT", "HPET", "MCFG", "SRAT", "DMAR", "IVRS" };

	for (unsigned i = 0; i < ACPI_TABLE_COUNT; i++) {
		if (a->table[i].length) {
			log_printf("acpi: %s at %#llx, %u bytes", name[i], (unsigned long long)a->table[i].base.v,
				   a->table[i].length);
		}
	}
	if (a->refused) {
		log_printf("acpi: %u tables refused: length or checksum wrong", a->refused);
	}
	log_printf("acpi: %u CPUs, %u IOAPICs, %s_S5_", a->cpu_count, a->ioapic_count, a->s5_found ? "" : "no ");
}

void acpi_init(const struct boot_info *boot)
{
	uint8_t rsdp[ACPI_RSDP_V2] = { 0 };
	size_t size = boot->rsdp_size;

	if (size) {
		__builtin_memcpy(rsdp, boot->rsdp, sizeof(rsdp));
	} else {
		size = acpi_scan_rsdp(rsdp, read_phys, NULL);
	}
	if (acpi_parse(&acpi_info, rsdp, size, read_phys, NULL) < 0) {
		log_printf("acpi: no tables; one CPU, no IOAPIC, no power-off");
	} else {
		log_tables(&acpi_info);
	}
	if (!acpi_info.cpu_count) {
		acpi_info.cpu_count = 1;
	}
}
