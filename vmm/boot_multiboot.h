/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot kernels: versions 0.6.96 ("1") and 2.0 of the specification, ELF32, ELF64, or at the addresses that the header
 * gives. The vCPU starts in 32-bit protected mode without paging.
 */
#pragma once

#include "vmm/boot_elf.h"
#include "vmm/load.h"

/* True when the file has a valid header where the specification wants it. */
bool boot_multiboot_probe(const struct boot_image *image);
bool boot_multiboot2_probe(const struct boot_image *image);

/* As load_guest(). What a header asks for and a VM cannot give, a screen for one, is refused. */
int boot_multiboot_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why) MUST_CHECK;
int boot_multiboot2_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why) MUST_CHECK;

/* ---- what the two share ---- */

/* Where a header wants its kernel. The addresses count when has_addresses, else the ELF headers do. */
struct mb_kernel {
	uint64_t header_offset;              /* in the file                                          */
	bool has_addresses, has_entry;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct mb_module {
	uint32_t start, end;
	const char *text;
};

/* The kernel and its modules as they stand in guest memory. */
struct mb_loaded {
	uint32_t base, entry;
	unsigned module_count;
	struct mb_module module[BOOT_MODULES_MAX + 1];
};

/* Loads the kernel, and behind it, each at a page, the initrd and the modules. */
int mb_load(const struct boot_request *req, const struct mb_kernel *k, struct mb_loaded *out, struct boot_reason *why)
	MUST_CHECK;

/* Bytes that are put together for guest memory from BOOT_LOW_INFO on. */
struct mb_info {
	size_t len;
	bool full;                           /* something did not fit                                */
	uint8_t bytes[16384];
};

/* Appends bytes at the next multiple of align, a power of two; returns their guest-physical address. */
uint32_t mb_info_add(struct mb_info *info, const void *bytes, size_t len, size_t align);
uint32_t mb_info_text(struct mb_info *info, const char *text);

/* Copies it to guest memory and sets *entry. */
int mb_start(const struct boot_request *req, const struct mb_info *info, const struct mb_loaded *loaded, uint32_t magic,
	     struct boot_entry *entry, struct boot_reason *why) MUST_CHECK;
