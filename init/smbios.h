/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's UUID out of the firmware's SMBIOS tables (DSP0134 3.7: 5.2 entry points, 7.2 System Information). Pure: memory is
 * read through a callback, every length is bounded, every byte is copied once.
 */
#pragma once

#include "init/acpi.h"
#include "init/bootinfo.h"

enum {
	SMBIOS_UUID_BYTES = 16,
	SMBIOS_TABLE_BYTES_MAX = 64 << 10,      /* looked at; what lies behind is ignored */
	SMBIOS_EFI_TABLES_MAX = 256,            /* of EFI's list of tables, likewise      */
};

/*
 * Looks for the tables where the loader said (from; its copy of them, or EFI's system table), else from F0000h to FFFFFh as a BIOS
 * has them. NULL: uuid has the bytes as they lie in memory. Otherwise uuid is all zeros, and words say why, as the end of a
 * sentence; a UUID that is not set, or that is known to be the same on many machines, counts as none.
 */
const char *smbios_read_uuid(uint8_t uuid[SMBIOS_UUID_BYTES], const struct boot_smbios *from, acpi_read_fn *read, void *ctx) MUST_CHECK;
