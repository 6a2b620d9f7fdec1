/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loader of bzImages: placement, zero page, hostile headers, and Debian's real kernel when it has been fetched.
 * sources: vmm/load.c vmm/boot_linux.c vmm/boot_pvh.c vmm/boot_elf.c vmm/boot_multiboot.c vmm/boot_multiboot2.c vmm/memmap.c vmm/gmem.c lib/fmt.c
 */
#include "vmm/boot_linux.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/boot_images.h"
#include "tests/unit/check.h"
#include "vmm/platform.h"

enum { RAM = 4 << 20, RSDP = 0xe0000 };

static uint8_t ram[RAM];
static struct gmem mem;
static struct memmap map;
static uint8_t image[BZ_BYTES];
static struct boot_request req;
static struct boot_entry start;
static struct boot_reason why;

static void set_ram(uint8_t *host, uint64_t size)
{
	mem = (struct gmem){ .count = 1, .slot = { { .size = size, .host = host } } };
	CHECK_EQ(memmap_build(&map, &mem), OK);
}

static void setup(void)
{
	memset(ram, 0xaa, sizeof(ram));
	set_ram(ram, RAM);
	make_bzimage(image);
	req = (struct boot_request){ .mem = &mem, .map = &map, .kernel = { image, sizeof(image) },
				     .cmdline = "console=ttyS0", .rsdp = RSDP };
	why.text[0] = '\0';
}

TEST(kernel_goes_to_its_preferred_address)
{
	setup();
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.mode, BOOT_LONG_MODE);
	CHECK_EQ(start.rip, 0x200200);
	CHECK_EQ(start.info, BOOT_INFO);
	CHECK_MEM(ram + 0x200000, image + BZ_KERNEL, BZ_KERNEL_BYTES);
	CHECK_EQ(ram[0x200000 + BZ_KERNEL_BYTES], 0xaa);
}

TEST(zero_page_tells_what_the_protocol_asks_for)
{
	uint8_t *page = ram + BOOT_INFO;

	setup();
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(get(page, BZ_LOADER, 1), 0xff);
	CHECK_EQ(get(page, BZ_CMDLINE, 4), BOOT_CMDLINE);
	CHECK_STR((char *)ram + BOOT_CMDLINE, "console=ttyS0");
	CHECK_EQ(get(page, 0x70, 8), RSDP);
	CHECK_EQ(get(page, BZ_RAMDISK, 4), 0);
	CHECK_EQ(get(page, BZ_RAMDISK_SIZE, 4), 0);
	CHECK_EQ(get(page, 0x1e8, 1), map.count);
	for (unsigned i = 0; i < map.count; i++) {
		CHECK_EQ(get(page, 0x2d0 + 20 * i, 8), map.entry[i].base);
		CHECK_EQ(get(page, 0x2d0 + 20 * i + 8, 8), map.entry[i].size);
		CHECK_EQ(get(page, 0x2d0 + 20 * i + 16, 4), map.entry[i].type);
	}
	CHECK_EQ(get(page, 0x000, 8), 0);
	CHECK_EQ(get(page, 0xff8, 8), 0);
}

TEST(initrd_goes_as_high_as_allowed)
{
	static uint8_t initrd[5000];

	setup();
	memset(initrd, 0x5a, sizeof(initrd));
	req.initrd = (struct boot_image){ initrd, sizeof(initrd) };
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(get(ram + BOOT_INFO, BZ_RAMDISK, 4), RAM - 8192);
	CHECK_EQ(get(ram + BOOT_INFO, BZ_RAMDISK_SIZE, 4), 5000);
	CHECK_MEM(ram + RAM - 8192, initrd, sizeof(initrd));

	put(image, BZ_INITRD_MAX, 0x2fffff, 4);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(get(ram + BOOT_INFO, BZ_RAMDISK, 4), 0x300000 - 8192);
}

