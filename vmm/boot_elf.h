/* SPDX-License-Identifier: Apache-2.0 */
/* ELF32 and ELF64 executables for x86, as kernels: every number is checked against the file and the guest's memory. */
#pragma once

#include "lib/elf_format.h"
#include "vmm/load.h"

/* A checked header, class apart. */
struct boot_elf {
	const uint8_t *bytes;
	size_t size;
	uint64_t phoff, entry;
	unsigned phnum, phentsize;
	bool is64;
};

/* What was loaded. */
struct boot_loaded {
	uint64_t start, end;         /* physical addresses of the first byte and behind the last     */
	uint64_t total;              /* bytes                                                        */
	uint64_t entry;              /* physical address of boot_elf.entry                           */
};

/* True when the file starts as an ELF file. */
bool boot_elf_probe(const struct boot_image *image);

/* E_PROTO: broken, or of another kind. */
int boot_elf_parse(const struct boot_image *image, struct boot_elf *elf, struct boot_reason *why) MUST_CHECK;

/* Program header i, i < elf->phnum, in the form of ELF64. Its numbers are not checked. */
struct elf64_phdr boot_elf_phdr(const struct boot_elf *elf, unsigned i);

/*
 * Copies one piece of the kernel: filesz bytes at offset of the file to paddr, zeroes up to memsz. lowest: the first address
 * that it may have. E_PROTO, E_NOMEM.
 */
int boot_put_segment(const struct boot_request *req, const struct elf64_phdr *p, uint64_t lowest, struct boot_loaded *to,
		     struct boot_reason *why) MUST_CHECK;

/* All segments by boot_put_segment(). *to starts as zeroes. */
int boot_elf_load(const struct boot_request *req, const struct boot_elf *elf, uint64_t lowest, struct boot_loaded *to,
		  struct boot_reason *why) MUST_CHECK;
