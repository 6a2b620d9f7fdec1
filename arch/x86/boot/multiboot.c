/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot information to struct boot_info: see multiboot.h. Multiboot 0.6.96, 3.3; Multiboot 2 2.0, 3.4 to 3.6. */
#include "arch/x86/boot/multiboot.h"

#include "arch/x86/boot/memmap.h"

enum { MB1_CMDLINE = 1 << 2, MB1_MODULES = 1 << 3, MB1_MMAP = 1 << 6, MB1_LOADER = 1 << 9, MB1_FRAMEBUFFER = 1 << 12 };
enum {
	MB2_END, MB2_CMDLINE, MB2_LOADER, MB2_MODULE, MB2_MMAP = 6, MB2_FRAMEBUFFER = 8, MB2_RSDP_V1 = 14, MB2_RSDP_V2 = 15,
};
enum {
	INFO_BYTES_MAX = 1 << 20,       /* of Multiboot 2's tags                                     */
	MMAP_ENTRIES_MAX = 2048,        /* looked at; more than the table holds is told there        */
	STRING_MAX = 1024,              /* of a Multiboot 1 string, to find its end                  */
};

struct mb1_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name, apm_table;
	uint32_t vbe[4];
	uint64_t fb_addr;
	uint32_t fb_pitch, fb_width, fb_height;
	uint8_t fb_bpp, fb_type;
} __attribute__((packed));
_Static_assert(offsetof(struct mb1_info, fb_addr) == 88, "Multiboot 3.3");

struct mb1_module { uint32_t start, end, string, reserved; };

struct mb1_mmap { uint32_t size; uint64_t base, length; uint32_t type; } __attribute__((packed));

struct mb2_tag { uint32_t type, size; };

struct mb2_mmap_header { uint32_t entry_size, version; };

struct mb2_mmap { uint64_t base, length; uint32_t type; } __attribute__((packed));

struct mb2_framebuffer {
	uint64_t addr;
	uint32_t pitch, width, height;
	uint8_t bpp, type;
} __attribute__((packed));

struct parser {
	struct boot_info *info;
	boot_read_fn *read;
	void *ctx;
	struct memmap map;
	bool have_mmap;
	uint32_t module_count;          /* seen, before checks                                       */
	struct { uint64_t start, end, string, string_max; } module[BOOT_MODULE_MAX];
};

static bool get(struct parser *p, uint64_t addr, void *buf, size_t len)
{
	return p->read(p->ctx, addr, buf, len);
}

/* A terminated copy of the string at addr, of at most max bytes there, unprintable bytes as '?'. */
static void get_string(struct parser *p, uint64_t addr, uint64_t max, char *out, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && n < max) {
		uint8_t c;

		if (!get(p, addr + n, &c, 1) || !c) {
			break;
		}
		out[n++] = c < ' ' || c > '~' ? '?' : (char)c;
	}
	out[n] = 0;
}

/* The first word of a module's string, without directories: some loaders put the path of the file there. */
static void get_name(struct parser *p, uint64_t addr, uint64_t max, char out[BOOT_NAME_MAX])
{
	size_t n = 0;

	for (uint64_t i = 0; i < max; i++) {
		uint8_t c;

		if (!get(p, addr + i, &c, 1) || !c || c == ' ') {
			break;
		}
		if (c == '/') {
			n = 0;
		} else if (n + 1 < BOOT_NAME_MAX) {
			out[n++] = c < ' ' || c > '~' ? '?' : (char)c;
		}
	}
	out[n] = 0;
}

/* Memory types of both protocols, which are those of INT 15h E820h. */
static void add_memory(struct parser *p, uint64_t base, uint64_t length, uint32_t type)
{
	static const uint8_t types[] = {
		[1] = BOOT_MEM_FREE, [2] = BOOT_MEM_RESERVED, [3] = BOOT_MEM_ACPI, [4] = BOOT_MEM_NVS, [5] = BOOT_MEM_BAD,
	};
	uint32_t known = type && type < ARRAY_SIZE(types) ? types[type] : (uint32_t)BOOT_MEM_RESERVED;

	memmap_claim(&p->map, base, length, (enum boot_mem_type)known);
	p->have_mmap |= known == BOOT_MEM_FREE;
}

