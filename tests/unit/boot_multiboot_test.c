/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loader of Multiboot kernels of both versions: placement, what the kernel is told, headers that ask for too much or lie.
 * sources: vmm/load.c vmm/boot_linux.c vmm/boot_pvh.c vmm/boot_elf.c vmm/boot_multiboot.c vmm/boot_multiboot2.c vmm/memmap.c vmm/gmem.c lib/fmt.c
 */
#include "vmm/boot_multiboot.h"

#include <stdlib.h>

#include "tests/unit/boot_images.h"
#include "tests/unit/check.h"

enum { RAM = 4 << 20, RSDP = 0xe0000, HEADER = 64, BYTES = 512, LOAD = 0x100000 };

static uint8_t ram[RAM];
static struct gmem mem;
static struct memmap map;
static uint8_t image[4096], elf[4096];
static size_t image_size;
static struct boot_request req;
static struct boot_entry start;
static struct boot_reason why;

static void setup(void)
{
	memset(ram, 0xaa, sizeof(ram));
	memset(ram + RSDP, 0, 64);
	memcpy(ram + RSDP, "RSD PTR ", 8);
	mem = (struct gmem){ .count = 1, .slot = { { .size = RAM, .host = ram } } };
	CHECK_EQ(memmap_build(&map, &mem), OK);
	req = (struct boot_request){ .mem = &mem, .map = &map, .kernel = { image, image_size }, .cmdline = "hello", .rsdp = RSDP };
	why.text[0] = '\0';
}

/* Version 1: words behind magic, flags, checksum. */
static void make1(uint32_t flags, const uint32_t addresses[5])
{
	memset(image, 0xf4, sizeof(image));
	image_size = BYTES;
	put(image, HEADER, 0x1badb002, 4);
	put(image, HEADER + 4, flags, 4);
	put(image, HEADER + 8, 0u - 0x1badb002 - flags, 4);
	for (unsigned i = 0; addresses && i < 5; i++) {
		put(image, HEADER + 12 + 4 * i, addresses[i], 4);
	}
	setup();
}

/* Version 2: the tags as they stand. */
static void make2(const uint32_t *tags, size_t bytes)
{
	uint32_t length = 16 + (uint32_t)bytes;

	memset(image, 0xf4, sizeof(image));
	image_size = BYTES;
	put(image, HEADER, 0xe85250d6, 4);
	put(image, HEADER + 4, 0, 4);
	put(image, HEADER + 8, length, 4);
	put(image, HEADER + 12, 0u - 0xe85250d6 - length, 4);
	memcpy(image + HEADER + 16, tags, bytes);
	setup();
}

static int load(void)
{
	return load_guest(&req, &start, &why);
}

static const uint32_t plain[5] = { LOAD + HEADER, LOAD, LOAD + 256, LOAD + 1024, LOAD + 128 };

TEST(version_1_is_loaded_by_its_addresses)
{
	static uint8_t file[5000] = { 1, 2, 3 };
	const uint8_t *info = ram + BOOT_LOW_INFO;
	uint64_t mods;

	make1(0x10003, plain);
	req.initrd = (struct boot_image){ file, sizeof(file) };
	req.initrd_name = "ram disk";
	req.module[0] = (struct boot_module){ { file, 3 }, "some text" };
	req.module_count = 1;
	CHECK_EQ(load(), OK);
	CHECK_EQ(start.mode, BOOT_PROTECTED_MODE);
	CHECK_EQ(start.rip, LOAD + 128);
	CHECK_EQ(start.magic, 0x2badb002);
	CHECK_EQ(start.info, BOOT_LOW_INFO);
	CHECK_MEM(ram + LOAD, image, 256);
	CHECK_EQ(ram[LOAD + 256], 0);
	CHECK_EQ(ram[LOAD + 1023], 0);
	CHECK_EQ(ram[LOAD + 1024], 0xaa);
	CHECK_EQ(get(info, 0, 4), 0x24d);
	CHECK_EQ(get(info, 4, 4), 639);
	CHECK_EQ(get(info, 8, 4), 3072);
	CHECK_STR((char *)ram + get(info, 16, 4), "hello");
	CHECK_STR((char *)ram + get(info, 64, 4), "Brume");
	CHECK_EQ(get(info, 20, 4), 2);
	mods = get(info, 24, 4);
	CHECK_EQ(get(ram, mods, 4), LOAD + 4096);
	CHECK_EQ(get(ram, mods + 4, 4), LOAD + 4096 + sizeof(file));
	CHECK_STR((char *)ram + get(ram, mods + 8, 4), "ram disk");
	CHECK_EQ(get(ram, mods + 16, 4), LOAD + 3 * 4096);
	CHECK_STR((char *)ram + get(ram, mods + 24, 4), "some text");
	CHECK_EQ(get(info, 44, 4), 24 * map.count);
	for (unsigned i = 0; i < map.count; i++) {
		uint64_t entry = get(info, 48, 4) + 24 * i;

		CHECK_EQ(get(ram, entry, 4), 20);
		CHECK_EQ(get(ram, entry + 4, 8), map.entry[i].base);
		CHECK_EQ(get(ram, entry + 12, 8), map.entry[i].size);
		CHECK_EQ(get(ram, entry + 20, 4), map.entry[i].type);
	}
	CHECK_MEM(ram + BOOT_COREBOOT, "LBIO", 4);
	CHECK_EQ(get(ram, BOOT_COREBOOT + 32, 8), map.entry[0].base);
}

