/* SPDX-License-Identifier: Apache-2.0 */
/* The ACPI tables of this machine: read through the page windows, noted, logged. See acpi.h. */
#include "arch/x86/acpi/acpi.h"

#include "arch/x86/boot/bootinfo.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/log.h"
#include "lib/fmt.h"

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
	char list[ACPI_TABLE_COUNT * sizeof(name[0]) + 1] = "";
	size_t n = 0;

	for (unsigned i = 0; i < ACPI_TABLE_COUNT; i++) {
		n += a->table[i].length ? fmt_print(list + n, sizeof(list) - n, " %s", name[i]) : 0;
	}
	log_printf("acpi:%s; %u CPUs, %u IOAPICs, %s_S5_, %u tables refused", list, a->cpu_count, a->ioapic_count,
		   a->s5_found ? "" : "no ", a->refused);
}

void acpi_init(const struct boot_info *boot)
{
	uint8_t scanned[ACPI_RSDP_V2];
	const uint8_t *rsdp = boot->rsdp;
	size_t size = boot->rsdp_size;

	if (!size) {
		rsdp = scanned;
		size = acpi_scan_rsdp(scanned, read_phys, NULL);
	}
	if (acpi_parse(&acpi_info, rsdp, size, read_phys, NULL) < 0) {
		log_printf("acpi: no tables; no IOAPIC, no power-off");
	} else {
		log_tables(&acpi_info);
	}
}
