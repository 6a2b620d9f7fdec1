/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot specification 0.6.96, and what is alike in version 2. */
#include "vmm/boot_multiboot.h"

#include <string.h>

#include "vmm/platform.h"

enum {
	HEADER_MAGIC = 0x1badb002, BOOT_MAGIC = 0x2badb002, SEARCH_BYTES = 8192,
	/* 3.1.2 */
	WANT_PAGES = 1 << 0, WANT_MEMORY = 1 << 1, WANT_VIDEO = 1 << 2, HAS_ADDRESSES = 1 << 16,
	/* 3.3 */
	INFO_MEMORY = 1 << 0, INFO_CMDLINE = 1 << 2, INFO_MODULES = 1 << 3, INFO_MAP = 1 << 6, INFO_LOADER = 1 << 9,
};

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;   /* with HAS_ADDRESSES     */
};
enum { HEADER_MIN = 12 };

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name;
	uint32_t apm_table, vbe[4], framebuffer[7];
};
_Static_assert(sizeof(struct info) == 116, "Multiboot 3.3");

struct info_module { uint32_t start, end, string, reserved; };
struct info_map { uint32_t size, addr[2], len[2], type; };

/* ---- what the two versions share ---- */

/* The a.out way: a piece of the file around the header (3.1.3). */
static int load_addresses(const struct boot_request *req, const struct mb_kernel *k, struct boot_loaded *to,
			  struct boot_reason *why)
{
	uint32_t load = k->load_addr == UINT32_MAX ? k->header_addr - (uint32_t)k->header_offset : k->load_addr;
	uint64_t before = k->header_addr - (uint64_t)load, offset = k->header_offset - before;
	struct elf64_phdr p = { .offset = offset, .paddr = load };

	if (load > k->header_addr || before > k->header_offset) {
		return boot_fail(why, E_PROTO, "kernel: the Multiboot header's load address %#x is not in the file", load);
	}
	p.filesz = k->load_end_addr ? k->load_end_addr - (uint64_t)load : req->kernel.size - offset;
	p.memsz = k->bss_end_addr ? k->bss_end_addr - (uint64_t)load : p.filesz;
	if ((k->load_end_addr && k->load_end_addr < load) || (k->bss_end_addr && k->bss_end_addr < load)) {
		return boot_fail(why, E_PROTO, "kernel: the Multiboot header's addresses are not in order");
	}
	return boot_put_segment(req, &p, BOOT_LOW_MIN, to, why);
}

static int load_kernel(const struct boot_request *req, const struct mb_kernel *k, struct boot_loaded *to,
		       struct boot_reason *why)
{
	struct boot_elf elf;
	int r;

	if (k->has_addresses) {
		return load_addresses(req, k, to, why);
	}
	if (!boot_elf_probe(&req->kernel)) {
		return boot_fail(why, E_PROTO, "kernel: a Multiboot header without addresses, in a file that is not ELF");
	}
	r = boot_elf_parse(&req->kernel, &elf, why);
	return r < 0 ? r : boot_elf_load(req, &elf, BOOT_LOW_MIN, to, why);
}

static int put_module(const struct boot_request *req, const struct boot_image *image, const char *text, uint64_t *at,
		      struct mb_loaded *out, struct boot_reason *why)
{
	uint64_t start = ALIGN_UP(*at, (uint64_t)PAGE_SIZE);

	if (!range_within(start, image->size, req->map->low_end) ||
	    gmem_write(req->mem, gpa(start), image->bytes, image->size) < 0) {
		return boot_fail(why, E_NOMEM, "module %.40s: %zu KiB do not fit between %#llx and %#llx", text,
				 image->size >> 10, (unsigned long long)start, (unsigned long long)req->map->low_end);
	}
	*at = start + image->size;
	out->module[out->module_count++] = (struct mb_module){ (uint32_t)start, (uint32_t)*at, text };
	return OK;
}

