/* SPDX-License-Identifier: Apache-2.0 */
/* Small images for the loaders' tests, right in every field, to be broken one field at a time. */
#pragma once

#include <stdint.h>
#include <string.h>

/* A bzImage: boot sector, one sector of setup, KERNEL_BYTES of kernel that prefers 2 MiB and wants 64 KiB there. */
enum {
	BZ_SETUP_SECTS = 0x1f1, BZ_SYSSIZE = 0x1f4, BZ_BOOT_FLAG = 0x1fe, BZ_JUMP = 0x200, BZ_MAGIC = 0x202, BZ_VERSION = 0x206,
	BZ_LOADER = 0x210, BZ_LOADFLAGS = 0x211, BZ_CODE32 = 0x214, BZ_RAMDISK = 0x218, BZ_RAMDISK_SIZE = 0x21c, BZ_CMDLINE = 0x228,
	BZ_INITRD_MAX = 0x22c, BZ_ALIGNMENT = 0x230, BZ_RELOCATABLE = 0x234, BZ_XLOADFLAGS = 0x236,
	BZ_CMDLINE_SIZE = 0x238, BZ_PREF_ADDRESS = 0x258, BZ_INIT_SIZE = 0x260,
	BZ_KERNEL = 1024, BZ_KERNEL_BYTES = 2048, BZ_BYTES = BZ_KERNEL + BZ_KERNEL_BYTES,
};

static inline void put(uint8_t *image, size_t at, uint64_t value, size_t size)
{
	memcpy(image + at, &value, size);
}

static inline uint64_t get(const uint8_t *image, size_t at, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, image + at, size);
	return value;
}

static inline void make_bzimage(uint8_t image[BZ_BYTES])
{
	memset(image, 0, BZ_KERNEL);
	memset(image + BZ_KERNEL, 0xf4, BZ_KERNEL_BYTES);
	put(image, BZ_SETUP_SECTS, 1, 1);
	put(image, BZ_SYSSIZE, BZ_KERNEL_BYTES / 16, 4);
	put(image, BZ_BOOT_FLAG, 0xaa55, 2);
	put(image, BZ_JUMP, 0x66eb, 2);
	put(image, BZ_MAGIC, 0x53726448, 4);
	put(image, BZ_VERSION, 0x20f, 2);
	put(image, BZ_LOADFLAGS, 1, 1);
	put(image, BZ_CODE32, 0x100000, 4);
	put(image, BZ_INITRD_MAX, 0x7fffffff, 4);
	put(image, BZ_ALIGNMENT, 0x100000, 4);
	put(image, BZ_RELOCATABLE, 1, 1);
	put(image, BZ_XLOADFLAGS, 1, 2);
	put(image, BZ_CMDLINE_SIZE, 255, 4);
	put(image, BZ_PREF_ADDRESS, 0x200000, 8);
	put(image, BZ_INIT_SIZE, 0x10000, 4);
}

/* A PVH image, ELF64 or ELF32: program header 0 loads 256 bytes at 2 MiB (4096 in memory), 1 is the note. */
enum {
	PVH_CLASS = 4, PVH_TYPE = 16, PVH_MACHINE = 18, PVH_PHDR = 64, PVH_NOTE = 256, PVH_CODE = 512, PVH_CODE_BYTES = 256,
	PVH_BYTES = PVH_CODE + PVH_CODE_BYTES, PVH_NOTE_BYTES = 12 + 4 + 4,
	PVH64_PHOFF = 32, PVH64_PHENTSIZE = 54, PVH64_PHNUM = 56,
	PVH64_OFFSET = PVH_PHDR + 8, PVH64_PADDR = PVH_PHDR + 24, PVH64_FILESZ = PVH_PHDR + 32, PVH64_MEMSZ = PVH_PHDR + 40,
	PVH_NOTE_NAMESZ = PVH_NOTE, PVH_NOTE_DESCSZ = PVH_NOTE + 4, PVH_NOTE_TYPE = PVH_NOTE + 8, PVH_NOTE_NAME = PVH_NOTE + 12,
	PVH_NOTE_ENTRY = PVH_NOTE + 16,
	PVH_LOAD = 0x200000, PVH_ENTRY = PVH_LOAD + 16, PVH_MEMSZ = 4096,
};

static inline void make_phdr(uint8_t *p, int is64, uint32_t type, uint64_t offset, uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
	put(p, 0, type, 4);
	put(p, is64 ? 8 : 4, offset, is64 ? 8 : 4);
	put(p, is64 ? 24 : 12, paddr, is64 ? 8 : 4);
	put(p, is64 ? 32 : 16, filesz, is64 ? 8 : 4);
	put(p, is64 ? 40 : 20, memsz, is64 ? 8 : 4);
	put(p, is64 ? 48 : 28, 4, 4);
}

static inline void make_pvh(uint8_t image[PVH_BYTES], int is64)
{
	size_t phdr = is64 ? 56 : 32;

	memset(image, 0, PVH_BYTES);
	memcpy(image, "\177ELF", 4);
	put(image, PVH_CLASS, is64 ? 2 : 1, 1);
	put(image, 5, 1, 1);
	put(image, PVH_TYPE, 2, 2);
	put(image, PVH_MACHINE, is64 ? 62 : 3, 2);
	put(image, is64 ? PVH64_PHOFF : 28, PVH_PHDR, 4);
	put(image, is64 ? PVH64_PHENTSIZE : 42, phdr, 2);
	put(image, is64 ? PVH64_PHNUM : 44, 2, 2);
	make_phdr(image + PVH_PHDR, is64, 1, PVH_CODE, PVH_LOAD, PVH_CODE_BYTES, PVH_MEMSZ);
	make_phdr(image + PVH_PHDR + phdr, is64, 4, PVH_NOTE, 0, PVH_NOTE_BYTES, PVH_NOTE_BYTES);
	put(image, PVH_NOTE_NAMESZ, 4, 4);
	put(image, PVH_NOTE_DESCSZ, 4, 4);
	put(image, PVH_NOTE_TYPE, 18, 4);
	memcpy(image + PVH_NOTE_NAME, "Xen", 4);
	put(image, PVH_NOTE_ENTRY, PVH_ENTRY, 4);
	memset(image + PVH_CODE, 0xf4, PVH_CODE_BYTES);
}