/* GRUB's own image: one segment in conventional memory, the other from 1 MiB on. */
TEST(elf_files_of_both_classes_are_loaded_by_their_segments)
{
	for (int is64 = 0; is64 <= 1; is64++) {
		make_pvh(elf, is64);
		put(elf, PVH_NOTE_TYPE, 1, 4);           /* no PVH note */
		put(elf, 24, PVH_LOAD + 16, 4);          /* entry */
		memcpy(elf + PVH_CODE, "\x02\xb0\xad\x1b\x03\0\0\0\xfb\x4f\x52\xe4", 12);
		memcpy(image, elf, PVH_BYTES);
		image_size = PVH_BYTES;
		setup();
		CHECK_EQ(load(), OK);
		CHECK_EQ(start.rip, PVH_LOAD + 16);
		CHECK_MEM(ram + PVH_LOAD, elf + PVH_CODE, PVH_CODE_BYTES);
		CHECK_EQ(start.magic, 0x2badb002);
		put(image, PVH_PHDR + (is64 ? 16 : 8), PVH_LOAD, 4);
		put(image, is64 ? PVH64_PADDR : PVH_PHDR + 12, 0x9000, 4);
		CHECK_EQ(load(), OK);
		CHECK_EQ(start.rip, 0x9010);             /* by its virtual address */
		CHECK_MEM(ram + 0x9000, elf + PVH_CODE, PVH_CODE_BYTES);
		put(image, is64 ? PVH64_PADDR : PVH_PHDR + 12, BOOT_LOW_INFO - 1, 4);
		CHECK_EQ(load(), E_NOMEM);
		put(image, is64 ? PVH64_PADDR : PVH_PHDR + 12, 0x1000, 4);
		CHECK_EQ(load(), E_NOMEM);
	}
}