TEST(initrd_that_meets_the_kernel_is_refused)
{
	static uint8_t initrd[RAM];

	setup();
	req.initrd = (struct boot_image){ initrd, RAM - 0x210000 };
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	req.initrd.size++;
	CHECK_EQ(load_guest(&req, &start, &why), E_NOMEM);
	CHECK(strstr(why.text, "initrd"));
	req.initrd.size = RAM;
	CHECK_EQ(load_guest(&req, &start, &why), E_NOMEM);
}

TEST(kernel_is_not_loaded_below_its_preferred_address)
{
	setup();
	put(image, BZ_PREF_ADDRESS, 0x1000000, 8);
	CHECK_EQ(load_guest(&req, &start, &why), E_NOMEM);
	CHECK(strstr(why.text, "0x1000000"));
	put(image, BZ_PREF_ADDRESS, 0, 8);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.rip, 0x100200);
	put(image, BZ_PREF_ADDRESS, 0x180000, 8);
	put(image, BZ_ALIGNMENT, 0x200000, 4);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.rip, 0x200200);
	put(image, BZ_PREF_ADDRESS, 0xffffffffffffff00, 8);
	CHECK_EQ(load_guest(&req, &start, &why), E_NOMEM);
}

TEST(file_longer_than_the_header_says_is_loaded_whole)
{
	setup();
	put(image, BZ_SYSSIZE, 64, 4);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_MEM(ram + 0x200000, image + BZ_KERNEL, BZ_KERNEL_BYTES);
}

/* Each row breaks one field; the reason must name it. */
TEST(broken_headers_are_refused_with_a_reason)
{
	static const struct {
		const char *word;
		size_t at, size;
		uint64_t value;
		int want;
	} row[] = {
		{ "neither", BZ_MAGIC, 4, 0x53726449, E_PROTO },
		{ "signatures", BZ_BOOT_FLAG, 2, 0xaa54, E_PROTO },
		{ "2.01", BZ_VERSION, 2, 0x201, E_PROTO },
		{ "zImage", BZ_LOADFLAGS, 1, 0, E_PROTO },
		{ "alignment", BZ_ALIGNMENT, 4, 0, E_PROTO },
		{ "alignment", BZ_ALIGNMENT, 4, 0x3000, E_PROTO },
		{ "truncated", BZ_SETUP_SECTS, 1, 255, E_PROTO },
		{ "truncated", BZ_SETUP_SECTS, 1, 0, E_PROTO },
		{ "truncated", BZ_SYSSIZE, 4, 0xffffffff, E_PROTO },
		{ "truncated", BZ_SYSSIZE, 4, BZ_KERNEL_BYTES / 16 + 1, E_PROTO },
		{ "syssize", BZ_SYSSIZE, 4, 0, E_PROTO },
		{ "needs", BZ_INIT_SIZE, 4, 0xffffffff, E_NOMEM },
		{ "command line", BZ_CMDLINE_SIZE, 4, 12, E_RANGE },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		setup();
		put(image, row[i].at, row[i].value, row[i].size);
		CHECK_EQ(load_guest(&req, &start, &why), row[i].want);
		CHECK(strstr(why.text, row[i].word));
	}
}

/* As iPXE's, whose alignment of 0 says nothing since it is not to be moved. */
TEST(kernel_that_starts_in_real_mode_only_is_refused_for_that)
{
	setup();
	put(image, BZ_RELOCATABLE, 0, 1);
	put(image, BZ_ALIGNMENT, 0, 4);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	put(image, BZ_CODE32, 0, 4);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	put(image, BZ_XLOADFLAGS, 0, 2);
	CHECK_EQ(load_guest(&req, &start, &why), E_PROTO);
	CHECK(strstr(why.text, "BIOS"));
}

/* The header counts in units of 16 bytes, and the last one need not be whole (memtest86+'s is not). */
TEST(every_truncation_is_refused)
{
	for (size_t size = 0; size <= BZ_BYTES - 16; size++) {
		uint8_t *part;

		setup();
		part = malloc(size);
		memcpy(part, image, size);
		req.kernel = (struct boot_image){ part, size };
		CHECK_EQ(load_guest(&req, &start, &why), E_PROTO);
		free(part);
	}
}