int mb_load(const struct boot_request *req, const struct mb_kernel *k, struct mb_loaded *out, struct boot_reason *why)
{
	struct boot_loaded to = { 0 };
	int r = load_kernel(req, k, &to, why);
	uint64_t at, entry = k->has_entry ? k->entry_addr : to.entry;

	*out = (struct mb_loaded){ .base = (uint32_t)to.start, .entry = (uint32_t)entry };
	if (r < 0) {
		return r;
	}
	if (entry < to.start || entry >= to.end) {
		return boot_fail(why, E_PROTO, "kernel: the entry %#llx lies outside of the image", (unsigned long long)entry);
	}
	at = to.end > BOOT_KERNEL_MIN ? to.end : BOOT_KERNEL_MIN;
	if (req->initrd.size) {
		r = put_module(req, &req->initrd, req->initrd_name ? req->initrd_name : "initrd", &at, out, why);
	}
	for (unsigned i = 0; r == OK && i < req->module_count; i++) {
		r = put_module(req, &req->module[i].image, req->module[i].text, &at, out, why);
	}
	return r;
}

uint32_t mb_info_add(struct mb_info *info, const void *bytes, size_t len, size_t align)
{
	size_t at = ALIGN_UP(info->len, align);

	if (info->full || !range_within(at, len, sizeof(info->bytes))) {
		info->full = true;
		return BOOT_LOW_INFO;
	}
	memset(info->bytes + info->len, 0, at - info->len);
	if (len) {
		memcpy(info->bytes + at, bytes, len);
	}
	info->len = at + len;
	return (uint32_t)(BOOT_LOW_INFO + at);
}

uint32_t mb_info_text(struct mb_info *info, const char *text)
{
	return mb_info_add(info, text, strlen(text) + 1, 1);
}

int mb_start(const struct boot_request *req, const struct mb_info *info, const struct mb_loaded *loaded, uint32_t magic,
	     struct boot_entry *entry, struct boot_reason *why)
{
	_Static_assert(BOOT_LOW_INFO + sizeof(info->bytes) <= PLATFORM_EBDA, "in conventional memory");
	if (info->full || gmem_write(req->mem, gpa(BOOT_LOW_INFO), info->bytes, info->len) < 0) {
		return boot_fail(why, E_RANGE, "kernel: command line and modules are too much to be told");
	}
	*entry = (struct boot_entry){ .mode = BOOT_PROTECTED_MODE, .rip = loaded->entry, .info = BOOT_LOW_INFO,
				      .info_gpr = GPR_RBX, .magic = magic };
	return OK;
}

/* ---- version 1 ---- */

/* Offset of the header in the file, or the file's size. */
static size_t find_header(const struct boot_image *image, struct header *h)
{
	size_t end = image->size < SEARCH_BYTES ? image->size : SEARCH_BYTES;

	*h = (struct header){ 0 };
	for (size_t at = 0; at + HEADER_MIN <= end; at += 4) {
		size_t have = image->size - at;

		*h = (struct header){ 0 };
		memcpy(h, image->bytes + at, have < sizeof(*h) ? have : sizeof(*h));
		if (h->magic == HEADER_MAGIC && h->magic + h->flags + h->checksum == 0) {
			return at;
		}
	}
	return image->size;
}

bool boot_multiboot_probe(const struct boot_image *image)
{
	struct header h;

	return find_header(image, &h) < image->size;
}

/*
 * GRUB as a payload of coreboot has a Multiboot header, but reads the memory map from coreboot's table, as other payloads
 * do (coreboot: src/commonlib/include/commonlib/coreboot_tables.h).
 */
static int put_coreboot_table(const struct boot_request *req)
{
	struct {
		char signature[4];
		uint32_t header_size, header_sum, table_size, table_sum, entries;
		uint32_t tag, size;                      /* memory map */
		struct { uint32_t start[2], size[2], type; } map[MEMMAP_MAX];
	} t = { .signature = "LBIO", .header_size = 24, .entries = 1, .tag = 1 };

	t.size = 8 + req->map->count * (uint32_t)sizeof(t.map[0]);
	t.table_size = t.size;
	for (unsigned i = 0; i < req->map->count; i++) {
		const struct memmap_entry *m = &req->map->entry[i];

		memcpy(t.map[i].start, &m->base, sizeof(m->base));
		memcpy(t.map[i].size, &m->size, sizeof(m->size));
		t.map[i].type = m->type;
	}
	return gmem_write(req->mem, gpa(BOOT_COREBOOT), &t, t.header_size + t.table_size);
}

