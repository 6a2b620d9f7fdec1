/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of ELF executables: headers and program headers of both classes (System V gABI ch. 4 and 5). */
#pragma once

#include "lib/base.h"

enum {
	EI_CLASS = 4, EI_DATA = 5, ELF_CLASS32 = 1, ELF_CLASS64 = 2, ELF_LSB = 1,
	ET_EXEC = 2, EM_386 = 3, EM_X86_64 = 62,
	PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3, PT_NOTE = 4,
	PF_X = 1, PF_W = 2, PF_R = 4,
};

struct elf32_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf32_phdr { uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align; };
struct elf64_phdr { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };
struct elf_note { uint32_t name_size, desc_size, type; };

_Static_assert(sizeof(struct elf32_header) == 52 && sizeof(struct elf32_phdr) == 32, "ELF32");
_Static_assert(sizeof(struct elf64_header) == 64 && sizeof(struct elf64_phdr) == 56, "ELF64");
