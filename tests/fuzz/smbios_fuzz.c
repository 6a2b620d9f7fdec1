/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the memory that SMBIOS tables lie in. The first says where they are looked for: at the start of the rest as a
 * loader's copy, as EFI's system table, or in the BIOS' place. Checksums are put right where entry points seem to stand.
 * sources: init/smbios.c
 */
#include <stdlib.h>
#include <string.h>

#include "init/smbios.h"
#include "tests/fake/ram.h"

enum { BIOS = 0xf0000, ROOM = 0x1000, WAY_COPY = 1, WAY_EFI = 2 };

static uint8_t ram[BIOS + ROOM];
static struct fake_ram memory = { ram, 0 };

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void fix_sum(size_t at, size_t len, size_t sum_at)
{
	uint8_t sum = 0;

	ram[sum_at] = 0;
	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + ram[at + i]);
	}
	ram[sum_at] = (uint8_t)-sum;
}

static void fix_entries(size_t base)
{
	for (size_t at = base; at + 32 <= memory.size; at++) {
		if (memcmp(ram + at, "_SM3_", 5) == 0 && ram[at + 6] <= 32) {
			fix_sum(at, ram[at + 6], at + 5);
		} else if (memcmp(ram + at, "_SM_", 4) == 0 && ram[at + 5] <= 32) {
			fix_sum(at + 16, 15, at + 21);
			fix_sum(at, ram[at + 5], at + 4);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t uuid[SMBIOS_UUID_BYTES], sum = 0;
	struct boot_smbios from = { 0 };
	size_t base;
	const char *why;

	if (len < 1 || len > ROOM) {
		return 0;
	}
	base = data[0] & (WAY_COPY | WAY_EFI) ? 0 : BIOS;
	memset(ram + base, 0, ROOM);
	memcpy(ram + base, data + 1, len - 1);
	memory.size = base + len - 1;
	fix_entries(base);
	from.copy_bytes = data[0] & WAY_COPY ? memory.size : 0;
	from.efi_system_table = data[0] & WAY_EFI ? 1 : 0;
	why = smbios_read_uuid(uuid, &from, fake_ram_read, &memory);
	for (unsigned i = 0; i < sizeof(uuid); i++) {
		sum |= uuid[i];
	}
	check((why == NULL) == (sum != 0));
	return 0;
}
