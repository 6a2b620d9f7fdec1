/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loader of PVH images, ELF32 and ELF64: placement, start information, hostile headers.
 * sources: vmm/load.c vmm/boot_linux.c vmm/boot_pvh.c vmm/boot_elf.c vmm/boot_multiboot.c vmm/boot_multiboot2.c vmm/memmap.c vmm/gmem.c lib/fmt.c
 */
#include "vmm/boot_pvh.h"

#include <stdlib.h>

#include "tests/unit/boot_images.h"
#include "tests/unit/check.h"

enum { RAM = 4 << 20, RSDP = 0xe0000 };

static uint8_t ram[RAM];
static struct gmem mem;
static struct memmap map;
static uint8_t image[PVH_BYTES];
static struct boot_request req;
static struct boot_entry start;
static struct boot_reason why;

static void setup(int is64)
{
	memset(ram, 0xaa, sizeof(ram));
	mem = (struct gmem){ .count = 1, .slot = { { .size = RAM, .host = ram } } };
	CHECK_EQ(memmap_build(&map, &mem), OK);
	make_pvh(image, is64);
	req = (struct boot_request){ .mem = &mem, .map = &map, .kernel = { image, sizeof(image) },
				     .cmdline = "hello", .rsdp = RSDP };
	why.text[0] = '\0';
}

static void loads(int is64)
{
	const uint8_t *info = ram + BOOT_INFO;
	uint64_t table;

	setup(is64);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.mode, BOOT_PROTECTED_MODE);
	CHECK_EQ(start.rip, PVH_ENTRY);
	CHECK_EQ(start.info, BOOT_INFO);
	CHECK_MEM(ram + PVH_LOAD, image + PVH_CODE, PVH_CODE_BYTES);
	CHECK_EQ(ram[PVH_LOAD + PVH_CODE_BYTES], 0);
	CHECK_EQ(ram[PVH_LOAD + PVH_MEMSZ - 1], 0);
	CHECK_EQ(ram[PVH_LOAD + PVH_MEMSZ], 0xaa);
	CHECK_EQ(get(info, 0, 4), 0x336ec578);
	CHECK_EQ(get(info, 4, 4), 1);
	CHECK_EQ(get(info, 12, 4), 0);
	CHECK_STR((char *)ram + get(info, 24, 8), "hello");
	CHECK_EQ(get(info, 32, 8), RSDP);
	table = get(info, 40, 8);
	CHECK_EQ(get(info, 48, 4), map.count);
	for (unsigned i = 0; i < map.count; i++) {
		CHECK_EQ(get(ram, table + 24 * i, 8), map.entry[i].base);
		CHECK_EQ(get(ram, table + 24 * i + 8, 8), map.entry[i].size);
		CHECK_EQ(get(ram, table + 24 * i + 16, 4), map.entry[i].type);
	}
}

TEST(elf64_loads) { loads(1); }
TEST(elf32_loads) { loads(0); }

TEST(initrd_is_a_module)
{
	static uint8_t initrd[100] = { 1, 2, 3 };
	uint64_t module;

	setup(1);
	req.initrd = (struct boot_image){ initrd, sizeof(initrd) };
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(get(ram + BOOT_INFO, 12, 4), 1);
	module = get(ram + BOOT_INFO, 16, 8);
	CHECK_EQ(get(ram, module, 8), RAM - 4096);
	CHECK_EQ(get(ram, module + 8, 8), sizeof(initrd));
	CHECK_MEM(ram + RAM - 4096, initrd, sizeof(initrd));
	req.initrd.size = RAM - PVH_LOAD;
	CHECK_EQ(load_guest(&req, &start, &why), E_NOMEM);
}

TEST(first_vcpu_starts_in_protected_mode)
{
	static struct vcpu_state s;

	setup(1);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	s.efer = 0xfff;
	CHECK_EQ(load_vcpu_state(&mem, &start, &s), OK);
	CHECK_EQ(s.gpr[GPR_RBX], BOOT_INFO);
	CHECK_EQ(s.cr0, 0x31);
	CHECK_EQ(s.cr4, 0);
	CHECK_EQ(s.efer, 0);
	CHECK_EQ(s.cs.attr, 0xc09b);
	CHECK_EQ(s.cs.limit, 0xffffffff);
	CHECK_EQ(s.tr.limit, 0x67);
	CHECK_EQ(s.apic[0x35], 0x700);
}

TEST(broken_images_are_refused_with_a_reason)
{
	static const struct {
		const char *word;
		size_t at, size;
		uint64_t value;
		int want;
	} row[] = {
		{ "x86", PVH_CLASS, 1, 3, E_PROTO },
		{ "x86", 5, 1, 2, E_PROTO },
		{ "x86", PVH_MACHINE, 2, 40, E_PROTO },
		{ "type 3", PVH_TYPE, 2, 3, E_PROTO },
		{ "headers", PVH64_PHENTSIZE, 2, 55, E_PROTO },
		{ "headers", PVH64_PHNUM, 2, 0, E_PROTO },
		{ "headers", PVH64_PHNUM, 2, 65535, E_PROTO },
		{ "truncated", PVH64_PHOFF, 8, PVH_BYTES - 1, E_PROTO },
		{ "truncated", PVH64_PHOFF, 8, UINT64_MAX, E_PROTO },
		{ "truncated", PVH64_OFFSET, 8, PVH_BYTES - PVH_CODE_BYTES + 1, E_PROTO },
		{ "truncated", PVH64_OFFSET, 8, UINT64_MAX, E_PROTO },
		{ "truncated", PVH64_FILESZ, 8, UINT64_MAX, E_PROTO },
		{ "more bytes", PVH64_MEMSZ, 8, PVH_CODE_BYTES - 1, E_PROTO },
		{ "does not fit", PVH64_MEMSZ, 8, UINT64_MAX, E_NOMEM },
		{ "does not fit", PVH64_PADDR, 8, 0xfffff, E_NOMEM },
		{ "does not fit", PVH64_PADDR, 8, RAM - PVH_MEMSZ + 1, E_NOMEM },
		{ "does not fit", PVH64_PADDR, 8, UINT64_MAX, E_NOMEM },
		{ "note", PVH_NOTE_TYPE, 4, 17, E_PROTO },
		{ "note", PVH_NOTE_NAME, 4, 0x58656e, E_PROTO },
		{ "note", PVH_NOTE_NAMESZ, 4, 0xffffffff, E_PROTO },
		{ "note", PVH_NOTE_DESCSZ, 4, 0xffffffff, E_PROTO },
		{ "note", PVH_NOTE_DESCSZ, 4, 2, E_PROTO },
		{ "outside", PVH_NOTE_ENTRY, 4, 0x1000, E_PROTO },
		{ "outside", PVH_NOTE_ENTRY, 4, PVH_LOAD + PVH_MEMSZ, E_PROTO },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		setup(1);
		put(image, row[i].at, row[i].value, row[i].size);
		CHECK_EQ(load_guest(&req, &start, &why), row[i].want);
		CHECK(strstr(why.text, row[i].word));
	}
}

TEST(every_truncation_is_refused)
{
	for (size_t size = 0; size < PVH_BYTES; size++) {
		uint8_t *part;

		setup(size & 1);
		part = malloc(size);
		memcpy(part, image, size);
		req.kernel = (struct boot_image){ part, size };
		CHECK_EQ(load_guest(&req, &start, &why), E_PROTO);
		free(part);
	}
}
