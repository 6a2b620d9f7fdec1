/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot information to struct boot_info: see multiboot.h. Multiboot 0.6.96, 3.3; Multiboot 2 2.0, 3.4 to 3.6. Both
 * protocols name the same few things; each take_...() reads one of them, wherever it lies.
 */
#include "init/multiboot.h"

#include "console/node.h"
#include "init/bootmap.h"

enum { MB1_CMDLINE = 1 << 2, MB1_MODULES = 1 << 3, MB1_MMAP = 1 << 6 };
enum { MB2_END, MB2_CMDLINE, MB2_MODULE = 3, MB2_MMAP = 6, MB2_SCREEN = 8, MB2_EFI64 = 12, MB2_SMBIOS, MB2_RSDP_V1, MB2_RSDP_V2 };
enum {
	INFO_BYTES_MAX = 1 << 20,       /* of Multiboot 2's tags                                     */
	MMAP_ENTRIES_MAX = 2048,        /* looked at                                                 */
	MODULES_LOOKED_AT = 2 * BOOT_MODULE_MAX,
	STRING_MAX = 256,               /* of a module's string that is looked at for its name       */
	SMBIOS_HEAD = 8,                /* version and padding before the copy                       */
	LOW_END = 1 << 20,
};

struct mb1_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr;
} __attribute__((packed));
_Static_assert(offsetof(struct mb1_info, mmap_addr) == 48, "Multiboot 3.3");

struct mb1_module { uint32_t start, end, string, reserved; };
struct mb2_tag { uint32_t type, size; };
struct mmap_entry { uint64_t base, length; uint32_t type; } __attribute__((packed));

struct parser {
	struct boot_info *info;
	boot_read_fn *read;
	void *ctx;
};

static bool get(struct parser *p, uint64_t addr, void *buf, size_t len)
{
	return p->read(p->ctx, addr, buf, len);
}

/* A terminated copy of the string at addr, of at most max bytes there, unprintable bytes as '?'. */
static void take_string(struct parser *p, uint64_t addr, uint64_t max, char *out, size_t size)
{
	size_t n = 0;
	uint8_t c;

	while (n + 1 < size && n < max && get(p, addr + n, &c, 1) && c) {
		out[n++] = c < ' ' || c > '~' ? '?' : (char)c;
	}
	out[n] = 0;
}

/* The name is the first word without directories: some loaders put the path of the file there. */
static void take_module(struct parser *p, uint32_t start, uint32_t end, uint64_t string, uint64_t string_max)
{
	struct boot_info *info = p->info;
	char text[STRING_MAX], *name = text;
	struct boot_module *m;

	if (info->module_count == BOOT_MODULE_MAX) {
		info->module_dropped++;
		return;
	}
	m = &info->module[info->module_count++];
	*m = (struct boot_module){ .base = hpa(start), .size = end > start ? end - start : 0 };
	take_string(p, string, string_max, text, sizeof(text));
	for (char *c = text; *c && *c != ' '; c++) {
		name = *c == '/' ? c + 1 : name;
	}
	for (size_t i = 0; i + 1 < sizeof(m->name) && name[i] && name[i] != ' '; i++) {
		m->name[i] = name[i];
	}
}

/* Memory types of both protocols are those of INT 15h E820h. */
static void take_memory(struct parser *p, const struct mmap_entry *e)
{
	static const uint8_t types[] = {
		[1] = BOOT_MEM_FREE, [2] = BOOT_MEM_RESERVED, [3] = BOOT_MEM_ACPI, [4] = BOOT_MEM_NVS, [5] = BOOT_MEM_BAD,
	};
	uint8_t type = e->type < ARRAY_SIZE(types) ? types[e->type] : 0;

	bootmap_claim(p->info, e->base, e->length, type ? (enum boot_mem_type)type : BOOT_MEM_RESERVED);
}

/* step: bytes from one entry to the next; 0: each entry has that in front, itself not counted (Multiboot 1). */
static void take_map(struct parser *p, uint64_t at, uint64_t end, uint32_t step)
{
	uint64_t head = step ? 0 : sizeof(step);

	for (unsigned i = 0; i < MMAP_ENTRIES_MAX; i++) {
		uint32_t size = step;
		struct mmap_entry e;

		if (head && !get(p, at, &size, sizeof(size))) {
			return;
		}
		if (size < sizeof(e) || at + head + size > end || !get(p, at + head, &e, sizeof(e))) {
			return;
		}
		take_memory(p, &e);
		at += head + size;
	}
}

static void take_rsdp(struct parser *p, uint64_t at, uint64_t size, uint32_t wanted)
{
	if (size >= wanted && wanted > p->info->rsdp_size && get(p, at, p->info->rsdp, wanted)) {
		p->info->rsdp_size = wanted;
	}
}

static bool mb1_parse(struct parser *p, uint64_t addr)
{
	struct boot_info *info = p->info;
	struct mb1_module m;
	struct mb1_info mb;

	if (!get(p, addr, &mb, sizeof(mb))) {
		return false;
	}
	if (mb.flags & MB1_CMDLINE) {
		take_string(p, mb.cmdline, UINT64_MAX, info->cmdline, sizeof(info->cmdline));
	}
	if (mb.flags & MB1_MMAP) {
		take_map(p, mb.mmap_addr, (uint64_t)mb.mmap_addr + mb.mmap_length, 0);
	}
	for (uint32_t i = 0; (mb.flags & MB1_MODULES) && i < mb.mods_count && i < MODULES_LOOKED_AT; i++) {
		if (get(p, mb.mods_addr + i * sizeof(m), &m, sizeof(m))) {
			take_module(p, m.start, m.end, m.string, m.string ? STRING_MAX : 0);
		}
	}
	return true;
}

