/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot information of both protocols, as loaders write it and as nobody should.
 * sources: init/multiboot.c init/bootmap.c init/options.c
 */
#include "init/multiboot.h"

#include "console/node.h"
#include "kernel/abi.h"
#include "tests/unit/check.h"

enum { RAM_BASE = 0x10000, RAM_SIZE = 0x4000 };

static uint8_t ram[RAM_SIZE];
static uint32_t used;
static struct boot_info info;
static const struct boot_mem image = { 0x100000, 0x40000, BOOT_MEM_KERNEL };

static bool read_ram(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	if (addr < RAM_BASE || !range_within(addr - RAM_BASE, len, RAM_SIZE)) {
		return false;
	}
	memcpy(buf, ram + (addr - RAM_BASE), len);
	return true;
}

static int parse(uint32_t magic)
{
	return multiboot_parse(&info, magic, RAM_BASE, read_ram, NULL, &image, 1);
}

static void put(const void *data, size_t len)
{
	CHECK(range_within(used, len, RAM_SIZE));
	memcpy(ram + used, data, len);
	used += (uint32_t)len;
}

static void put32(uint32_t v)
{
	put(&v, 4);
}

static void put64(uint64_t v)
{
	put(&v, 8);
}

/* Multiboot 2: a tag with its content, padded to 8 bytes. */
static void tag(uint32_t type, const void *data, size_t len)
{
	put32(type);
	put32((uint32_t)len + 8);
	put(data, len);
	used = ALIGN_UP(used, 8u);
}

static void start2(void)
{
	memset(ram, 0, sizeof(ram));
	used = 8;
}

static void finish2(void)
{
	tag(0, "", 0);
	memcpy(ram, &used, 4);
}

struct entry { uint64_t base, length; uint32_t type, zero; };

static void mmap2(const struct entry *e, size_t count)
{
	put32(6);
	put32((uint32_t)(16 + count * 24));
	put32(24);
	put32(0);
	put(e, count * 24);
}

static const struct entry usual[] = {
	{ 0, 0x9fc00, 1, 0 }, { 0x9fc00, 0x400, 2, 0 }, { 0xf0000, 0x10000, 2, 0 }, { 0x100000, 0xff00000, 1, 0 },
};

static void module2(uint32_t start, uint32_t end, const char *string)
{
	uint8_t content[8 + 200];

	memcpy(content, &start, 4);
	memcpy(content + 4, &end, 4);
	memcpy(content + 8, string, strlen(string) + 1);
	tag(3, content, 8 + strlen(string) + 1);
}

static uint64_t free_bytes(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < info.mem_count; i++) {
		sum += info.mem[i].type == BOOT_MEM_FREE ? info.mem[i].size : 0;
	}
	return sum;
}

TEST(the_preserve_list_is_neither_offered_nor_overwritten)
{
	const struct boot_mem keep[] = { image, { 0x800000, 0x100000, BOOT_MEM_PRESERVED } };

	start2();
	module2(0x200000, 0x201000, "beside");
	module2(0x7ff000, 0x801000, "reaches into it");
	mmap2(usual, ARRAY_SIZE(usual));
	finish2();
	CHECK_EQ(multiboot_parse(&info, MULTIBOOT2_MAGIC, RAM_BASE, read_ram, NULL, keep, ARRAY_SIZE(keep)), OK);
	CHECK_EQ(info.module_count, 1);
	CHECK_EQ(info.module_dropped, 1);
	CHECK_EQ(free_bytes(), 0xff00000 - 0x40000 - 0x1000 - 0x100000);
}

TEST(multiboot2_as_grub_writes_it)
{
	start2();
	tag(1, "console=com2 panic=5", 21);
	tag(2, "GRUB 2.06", 10);
	module2(0x200000, 0x200107, "brume.conf");
	module2(0x201000, 0x300000, "vmlinuz extra words");
	mmap2(usual, ARRAY_SIZE(usual));
	tag(14, "RSD PTR 12345678901234567890", 20);
	tag(15, "RSD PTR 12345678901234567890123456789012", 36);
	finish2();

	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_STR(info.cmdline, "console=com2 panic=5");
	CHECK_EQ(info.module_count, 2);
	CHECK_STR(info.module[0].name, "brume.conf");
	CHECK_EQ(info.module[0].size, 0x107);
	CHECK_STR(info.module[1].name, "vmlinuz");
	CHECK_EQ(info.module[1].base.v, 0x201000);
	CHECK_EQ(info.rsdp_size, 36);
	CHECK_EQ(info.ram_bytes, 0x9f000 + 0xff00000);
	CHECK_EQ(free_bytes(), 0xff00000 - 0x40000 - 0x1000 - 0xff000);
}