TEST(other_files_are_named)
{
	setup();
	memcpy(image, "\x1f\x8b", 2);
	put(image, BZ_MAGIC, 0, 4);
	CHECK_EQ(load_guest(&req, &start, &why), E_PROTO);
	CHECK(strstr(why.text, "gzip"));
}

TEST(first_vcpu_starts_in_long_mode)
{
	static struct vcpu_state s;
	uint64_t pml4, pdpt, pd, gdt[4];

	setup();
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(load_vcpu_state(&mem, &start, &s), OK);
	CHECK_EQ(s.rip, start.rip);
	CHECK_EQ(s.gpr[GPR_RSI], BOOT_INFO);
	CHECK_EQ(s.efer, 0x500);
	CHECK_EQ(s.cr0, 0x80000031);
	CHECK_EQ(s.cr4, 0x20);
	CHECK_EQ(s.cr3, BOOT_TABLES);
	CHECK_EQ(s.cs.selector, 0x10);
	CHECK_EQ(s.cs.attr, 0xa09b);
	CHECK_EQ(s.ds.selector, 0x18);
	CHECK_EQ(s.rflags, 2);
	CHECK_MEM(ram + 0xffff0, "\xba\xf9\x0c\xb0\x06\xee", 6);
	/* Real-mode interrupts: F000:FFE0, which sets carry in the flags that it returns with. */
	CHECK_EQ(get(ram, 0x13 * 4, 4), 0xf000ffe0);
	CHECK_EQ(get(ram, 0xff * 4, 4), 0xf000ffe0);
	CHECK_MEM(ram + 0xfffe0, "\x55\x89\xe5\x80\x4e\x06\x01\x5d\xcf", 9);
	/* BIOS data area: conventional memory ends at 9FC0h:0, 639 KiB. */
	CHECK_EQ(get(ram, 0x40e, 2), 0x9fc0);
	CHECK_EQ(get(ram, 0x413, 2), 639);
	/* Virtual wire mode: the PIC's interrupts pass through the local APIC. */
	CHECK_EQ(s.apic[0x0f], 0x1ff);
	CHECK_EQ(s.apic[0x35], 0x700);
	/* Walk 0xfedcba98 by hand. */
	pml4 = get(ram, BOOT_TABLES, 8);
	pdpt = get(ram, (pml4 & ~0xfffull) + 3 * 8, 8);
	pd = get(ram, (pdpt & ~0xfffull) + (0xfedcba98u >> 21 & 511) * 8, 8);
	CHECK_EQ(pd, 0xfec00083);
	memcpy(gdt, ram + s.gdtr.base, sizeof(gdt));
	CHECK_EQ(s.gdtr.limit, sizeof(gdt) - 1);
	CHECK_EQ(gdt[2], 0x00af9b000000ffff);
	CHECK_EQ(gdt[3], 0x00cf93000000ffff);
}

TEST(kernel_without_a_64_bit_entry_starts_in_protected_mode)
{
	static struct vcpu_state s;

	setup();
	put(image, BZ_XLOADFLAGS, 0xfffe, 2);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.mode, BOOT_PROTECTED_MODE);
	CHECK_EQ(start.rip, 0x200000);
	CHECK_EQ(load_vcpu_state(&mem, &start, &s), OK);
	CHECK_EQ(s.gpr[GPR_RSI], BOOT_INFO);
	CHECK_EQ(s.gpr[GPR_RBX] | s.gpr[GPR_RBP] | s.gpr[GPR_RDI], 0);
	CHECK_EQ(s.efer, 0);
	CHECK_EQ(s.cr0, 0x31);
	CHECK_EQ(s.cs.selector, 0x10);
	CHECK_EQ(s.cs.attr, 0xc09b);
	CHECK_EQ(s.ss.selector, 0x18);
	CHECK_EQ(s.rflags, 2);
}