TEST(version_1_says_what_a_vm_cannot_give)
{
	static const struct { const char *word; uint32_t flags, addresses[5]; int want; } row[] = {
		{ "screen", 0x10007, { 0 }, E_PROTO },
		{ "nobody knows", 0x10013, { 0 }, E_PROTO },
		{ "not ELF", 3, { 0 }, E_PROTO },
		{ "not in the file", 0x10003, { LOAD, LOAD + 4, 0, 0, LOAD }, E_PROTO },
		{ "not in the file", 0x10003, { LOAD + HEADER + 1, LOAD, 0, 0, LOAD }, E_PROTO },
		{ "outside", 0x10003, { LOAD + HEADER, LOAD, LOAD + BYTES + 1, 0, LOAD }, E_PROTO },
		{ "in order", 0x10003, { LOAD + HEADER, LOAD, LOAD - 1, 0, LOAD }, E_PROTO },
		{ "more bytes", 0x10003, { LOAD + HEADER, LOAD, LOAD + 256, LOAD + 255, LOAD }, E_PROTO },
		{ "does not fit", 0x10003, { LOAD + HEADER, LOAD, LOAD + 256, 0xffffffff, LOAD }, E_NOMEM },
		{ "does not fit", 0x10003, { 0xa0000 + HEADER, 0xa0000, 0xa0100, 0, 0xa0000 }, E_NOMEM },
		{ "entry", 0x10003, { LOAD + HEADER, LOAD, LOAD + 256, 0, LOAD - 1 }, E_PROTO },
		{ "entry", 0x10003, { LOAD + HEADER, LOAD, LOAD + 256, 0, LOAD + 256 }, E_PROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		make1(row[i].flags, row[i].addresses);
		CHECK_EQ(load(), row[i].want);
		CHECK(strstr(why.text, row[i].word));
	}
}

#define END 0, 8
#define ADDRESSES 2, 24, LOAD + HEADER, LOAD, 0, 0
#define ENTRY 3, 12, LOAD + 300, 0

TEST(version_2_tells_by_tags)
{
	static const uint32_t tags[] = { 1, 20, 1, 3, 6, 0, ADDRESSES, ENTRY, 5 | 1 << 16, 20, 0, 0, 0, 0, END };
	static const uint8_t file[2] = { 7, 8 };
	const uint8_t *info = ram + BOOT_LOW_INFO;
	unsigned seen = 0, at = 8;

	make2(tags, sizeof(tags));
	req.module[0] = (struct boot_module){ { file, 2 }, "m" };
	req.module_count = 1;
	CHECK_EQ(load(), OK);
	CHECK_EQ(start.rip, LOAD + 300);
	CHECK_EQ(start.magic, 0x36d76289);
	CHECK_MEM(ram + LOAD, image, BYTES);
	for (; get(info, at, 4); at += (unsigned)(get(info, at + 4, 4) + 7) & ~7u) {
		unsigned type = (unsigned)get(info, at, 4);

		CHECK(at + get(info, at + 4, 4) <= get(info, 0, 4));
		seen |= 1u << type;
		if (type == 1) {
			CHECK_STR((const char *)info + at + 8, "hello");
		} else if (type == 3) {
			CHECK_EQ(ram[get(info, at + 8, 4)], 7);
			CHECK_EQ(get(info, at + 12, 4) - get(info, at + 8, 4), 2);
			CHECK_STR((const char *)info + at + 16, "m");
		} else if (type == 6) {
			CHECK_EQ(get(info, at + 8, 4), 24);
			CHECK_EQ((get(info, at + 4, 4) - 16) / 24, map.count);
		} else if (type == 15) {
			CHECK_MEM(info + at + 8, "RSD PTR ", 8);
		}
	}
	CHECK_EQ(seen, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 6 | 1u << 14 | 1u << 15 | 1u << 21);
	CHECK_EQ(at + 8, get(info, 0, 4));
}

TEST(version_2_says_what_a_vm_cannot_give)
{
	static const struct { const char *word; uint32_t tags[12]; } row[] = {
		{ "framebuffer", { 5, 20, 0, 0, 0, 0, END } },
		{ "text screen", { 4, 12, 3, 0, END } },
		{ "EFI", { 7, 8, END } },
		{ "information 8", { 1, 12, 8, 0, END } },
		{ "information 40", { 1, 12, 40, 0, END } },
		{ "tag 99", { 99, 8, END } },
		{ "too short", { 2, 8, END } },
		{ "too short", { 3, 8, END } },
		{ "broken", { 5 | 1 << 16, 4, END } },
		{ "broken", { 5 | 1 << 16, 0xffffffff, END } },
		{ "broken", { 99 | 1 << 16, 8 } },
		{ "no entry tag", { ADDRESSES, END } },
		{ "not ELF", { END } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		make2(row[i].tags, i == 10 ? 8 : sizeof(row[i].tags));
		CHECK_EQ(load(), E_PROTO);
		CHECK(strstr(why.text, row[i].word));
	}
}

TEST(modules_are_for_those_who_can_be_told)
{
	make_pvh(image, 1);
	image_size = PVH_BYTES;
	setup();
	req.module_count = 1;
	CHECK_EQ(load(), E_INVAL);
	CHECK(strstr(why.text, "modules are for Multiboot"));
}

TEST(modules_that_do_not_fit_are_named)
{
	make1(0x10003, plain);
	req.module[0] = (struct boot_module){ { ram, RAM - LOAD - 4095 }, "the-big-one" };
	req.module_count = 1;
	CHECK_EQ(load(), E_NOMEM);
	CHECK(strstr(why.text, "the-big-one"));
}

TEST(every_truncation_is_refused_or_loads)
{
	make1(0x10003, plain);
	for (size_t size = 0; size < BYTES; size++) {
		uint8_t *part = malloc(size);

		memcpy(part, image, size);
		req.kernel = (struct boot_image){ part, size };
		CHECK_EQ(load(), size >= 256 ? OK : E_PROTO);
		free(part);
	}
}