static void add_module(struct parser *p, uint64_t start, uint64_t end, uint64_t string, uint64_t string_max)
{
	if (p->module_count == BOOT_MODULE_MAX) {
		p->info->module_dropped++;
		memmap_claim(&p->map, start, end > start ? end - start : 0, BOOT_MEM_MODULE);
		return;
	}
	p->module[p->module_count].start = start;
	p->module[p->module_count].end = end;
	p->module[p->module_count].string = string;
	p->module[p->module_count++].string_max = string_max;
}

static void mb1_memory(struct parser *p, const struct mb1_info *mb)
{
	uint64_t at = mb->mmap_addr, end = at + mb->mmap_length;

	for (unsigned i = 0; i < MMAP_ENTRIES_MAX && end - at >= sizeof(struct mb1_mmap); i++) {
		struct mb1_mmap e;

		/* size does not count itself */
		if (!get(p, at, &e, sizeof(e)) || e.size < sizeof(e) - sizeof(e.size) || e.size > end - at - sizeof(e.size)) {
			break;
		}
		add_memory(p, e.base, e.length, e.type);
		at += e.size + sizeof(e.size);
	}
}

static int mb1_parse(struct parser *p, uint64_t addr)
{
	struct mb1_info mb;

	if (!get(p, addr, &mb, offsetof(struct mb1_info, fb_addr))) {
		return E_PROTO;
	}
	if (mb.flags & MB1_CMDLINE) {
		get_string(p, mb.cmdline, STRING_MAX, p->info->cmdline, sizeof(p->info->cmdline));
	}
	if (mb.flags & MB1_LOADER) {
		get_string(p, mb.loader_name, STRING_MAX, p->info->loader, sizeof(p->info->loader));
	}
	if (mb.flags & MB1_MMAP) {
		mb1_memory(p, &mb);
	}
	for (uint32_t i = 0; (mb.flags & MB1_MODULES) && i < mb.mods_count && i < 2 * BOOT_MODULE_MAX; i++) {
		struct mb1_module m;

		if (!get(p, mb.mods_addr + i * sizeof(m), &m, sizeof(m))) {
			break;
		}
		add_module(p, m.start, m.end, m.string, m.string ? STRING_MAX : 0);
	}
	if ((mb.flags & MB1_FRAMEBUFFER) && get(p, addr, &mb, sizeof(mb))) {
		p->info->fb = (struct boot_framebuffer){ mb.fb_addr, mb.fb_pitch, mb.fb_width, mb.fb_height, mb.fb_bpp,
							 mb.fb_type };
	}
	return OK;
}

static void mb2_memory(struct parser *p, uint64_t at, uint64_t size)
{
	struct mb2_mmap_header h;

	if (size < sizeof(h) || !get(p, at, &h, sizeof(h)) || h.entry_size < sizeof(struct mb2_mmap)) {
		return;
	}
	at += sizeof(h);
	size -= sizeof(h);
	for (unsigned i = 0; i < MMAP_ENTRIES_MAX && size >= h.entry_size; i++) {
		struct mb2_mmap e;

		if (!get(p, at, &e, sizeof(e))) {
			break;
		}
		add_memory(p, e.base, e.length, e.type);
		at += h.entry_size;
		size -= h.entry_size;
	}
}

static void mb2_module(struct parser *p, uint64_t at, uint64_t size)
{
	uint32_t range[2];

	if (size >= sizeof(range) && get(p, at, range, sizeof(range))) {
		add_module(p, range[0], range[1], at + sizeof(range), size - sizeof(range));
	}
}

static void mb2_framebuffer(struct parser *p, uint64_t at, uint64_t size)
{
	struct mb2_framebuffer f;

	if (size >= sizeof(f) && get(p, at, &f, sizeof(f))) {
		p->info->fb = (struct boot_framebuffer){ f.addr, f.pitch, f.width, f.height, f.bpp, f.type };
	}
}