/* 3.6.12. */
static void take_screen(struct parser *p, uint64_t at, uint64_t size)
{
	enum { INDEXED, RGB, TEXT };
	struct boot_video *v = &p->info->video;
	struct {
		uint64_t base;
		uint32_t pitch, width, height;
		uint8_t bits, type;
		uint16_t reserved;
		struct { uint8_t shift, bits; } colour[3];       /* RGB */
	} __attribute__((packed)) s = { 0 };

	if (size < offsetof(typeof(s), colour) || !get(p, at, &s, size < sizeof(s) ? (size_t)size : sizeof(s)) ||
	    s.type == INDEXED || s.type > TEXT) {
		return;
	}
	*v = (struct boot_video){ .base = s.base, .kind = s.type == RGB ? NODE_VIDEO_PIXELS : NODE_VIDEO_TEXT,
				  .width = s.width, .height = s.height, .pitch = s.pitch, .bits = s.bits };
	for (unsigned i = 0; i < 3; i++) {
		v->colour_shift[i] = s.colour[i].shift;
		v->colour_bits[i] = s.colour[i].bits;
	}
}

/* One tag's content: size bytes at `at`. */
static void mb2_tag(struct parser *p, uint32_t type, uint64_t at, uint64_t size)
{
	struct boot_info *info = p->info;
	uint32_t pair[2] = { 0 };       /* a module's start and end; a map's entry size and version */

	switch (type) {
	case MB2_CMDLINE:
		take_string(p, at, size, info->cmdline, sizeof(info->cmdline));
		break;
	case MB2_MODULE:
		if (size >= sizeof(pair) && get(p, at, pair, sizeof(pair))) {
			take_module(p, pair[0], pair[1], at + sizeof(pair), size - sizeof(pair));
		}
		break;
	case MB2_MMAP:
		if (size >= sizeof(pair) && get(p, at, pair, sizeof(pair)) && pair[0]) {
			take_map(p, at + sizeof(pair), at + size, pair[0]);
		}
		break;
	case MB2_SCREEN:
		take_screen(p, at, size);
		break;
	case MB2_EFI64:
		if (size >= sizeof(info->smbios.efi_system_table)) {
			(void)get(p, at, &info->smbios.efi_system_table, sizeof(info->smbios.efi_system_table));
		}
		break;
	case MB2_SMBIOS:
		if (size > SMBIOS_HEAD) {
			info->smbios.copy = at + SMBIOS_HEAD;
			info->smbios.copy_bytes = size - SMBIOS_HEAD;
		}
		break;
	case MB2_RSDP_V1:
		take_rsdp(p, at, size, 20);
		break;
	case MB2_RSDP_V2:
		take_rsdp(p, at, size, 36);
		break;
	default:
		break;
	}
}

static bool mb2_parse(struct parser *p, uint64_t addr)
{
	struct { uint32_t total, reserved; } head;
	uint64_t off = sizeof(head);
	struct mb2_tag tag;

	if (!get(p, addr, &head, sizeof(head)) || head.total > INFO_BYTES_MAX) {
		return false;
	}
	while (range_within(off, sizeof(tag), head.total) && get(p, addr + off, &tag, sizeof(tag)) && tag.type != MB2_END &&
	       tag.size >= sizeof(tag) && tag.size <= head.total - off) {
		mb2_tag(p, tag.type, addr + off + sizeof(tag), tag.size - sizeof(tag));
		off += ALIGN_UP(tag.size, 8u);
	}
	return true;
}

/* After the claims of the firmware: these decide whether a module lies in free RAM. Then it is a claim itself. */
static void place_modules(struct boot_info *info)
{
	uint32_t seen = info->module_count;

	info->module_count = 0;
	for (uint32_t i = 0; i < seen; i++) {
		struct boot_module m = info->module[i];

		if (m.base.v % PAGE_SIZE || !bootmap_is_free(info, m.base.v, m.size)) {
			info->module_dropped++;
			continue;
		}
		bootmap_claim(info, m.base.v, m.size, BOOT_MEM_MODULE);
		info->module[info->module_count++] = m;
	}
}

int multiboot_parse(struct boot_info *info, uint32_t magic, uint64_t addr, boot_read_fn *read, void *ctx,
		    const struct boot_mem *keep, unsigned keep_count)
{
	struct parser p = { info, read, ctx };
	bool readable;

	*info = (struct boot_info){ 0 };
	bootmap_start(info);
	if (magic != MULTIBOOT1_MAGIC && magic != MULTIBOOT2_MAGIC) {
		return E_INVAL;
	}
	readable = magic == MULTIBOOT1_MAGIC ? mb1_parse(&p, addr) : mb2_parse(&p, addr);
	bootmap_claim(info, 0, LOW_END, BOOT_MEM_LOW);
	for (unsigned i = 0; i < keep_count; i++) {
		bootmap_claim(info, keep[i].base, keep[i].size, (enum boot_mem_type)keep[i].type);
	}
	place_modules(info);
	bootmap_finish(info);
	return readable && info->ram_bytes ? OK : E_PROTO;
}