static void add_map(struct mb_info *to, struct info *info, const struct memmap *map)
{
	info->mmap_length = map->count * (uint32_t)sizeof(struct info_map);
	for (unsigned i = 0; i < map->count; i++) {
		struct info_map m = { .size = sizeof(m) - sizeof(m.size), .type = map->entry[i].type };
		uint32_t at;

		memcpy(m.addr, &map->entry[i].base, sizeof(m.addr));
		memcpy(m.len, &map->entry[i].size, sizeof(m.len));
		at = mb_info_add(to, &m, sizeof(m), 4);
		info->mmap_addr = i ? info->mmap_addr : at;
	}
}

static void add_modules(struct mb_info *to, struct info *info, const struct mb_loaded *loaded)
{
	struct info_module list[ARRAY_SIZE(loaded->module)];

	for (unsigned i = 0; i < loaded->module_count; i++) {
		const struct mb_module *m = &loaded->module[i];

		list[i] = (struct info_module){ m->start, m->end, mb_info_text(to, m->text), 0 };
	}
	info->mods_count = loaded->module_count;
	info->mods_addr = mb_info_add(to, list, loaded->module_count * sizeof(list[0]), 4);
}

static int put_info(const struct boot_request *req, const struct mb_loaded *loaded, struct boot_entry *entry,
		    struct boot_reason *why)
{
	static struct mb_info to;
	struct info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_LOADER, .mem_lower = PLATFORM_EBDA >> 10,
		.mem_upper = (uint32_t)((req->map->low_end - BOOT_KERNEL_MIN) >> 10),
	};

	to.len = 0;
	to.full = false;
	mb_info_add(&to, &info, sizeof(info), 4);
	info.cmdline = mb_info_text(&to, req->cmdline);
	info.boot_loader_name = mb_info_text(&to, "Brume");
	add_modules(&to, &info, loaded);
	add_map(&to, &info, req->map);
	memcpy(to.bytes, &info, sizeof(info));
	if (put_coreboot_table(req) < 0) {
		return boot_fail(why, E_RANGE, "kernel: the VM's memory is too small");
	}
	return mb_start(req, &to, loaded, BOOT_MAGIC, entry, why);
}

int boot_multiboot_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why)
{
	struct header h;
	struct mb_loaded loaded;
	size_t at = find_header(&req->kernel, &h);
	bool addresses = (h.flags & HAS_ADDRESSES) != 0;
	struct mb_kernel k = {
		.header_offset = at, .has_addresses = addresses, .has_entry = addresses, .header_addr = h.header_addr,
		.load_addr = h.load_addr, .load_end_addr = h.load_end_addr, .bss_end_addr = h.bss_end_addr,
		.entry_addr = h.entry_addr,
	};
	int r;

	if (at == req->kernel.size) {
		return boot_fail(why, E_PROTO, "kernel: no Multiboot header");
	}
	if (h.flags & WANT_VIDEO) {
		return boot_fail(why, E_PROTO, "kernel: its Multiboot header insists on a screen, and a VM has none");
	}
	if (h.flags & 0xffff & ~(uint32_t)(WANT_PAGES | WANT_MEMORY)) {
		return boot_fail(why, E_PROTO, "kernel: its Multiboot header asks for what nobody knows: flags %#x", h.flags);
	}
	if (at + sizeof(h) > req->kernel.size && addresses) {
		return boot_fail(why, E_PROTO, "kernel: truncated within its Multiboot header");
	}
	r = mb_load(req, &k, &loaded, why);
	return r < 0 ? r : put_info(req, &loaded, entry, why);
}
