/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 2 specification, version 2.0. */
#include <string.h>

#include "vmm/boot_multiboot.h"
#include "vmm/platform.h"

enum {
	SEARCH_BYTES = 32768, ARCH_I386 = 0, OPTIONAL = 1, CONSOLE_REQUIRED = 1, RSDP_BYTES = 36, RSDP_V1_BYTES = 20,
};
#define HEADER_MAGIC 0xe85250d6u
#define BOOT_MAGIC   0x36d76289u

struct header { uint32_t magic, architecture, length, checksum; };
struct tag { uint16_t type, flags; uint32_t size; };

/* Of the header, 3.1.3 and following. */
enum header_tag {
	WANT_END, WANT_INFO, WANT_ADDRESS, WANT_ENTRY, WANT_CONSOLE, WANT_FRAMEBUFFER, WANT_PAGES, WANT_EFI_SERVICES,
	WANT_EFI32_ENTRY, WANT_EFI64_ENTRY, WANT_RELOCATION,
};

/* Of the information, 3.6. */
enum info_tag {
	INFO_END, INFO_CMDLINE = 1, INFO_LOADER = 2, INFO_MODULE = 3, INFO_MEMORY = 4, INFO_MAP = 6, INFO_ACPI_OLD = 14,
	INFO_ACPI_NEW = 15, INFO_BASE = 21,
};

#define INFO_GIVEN \
	(1u << INFO_CMDLINE | 1u << INFO_LOADER | 1u << INFO_MODULE | 1u << INFO_MEMORY | 1u << INFO_MAP | \
	 1u << INFO_ACPI_OLD | 1u << INFO_ACPI_NEW | 1u << INFO_BASE)

struct info_map { uint64_t base, size; uint32_t type, zero; };

/* Offset of the header in the file, or the file's size. */
static size_t find_header(const struct boot_image *image, struct header *h)
{
	size_t end = image->size < SEARCH_BYTES ? image->size : SEARCH_BYTES;

	*h = (struct header){ 0 };
	for (size_t at = 0; at + sizeof(*h) <= end; at += 8) {
		memcpy(h, image->bytes + at, sizeof(*h));
		if (h->magic == HEADER_MAGIC && h->magic + h->architecture + h->length + h->checksum == 0) {
			return at;
		}
	}
	return image->size;
}

bool boot_multiboot2_probe(const struct boot_image *image)
{
	struct header h;

	return find_header(image, &h) < image->size;
}

/* ---- what the header asks for ---- */

static uint32_t word(const uint8_t *at)
{
	uint32_t w;

	memcpy(&w, at, sizeof(w));
	return w;
}

static int check_requests(const uint8_t *body, size_t len, struct boot_reason *why)
{
	for (size_t i = 0; i + 4 <= len; i += 4) {
		uint32_t type = word(body + i);

		if (type > 31 || !(INFO_GIVEN >> type & 1)) {
			return boot_fail(why, E_PROTO, "kernel: its Multiboot 2 header insists on information %u, which a VM has not",
					 type);
		}
	}
	return OK;
}

static int insists(struct boot_reason *why, const char *what)
{
	return boot_fail(why, E_PROTO, "kernel: its Multiboot 2 header insists on %s, and a VM has none", what);
}

/* One tag; body has len bytes. What is optional and unknown is passed over. */
static int take_tag(const struct tag *tag, const uint8_t *body, size_t len, struct mb_kernel *k, struct boot_reason *why)
{
	bool optional = tag->flags & OPTIONAL;

	switch (tag->type) {
	case WANT_INFO:
		return optional ? OK : check_requests(body, len, why);
	case WANT_ADDRESS:
		if (len < 16) {
			break;
		}
		k->has_addresses = true;
		k->header_addr = word(body);
		k->load_addr = word(body + 4);
		k->load_end_addr = word(body + 8);
		k->bss_end_addr = word(body + 12);
		return OK;
	case WANT_ENTRY:
		if (len < 4) {
			break;
		}
		k->has_entry = true;
		k->entry_addr = word(body);
		return OK;
	case WANT_CONSOLE:
		return len >= 4 && (word(body) & CONSOLE_REQUIRED) && !optional ? insists(why, "a text screen") : OK;
	case WANT_FRAMEBUFFER:
		return optional ? OK : insists(why, "a framebuffer");
	case WANT_EFI_SERVICES:
		return optional ? OK : insists(why, "EFI boot services");
	case WANT_PAGES: case WANT_EFI32_ENTRY: case WANT_EFI64_ENTRY: case WANT_RELOCATION:
		return OK;
	default:
		return optional ? OK : boot_fail(why, E_PROTO, "kernel: its Multiboot 2 header insists on tag %u", tag->type);
	}
	return boot_fail(why, E_PROTO, "kernel: tag %u of its Multiboot 2 header is too short", tag->type);
}