/* Fields that the image's version does not have hold code: they count for nothing and are not handed on. */
TEST(old_protocols_have_their_defaults)
{
	static uint8_t initrd[4096];

	setup();
	req.initrd = (struct boot_image){ initrd, sizeof(initrd) };
	put(image, BZ_VERSION, 0x202, 2);
	put(image, BZ_JUMP, 0x2aeb, 2);
	memset(image + BZ_INITRD_MAX, 0xcc, 0x268 - BZ_INITRD_MAX);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.mode, BOOT_PROTECTED_MODE);
	CHECK_EQ(start.rip, BOOT_KERNEL_MIN);
	CHECK_EQ(get(ram + BOOT_INFO, BZ_CMDLINE, 4), BOOT_CMDLINE);
	CHECK_EQ(get(ram + BOOT_INFO, BZ_RAMDISK, 4), RAM - 4096);
	CHECK_EQ(get(ram + BOOT_INFO, BZ_PREF_ADDRESS, 8), 0);
}

TEST(kernel_that_cannot_move_goes_where_it_was_linked)
{
	setup();
	put(image, BZ_RELOCATABLE, 0, 1);
	put(image, BZ_PREF_ADDRESS, 0x180000, 8);
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	CHECK_EQ(start.rip, 0x180200);
}

TEST(memory_map_is_that_of_a_pc)
{
	mem = (struct gmem){ .count = 2, .slot = { { .size = PLATFORM_LOW_END, .host = ram },
						   { .base = PLATFORM_HIGH, .size = GIB(1), .host = ram } } };
	CHECK_EQ(memmap_build(&map, &mem), OK);
	CHECK_EQ(map.low_end, PLATFORM_LOW_END);
	for (unsigned i = 1; i < map.count; i++) {
		CHECK(map.entry[i].base >= map.entry[i - 1].base + map.entry[i - 1].size);
	}
	CHECK_EQ(map.entry[map.count - 1].base, PLATFORM_HIGH);
	CHECK_EQ(map.entry[map.count - 1].size, GIB(1));
	mem.slot[1].base = PLATFORM_LOW_END;
	CHECK_EQ(memmap_build(&map, &mem), E_RANGE);
	mem.slot[0].size = MIB(1);
	CHECK_EQ(memmap_build(&map, &mem), E_RANGE);
	mem.count = 0;
	CHECK_EQ(memmap_build(&map, &mem), E_RANGE);
}

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes;

	if (!f) {
		return NULL;
	}
	fseek(f, 0, SEEK_END);
	*size = (size_t)ftell(f);
	rewind(f);
	bytes = malloc(*size);
	if (fread(bytes, 1, *size, f) != *size) {
		*size = 0;
	}
	fclose(f);
	return bytes;
}

TEST(debian_kernel_loads)
{
	enum { BIG = 128 << 20 };
	size_t size, setup_bytes;
	uint8_t *kernel = read_file("build/deps/guest/vmlinuz", &size);
	uint8_t *big;

	if (!kernel) {
		printf("# no build/deps/guest/vmlinuz here\n");
		return;
	}
	setup();
	big = calloc(1, BIG);
	set_ram(big, BIG);
	req.kernel = (struct boot_image){ kernel, size };
	req.initrd = (struct boot_image){ kernel, 1 << 20 };
	CHECK_EQ(load_guest(&req, &start, &why), OK);
	setup_bytes = (size_t)(kernel[BZ_SETUP_SECTS] + 1) * 512;
	CHECK_EQ(start.rip, get(kernel, BZ_PREF_ADDRESS, 8) + 0x200);
	CHECK_MEM(big + start.rip - 0x200, kernel + setup_bytes, size - setup_bytes);
	CHECK_EQ(get(big + BOOT_INFO, BZ_RAMDISK, 4), BIG - (1 << 20));
	CHECK_MEM(big + BIG - (1 << 20), kernel, 1 << 20);

	/* Too little memory for init_size is told, not tried. */
	set_ram(big, 16 << 20);
	CHECK_EQ(load_guest(&req, &start, &why), E_NOMEM);
	free(big);
	free(kernel);
}