TEST(the_screen_that_the_loader_left)
{
	static const struct { uint64_t base; uint32_t pitch, width, height; uint8_t bits, type, colours[8]; } __attribute__((packed))
		pixels = { 0x80000000, 3200, 800, 600, 32, 1, { 0, 0, 16, 8, 8, 7, 0, 6 } },
		text = { 0xb8000, 160, 80, 25, 16, 2, { 0 } }, palette = { 0x80000000, 640, 640, 480, 8, 0, { 0 } };

	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	tag(8, &pixels, sizeof(pixels));
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.video.kind, NODE_VIDEO_PIXELS);
	CHECK_EQ(info.video.base, 0x80000000);
	CHECK_EQ(info.video.width, 800);
	CHECK_EQ(info.video.height, 600);
	CHECK_EQ(info.video.pitch, 3200);
	CHECK_EQ(info.video.bits, 32);
	CHECK_EQ(info.video.colour_shift[0], 16);
	CHECK_EQ(info.video.colour_bits[1], 7);
	CHECK_EQ(info.video.colour_shift[2], 0);
	CHECK_EQ(info.video.colour_bits[2], 6);
	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	tag(8, &text, sizeof(text) - 6);
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.video.kind, NODE_VIDEO_TEXT);
	CHECK_EQ(info.video.width, 80);
	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	tag(8, &palette, sizeof(palette));
	tag(8, &pixels, 21);                             /* cut */
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.video.kind, NODE_VIDEO_NONE);
}

TEST(where_the_loader_has_smbios_tables)
{
	static const uint64_t system_table = 0x7fee4018;

	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	tag(12, &system_table, 8);
	tag(13, "\3\2------table", 13);
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.smbios.efi_system_table, system_table);
	CHECK_EQ(info.smbios.copy_bytes, 5);
	CHECK(memcmp(ram + (info.smbios.copy - RAM_BASE), "table", 5) == 0);
	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	tag(12, &system_table, 4);                       /* cut */
	tag(13, "\3\2------", 8);
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.smbios.efi_system_table, 0);
	CHECK_EQ(info.smbios.copy_bytes, 0);
}

TEST(multiboot1_as_qemu_writes_it)
{
	static const char string[] = "dir/vmlinuz arg";
	uint32_t modules = RAM_BASE + 0x200, mmap = RAM_BASE + 0x300, strings = RAM_BASE + 0x400;
	uint32_t head[22] = { 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9 };

	memset(ram, 0, sizeof(ram));
	head[4] = strings;
	head[5] = 1;
	head[6] = modules;
	head[11] = 2 * 24;
	head[12] = mmap;
	head[16] = strings + 0x80;
	used = 0;
	put(head, sizeof(head));
	used = 0x200;
	put32(0x400000);
	put32(0x400001);
	put32(strings + 0x40);
	used = 0x300;
	for (size_t i = 2; i < 4; i++) {
		put32(20);
		put64(usual[i].base);
		put64(usual[i].length);
		put32(usual[i].type);
	}
	memcpy(ram + 0x400, "brume.elf panic=3", 18);
	memcpy(ram + 0x440, string, sizeof(string));
	memcpy(ram + 0x480, "qemu", 5);

	CHECK_EQ(parse(MULTIBOOT1_MAGIC), OK);
	CHECK_STR(info.cmdline, "brume.elf panic=3");
	CHECK_EQ(info.module_count, 1);
	CHECK_STR(info.module[0].name, "vmlinuz");
	CHECK_EQ(info.module[0].size, 1);
	CHECK_EQ(info.rsdp_size, 0);
}

TEST(modules_that_cannot_be_used_are_dropped)
{
	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	module2(0x100000, 0x101000, "over-the-kernel");
	module2(0x200000, 0x202000, "good");
	module2(0x201000, 0x203000, "over-another");
	module2(0x300001, 0x301000, "misaligned");
	module2(0x400000, 0x400000, "empty");
	module2(0x500000, 0x400000, "backwards");
	module2(0xfff00000, 0xfff01000, "not-ram");
	module2(0xffff000, 0x10001000, "end-of-ram");
	finish2();

	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.module_count, 1);
	CHECK_EQ(info.module_dropped, 7);
	CHECK_STR(info.module[0].name, "good");
}

