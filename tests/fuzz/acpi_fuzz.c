/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the memory that ACPI tables lie in: the RSDP at its start, addresses relative to it. Checksums are put
 * right where tables seem to stand, or little would ever be parsed.
 * sources: init/acpi.c
 */
#include <stdlib.h>
#include <string.h>

#include "init/acpi.h"
#include "tests/fake/ram.h"

enum { SIZE_MAX_BYTES = 1 << 16 };

static uint8_t ram[SIZE_MAX_BYTES];
static struct fake_ram memory = { ram, 0 };

static void fix_sum(size_t at, size_t len, size_t sum_at)
{
	uint8_t s = 0;

	ram[sum_at] = 0;
	for (size_t i = 0; i < len; i++) {
		s = (uint8_t)(s + ram[at + i]);
	}
	ram[sum_at] = (uint8_t)-s;
}

static void fix_tables(void)
{
	static const char *const names[] = { "APIC", "FACP", "HPET", "MCFG", "SRAT", "SLIT", "DMAR", "IVRS", "DSDT", "XSDT", "RSDT" };

	for (size_t at = 0; at + 36 <= memory.size; at += 4) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			uint32_t length;

			memcpy(&length, ram + at + 4, 4);
			if (!memcmp(ram + at, names[i], 4) && range_within(at, length, memory.size) && length >= 36) {
				fix_sum(at, length, at + 9);
			}
		}
	}
	if (memory.size >= 36) {
		fix_sum(0, 20, 8);
		fix_sum(0, 36, 32);
	}
}

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct acpi_info info;
	uint8_t rsdp[ACPI_RSDP_V2];

	memory.size = len < sizeof(ram) ? len : sizeof(ram);
	memcpy(ram, data, memory.size);
	fix_tables();
	if (acpi_parse(&info, ram, memory.size < ACPI_RSDP_V2 ? memory.size : ACPI_RSDP_V2, fake_ram_read, &memory) == OK) {
		check(info.ioapic_count <= ACPI_IOAPIC_MAX);
		check(!info.s5_found || (info.s5_a <= 7 && info.s5_b <= 7));
		check(!info.reset_is_port || info.reset <= 0xffff);
	}
	acpi_scan_rsdp(rsdp, fake_ram_read, &memory);
	return 0;
}