static void mb2_rsdp(struct parser *p, uint64_t at, uint64_t size, uint32_t wanted)
{
	if (size >= wanted && wanted > p->info->rsdp_size && get(p, at, p->info->rsdp, wanted)) {
		p->info->rsdp_size = wanted;
	}
}

/* One tag's content: size bytes at `at`. */
static void mb2_tag(struct parser *p, uint32_t type, uint64_t at, uint64_t size)
{
	switch (type) {
	case MB2_CMDLINE:
		get_string(p, at, size, p->info->cmdline, sizeof(p->info->cmdline));
		break;
	case MB2_LOADER:
		get_string(p, at, size, p->info->loader, sizeof(p->info->loader));
		break;
	case MB2_MODULE:
		mb2_module(p, at, size);
		break;
	case MB2_MMAP:
		mb2_memory(p, at, size);
		break;
	case MB2_FRAMEBUFFER:
		mb2_framebuffer(p, at, size);
		break;
	case MB2_RSDP_V1:
		mb2_rsdp(p, at, size, 20);
		break;
	case MB2_RSDP_V2:
		mb2_rsdp(p, at, size, 36);
		break;
	default:
		break;
	}
}

static int mb2_parse(struct parser *p, uint64_t addr)
{
	struct { uint32_t total, reserved; } head;
	uint64_t off = sizeof(head);

	if (!get(p, addr, &head, sizeof(head)) || head.total < sizeof(head) || head.total > INFO_BYTES_MAX) {
		return E_PROTO;
	}
	while (range_within(off, sizeof(struct mb2_tag), head.total)) {
		struct mb2_tag tag;

		if (!get(p, addr + off, &tag, sizeof(tag)) || tag.type == MB2_END) {
			break;
		}
		if (tag.size < sizeof(tag) || tag.size > head.total - off) {
			break;
		}
		mb2_tag(p, tag.type, addr + off + sizeof(tag), tag.size - sizeof(tag));
		off += ALIGN_UP(tag.size, 8u);
	}
	return OK;
}

/* The claims so far decide whether a module lies in free RAM; then it is a claim itself. */
static void place_modules(struct parser *p)
{
	struct boot_info *info = p->info;

	for (uint32_t i = 0; i < p->module_count; i++) {
		struct boot_module *m = &info->module[info->module_count];
		uint64_t start = p->module[i].start, size = p->module[i].end - start;

		if (start % PAGE_SIZE || p->module[i].end <= start ||
		    !memmap_is_free(&p->map, start, ALIGN_UP(size, (uint64_t)PAGE_SIZE))) {
			info->module_dropped++;
			continue;
		}
		m->base = hpa(start);
		m->size = size;
		get_name(p, p->module[i].string, p->module[i].string_max, m->name);
		memmap_claim(&p->map, start, size, BOOT_MEM_MODULE);
		info->module_count++;
	}
	memmap_resolve(&p->map, info);
}

int multiboot_parse(struct boot_info *info, uint32_t magic, uint64_t addr, boot_read_fn *read, void *ctx,
		    const struct boot_keep *keep, size_t keep_count)
{
	static struct parser parser;    /* too large for the stack; boot has one CPU                 */
	struct parser *p = &parser;
	int r;

	*info = (struct boot_info){ 0 };
	p->info = info;
	p->read = read;
	p->ctx = ctx;
	p->map.count = 0;
	p->map.overflow = p->have_mmap = false;
	p->module_count = 0;
	if (magic != MULTIBOOT1_MAGIC && magic != MULTIBOOT2_MAGIC) {
		return E_INVAL;
	}
	r = magic == MULTIBOOT1_MAGIC ? mb1_parse(p, addr) : mb2_parse(p, addr);
	if (r < 0) {
		return r;
	}
	for (size_t i = 0; i < keep_count; i++) {
		memmap_claim(&p->map, keep[i].base, keep[i].size, (enum boot_mem_type)keep[i].type);
	}
	place_modules(p);
	return p->have_mmap && !p->map.overflow ? OK : E_PROTO;
}