TEST(more_modules_than_the_table_holds)
{
	start2();
	mmap2(usual, ARRAY_SIZE(usual));
	for (uint32_t i = 0; i < BOOT_MODULE_MAX + 3; i++) {
		module2(0x200000 + i * 0x1000, 0x201000 + i * 0x1000, "m");
	}
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(info.module_count, BOOT_MODULE_MAX);
	CHECK_EQ(info.module_dropped, 3);
	CHECK_EQ(free_bytes(), 0xff00000 - 0x40000 - BOOT_MODULE_MAX * 0x1000);
}

TEST(strings_are_cut_and_cleaned)
{
	char text[600];

	memset(text, 'a', sizeof(text));
	text[1] = 27;
	text[sizeof(text) - 1] = 0;
	start2();
	tag(1, text, sizeof(text));
	mmap2(usual, ARRAY_SIZE(usual));
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_EQ(strlen(info.cmdline), BOOT_CMDLINE_MAX - 1);
	CHECK_EQ(info.cmdline[1], '?');
	start2();
	tag(1, "no end", 6);
	mmap2(usual, ARRAY_SIZE(usual));
	finish2();
	CHECK_EQ(parse(MULTIBOOT2_MAGIC), OK);
	CHECK_STR(info.cmdline, "no end");
}

/* Each is written over the start of good information, where total size, a tag's head and the map's head stand. */
TEST(hostile_multiboot2)
{
	static const struct {
		const char *what;
		uint32_t off, val;
		int want;
	} row[] = {
		{ "total too small", 0, 4, E_PROTO },
		{ "total huge", 0, 0xffffffff, E_PROTO },
		{ "total beyond memory", 0, 0x80000, OK },
		{ "total ends in the map", 0, 40, E_PROTO },
		{ "tag size 0", 12, 0, E_PROTO },
		{ "tag size 7", 12, 7, E_PROTO },
		{ "tag size beyond the total", 12, 0x10000, E_PROTO },
		{ "tag size wraps", 12, 0xffffffff, E_PROTO },
		{ "end comes first", 8, 0, E_PROTO },
		{ "entry size 0", 16, 0, E_PROTO },
		{ "entry size 19", 16, 19, E_PROTO },
		{ "entry size huge", 16, 0xffffffff, E_PROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		start2();
		mmap2(usual, ARRAY_SIZE(usual));
		finish2();
		memcpy(ram + row[i].off, &row[i].val, 4);
		if (parse(MULTIBOOT2_MAGIC) != row[i].want) {
			CHECK_STR(row[i].what, "as wanted");
		}
	}
}

TEST(hostile_multiboot1)
{
	static const struct {
		const char *what;
		uint32_t word, val;
	} row[] = {
		{ "map at the top", 12, 0xfffffff0 }, { "map of 4 GiB", 11, 0xffffffff }, { "modules of 4 G", 5, 0xffffffff },
		{ "modules at the top", 6, 0xfffffffc }, { "command line nowhere", 4, 0xffffffff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		memset(ram, 0xff, sizeof(ram));
		memcpy(ram + 4 * row[i].word, &row[i].val, 4);
		CHECK_EQ(parse(MULTIBOOT1_MAGIC), E_PROTO);
		CHECK_EQ(info.module_count, 0);
	}
}

TEST(unknown_loader)
{
	CHECK_EQ(parse(0x12345678), E_INVAL);
	CHECK_EQ(multiboot_parse(&info, MULTIBOOT2_MAGIC, 0, read_ram, NULL, &image, 1), E_PROTO);
	CHECK_EQ(multiboot_parse(&info, MULTIBOOT1_MAGIC, UINT32_MAX, read_ram, NULL, &image, 1), E_PROTO);
}

TEST(options)
{
	char out[8];

	memset(&info, 0, sizeof(info));
	strcpy(info.cmdline, "brume.elf console=com2 verbose panic=7 xpanic=9 console=com3-and-more bad=12x big=4294967296");
	CHECK(boot_option(info.cmdline, "console", out, sizeof(out)));
	CHECK_STR(out, "com3-an");
	CHECK(boot_option(info.cmdline, "verbose", out, sizeof(out)));
	CHECK_STR(out, "");
	CHECK(!boot_option(info.cmdline, "consol", out, sizeof(out)));
	CHECK_EQ(boot_option_u32(info.cmdline, "panic", 3), 7);
	CHECK_EQ(boot_option_u32(info.cmdline, "bad", 3), 3);
	CHECK_EQ(boot_option_u32(info.cmdline, "big", 3), 3);
	CHECK_EQ(boot_option_u32(info.cmdline, "none", 3), 3);
	info.cmdline[0] = 0;
	CHECK(!boot_option(info.cmdline, "console", out, sizeof(out)));
}
