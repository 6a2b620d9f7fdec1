/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64 static executables of x86-64 (System V gABI ch. 5), parsed without trust: every offset and size is checked
 * against the file before use. Shared by the kernel (init) and by init (all others).
 */
#pragma once

#include "lib/base.h"

enum { ELF_SEGMENTS_MAX = 8 };

struct elf_segment {
	uint64_t addr;               /* p_vaddr; its page does not overlap another segment's          */
	uint64_t mem_size;           /* not 0; addr + mem_size rounds up inside the limit             */
	uint64_t file_offset;        /* congruent to addr modulo PAGE_SIZE                            */
	uint64_t file_size;          /* <= mem_size; inside the file                                  */
	bool read, write, exec;      /* never write and exec                                          */
};

struct elf_image {
	uint64_t entry;              /* inside an executable segment                                  */
	unsigned segment_count;      /* at least 1; ascending addresses                               */
	struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/*
 * Reads the headers of file. All segments must lie in [low, high).
 *   E_PROTO   not such a file, or broken: *why says in words what is wrong
 */
int elf_parse(const void *file, uint64_t size, uint64_t low, uint64_t high, struct elf_image *out, const char **why)
	MUST_CHECK;