static int parse_header(const struct boot_image *image, struct mb_kernel *k, struct boot_reason *why)
{
	struct header h;
	size_t start = find_header(image, &h), at = start + sizeof(h), end;

	if (start == image->size) {
		return boot_fail(why, E_PROTO, "kernel: no Multiboot 2 header");
	}
	if (h.architecture != ARCH_I386) {
		return boot_fail(why, E_PROTO, "kernel: a Multiboot 2 header for another architecture, %u", h.architecture);
	}
	if (!range_within(start, h.length, image->size)) {
		return boot_fail(why, E_PROTO, "kernel: truncated within its Multiboot 2 header");
	}
	end = start + h.length;
	k->header_offset = start;
	while (range_within(at, sizeof(struct tag), end)) {
		struct tag tag;
		int r;

		memcpy(&tag, image->bytes + at, sizeof(tag));
		if (tag.type == WANT_END) {
			return OK;
		}
		if (tag.size < sizeof(tag) || !range_within(at, tag.size, end)) {
			break;
		}
		r = take_tag(&tag, image->bytes + at + sizeof(tag), tag.size - sizeof(tag), k, why);
		if (r < 0) {
			return r;
		}
		at += ALIGN_UP((size_t)tag.size, (size_t)8);
	}
	return boot_fail(why, E_PROTO, "kernel: the tags of its Multiboot 2 header are broken");
}

/* ---- what the kernel is told ---- */

static void add_tag(struct mb_info *to, enum info_tag type, const void *fixed, size_t fixed_len, const void *rest,
		    size_t rest_len)
{
	uint32_t head[2] = { type, (uint32_t)(sizeof(head) + fixed_len + rest_len) };

	mb_info_add(to, head, sizeof(head), 8);
	mb_info_add(to, fixed, fixed_len, 1);
	mb_info_add(to, rest, rest_len, 1);
}

static void add_text(struct mb_info *to, enum info_tag type, const void *fixed, size_t fixed_len, const char *text)
{
	add_tag(to, type, fixed, fixed_len, text, strlen(text) + 1);
}

static void add_map(struct mb_info *to, const struct memmap *map)
{
	const uint32_t layout[2] = { sizeof(struct info_map), 0 };
	struct info_map list[MEMMAP_MAX];

	for (unsigned i = 0; i < map->count; i++) {
		const struct memmap_entry *m = &map->entry[i];

		list[i] = (struct info_map){ m->base, m->size, m->type, 0 };
	}
	add_tag(to, INFO_MAP, layout, sizeof(layout), list, map->count * sizeof(list[0]));
}

static void add_acpi(struct mb_info *to, const struct boot_request *req)
{
	uint8_t rsdp[RSDP_BYTES];

	if (gmem_read(req->mem, gpa(req->rsdp), rsdp, sizeof(rsdp)) == OK) {
		add_tag(to, INFO_ACPI_OLD, rsdp, RSDP_V1_BYTES, NULL, 0);
		add_tag(to, INFO_ACPI_NEW, rsdp, sizeof(rsdp), NULL, 0);
	}
}

static int put_info(const struct boot_request *req, const struct mb_loaded *loaded, struct boot_entry *entry,
		    struct boot_reason *why)
{
	const uint32_t memory[2] = { PLATFORM_EBDA >> 10, (uint32_t)((req->map->low_end - BOOT_KERNEL_MIN) >> 10) };
	static struct mb_info to;
	uint32_t head[2] = { 0, 0 };

	to.len = 0;
	to.full = false;
	mb_info_add(&to, head, sizeof(head), 8);
	add_text(&to, INFO_CMDLINE, NULL, 0, req->cmdline);
	add_text(&to, INFO_LOADER, NULL, 0, "Brume");
	for (unsigned i = 0; i < loaded->module_count; i++) {
		add_text(&to, INFO_MODULE, &loaded->module[i], 2 * sizeof(uint32_t), loaded->module[i].text);
	}
	add_tag(&to, INFO_MEMORY, memory, sizeof(memory), NULL, 0);
	add_map(&to, req->map);
	add_acpi(&to, req);
	add_tag(&to, INFO_BASE, &loaded->base, sizeof(loaded->base), NULL, 0);
	add_tag(&to, INFO_END, NULL, 0, NULL, 0);
	head[0] = (uint32_t)to.len;
	memcpy(to.bytes, head, sizeof(head));
	return mb_start(req, &to, loaded, BOOT_MAGIC, entry, why);
}

int boot_multiboot2_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why)
{
	struct mb_kernel k = { 0 };
	struct mb_loaded loaded;
	int r = parse_header(&req->kernel, &k, why);

	if (r == OK && k.has_addresses && !k.has_entry) {
		r = boot_fail(why, E_PROTO, "kernel: its Multiboot 2 header has an address but no entry tag");
	}
	if (r < 0 || (r = mb_load(req, &k, &loaded, why)) < 0) {
		return r;
	}
	return put_info(req, &loaded, entry, why);
}
