/* SPDX-License-Identifier: Apache-2.0 */
/* What the loader said, checked and copied: nothing of the loader's own memory is needed after this, but for struct boot_smbios. */
#pragma once

#include "lib/base.h"

enum { BOOT_CMDLINE_MAX = 256, BOOT_MEM_MAX = 256, BOOT_MODULE_MAX = 32, BOOT_NAME_MAX = 64 };

/* Kinds of memory; where two claims overlap the greater one wins. */
enum boot_mem_type {
	BOOT_MEM_NONE,          /* nobody said anything: holes and devices; never in the list    */
	BOOT_MEM_FREE,          /* RAM that nobody uses                                          */
	BOOT_MEM_LOW,           /* RAM below 1 MiB: firmware and start-up code of CPUs, never offered */
	BOOT_MEM_ACPI,          /* RAM with ACPI tables                                          */
	BOOT_MEM_MODULE,        /* a boot module, whole pages                                    */
	BOOT_MEM_KERNEL,        /* ring 0's own                                                  */
	BOOT_MEM_PRESERVED,     /* on the preserve list: what a predecessor left for us          */
	BOOT_MEM_NVS,           /* firmware's, kept over sleep                                   */
	BOOT_MEM_RESERVED,
	BOOT_MEM_BAD,
};

struct boot_mem {
	uint64_t base, size;    /* host-physical, bytes, whole pages                             */
	uint32_t type;          /* enum boot_mem_type                                            */
};

struct boot_module {
	hpa_t base;             /* page aligned, in RAM, overlaps nothing                        */
	uint64_t size;          /* bytes of content; the rest of the last page is as the loader left it */
	char name[BOOT_NAME_MAX]; /* first word of its string without directories, terminated    */
};

/* A screen, as the loader describes it: nothing of it is checked. Kinds are those of console/node.h. */
struct boot_video {
	uint64_t base;          /* host-physical                                                 */
	uint32_t kind, width, height, pitch, bits;
	uint8_t colour_shift[3], colour_bits[3];
};

/* Where SMBIOS tables are, as the loader says: read before RAM is taken. */
struct boot_smbios {
	uint64_t copy, copy_bytes;      /* the loader's own, host-physical; 0 bytes: none        */
	uint64_t efi_system_table;      /* host-physical; 0: none, or one of 32 bits             */
};

struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];
	uint32_t mem_count, mem_dropped;       /* dropped: claims of free RAM without room in the table */
	struct boot_mem mem[BOOT_MEM_MAX];     /* sorted, disjoint, touching runs of one type merged */
	uint32_t module_count, module_dropped; /* dropped: beyond the table, not page aligned, outside RAM, overlapping */
	struct boot_module module[BOOT_MODULE_MAX];
	uint8_t rsdp[36];       /* copy of the RSDP when the loader passed it                    */
	uint32_t rsdp_size;     /* bytes valid in it: 0 (look for it in the BIOS), 20 or 36      */
	uint64_t ram_bytes;     /* all RAM, whoever uses it                                      */
	struct boot_video video;        /* kind 0: none                                          */
	struct boot_smbios smbios;
};

/*
 * Copies the value of the option `key` ("console" in "console=com2 panic=5") into out, terminated and
 * cut to size; a bare word gives "". False, and out untouched, when the command line has no such option.
 * The last one counts.
 */
bool boot_option(const char *cmdline, const char *key, char *out, size_t size);

/* The same for decimal numbers; fallback when absent or not a number that fits. */
uint32_t boot_option_u32(const char *cmdline, const char *key, uint32_t fallback);
