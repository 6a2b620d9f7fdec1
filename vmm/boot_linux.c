/* SPDX-License-Identifier: Apache-2.0 */
/* Linux/x86 boot protocol (Linux: Documentation/x86/boot.rst and zero-page.rst), entered in 64-bit or 32-bit mode. */
#include "vmm/boot_linux.h"

#include <string.h>

/* The setup header, in the file and in the zero page at the same offset. */
struct setup_header {
	uint8_t setup_sects;
	uint16_t root_flags;
	uint32_t syssize;            /* units of 16 bytes                                            */
	uint16_t ram_size, vid_mode, root_dev, boot_flag;
	uint16_t jump;
	uint32_t magic;
	uint16_t version;
	uint32_t realmode_switch;
	uint16_t start_sys_seg, kernel_version;
	uint8_t type_of_loader, loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver, ext_loader_type;
	uint32_t cmd_line_ptr, initrd_addr_max, kernel_alignment;
	uint8_t relocatable, min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size, hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset, payload_length;
	uint64_t setup_data, pref_address;
	uint32_t init_size, handover_offset;
} __attribute__((packed));

enum { HEADER_AT = 0x1f1, HEADER_END = HEADER_AT + sizeof(struct setup_header) };
_Static_assert(HEADER_END == 0x268, "protocol 2.12");

enum {
	BOOT_FLAG = 0xaa55, MAGIC = 0x53726448 /* HdrS */,
	LOADED_HIGH = 1 << 0, XLF_KERNEL_64 = 1 << 0,
	SECTOR = 512, SETUP_SECTS_DEFAULT = 4, ENTRY_64 = 0x200, LOADER_UNDEFINED = 0xff,
	JUMP_END = 0x202,            /* the header ends that many bytes behind as the jump goes      */
};

/* What protocol versions brought; before, the defaults below held. */
enum {
	VERSION_MIN = 0x202,         /* cmd_line_ptr                                                 */
	VERSION_INITRD_MAX = 0x203, VERSION_SYSSIZE = 0x204, VERSION_RELOCATABLE = 0x205, VERSION_CMDLINE_SIZE = 0x206,
	INITRD_MAX_DEFAULT = 0x37ffffff, CMDLINE_SIZE_DEFAULT = 255,
};

/* Fields of the zero page outside of the header. */
enum { ZERO_PAGE_RSDP = 0x070, ZERO_PAGE_E820_COUNT = 0x1e8, ZERO_PAGE_E820 = 0x2d0 };

struct e820_entry {
	uint64_t base, size;
	uint32_t type;
} __attribute__((packed));

/* A checked image: header, and the protected-mode part in the file. */
struct bzimage {
	struct setup_header header;
	const uint8_t *kernel;
	size_t kernel_size;
	uint64_t room;               /* bytes that it needs from its load address on                 */
};

bool boot_linux_probe(const struct boot_image *image)
{
	uint32_t magic;

	if (image->size < HEADER_END) {
		return false;
	}
	memcpy(&magic, image->bytes + HEADER_AT + offsetof(struct setup_header, magic), sizeof(magic));
	return magic == MAGIC;
}

static int check_header(const struct setup_header *h, struct boot_reason *why)
{
	if (h->boot_flag != BOOT_FLAG || h->magic != MAGIC) {
		return boot_fail(why, E_PROTO, "kernel: the setup header's signatures are missing");
	}
	if (h->version < VERSION_MIN) {
		return boot_fail(why, E_PROTO, "kernel: boot protocol %u.%02u, 2.02 is needed", h->version >> 8u,
				 h->version & 0xffu);
	}
	if (!(h->loadflags & LOADED_HIGH)) {
		return boot_fail(why, E_PROTO, "kernel: a zImage, only bzImage is supported");
	}
	/* iPXE looks like this: behind its setup code, which asks the BIOS, stands what that code has to unpack first. */
	if (!h->code32_start && !(h->xloadflags & XLF_KERNEL_64)) {
		return boot_fail(why, E_PROTO, "kernel: it starts in real mode only (code32_start is 0), so it needs a BIOS");
	}
	if (h->relocatable && (!h->kernel_alignment || (h->kernel_alignment & (h->kernel_alignment - 1)))) {
		return boot_fail(why, E_PROTO, "kernel: alignment %#x is not a power of two", h->kernel_alignment);
	}
	return OK;
}

/* The fields of the image's own version; behind them the file holds code. Those that it lacks get their defaults. */
static void read_header(const struct boot_image *image, struct setup_header *h)
{
	size_t end;

	memcpy(h, image->bytes + HEADER_AT, sizeof(*h));
	end = JUMP_END + (h->jump >> 8u);
	if (end < HEADER_END) {
		memset((uint8_t *)h + (end - HEADER_AT), 0, HEADER_END - end);
	}
	if (h->version < VERSION_INITRD_MAX) {
		h->initrd_addr_max = INITRD_MAX_DEFAULT;
	}
	if (h->version < VERSION_SYSSIZE) {
		h->syssize &= 0xffff;
	}
	if (h->version < VERSION_RELOCATABLE) {
		h->relocatable = 0;
		h->kernel_alignment = PAGE_SIZE;
	}
	if (h->version < VERSION_CMDLINE_SIZE) {
		h->cmdline_size = CMDLINE_SIZE_DEFAULT;
	}
}

static int parse(const struct boot_image *image, struct bzimage *bz, struct boot_reason *why)
{
	uint64_t sects, setup, kernel;
	int r;

	if (image->size < HEADER_END) {
		return boot_fail(why, E_PROTO, "kernel: truncated, %zu bytes hold no setup header", image->size);
	}
	read_header(image, &bz->header);
	r = check_header(&bz->header, why);
	if (r < 0) {
		return r;
	}
	sects = bz->header.setup_sects ? bz->header.setup_sects : SETUP_SECTS_DEFAULT;
	setup = (sects + 1) * SECTOR;
	kernel = (uint64_t)bz->header.syssize * 16;
	if (kernel <= ENTRY_64) {
		return boot_fail(why, E_PROTO, "kernel: the header's syssize %#x is too small", bz->header.syssize);
	}
	/* The size counts in units of 16 bytes; the last one need not be whole. */
	if (!range_within(setup, kernel, ALIGN_UP((uint64_t)image->size, 16ull))) {
		return boot_fail(why, E_PROTO, "kernel: truncated, the header tells %llu bytes, the file has %zu",
				 (unsigned long long)(setup + kernel), image->size);
	}
	bz->kernel = image->bytes + setup;
	bz->kernel_size = image->size - setup;
	bz->room = bz->header.init_size > bz->kernel_size ? bz->header.init_size : bz->kernel_size;
	return OK;
}

/*
 * The preferred address, even if the kernel could be relocated: Linux moves itself up to it when it is loaded lower, so
 * what fits only below does not run. A kernel that cannot be relocated goes there whatever its alignment says.
 */
static int choose_address(const struct boot_request *req, const struct bzimage *bz, uint64_t *at, struct boot_reason *why)
{
	uint64_t end = req->map->low_end, preferred = bz->header.pref_address;

	*at = preferred > BOOT_KERNEL_MIN ? preferred : BOOT_KERNEL_MIN;
	if (bz->header.relocatable) {
		*at = ALIGN_UP(*at, (uint64_t)bz->header.kernel_alignment);
	}
	if (*at >= preferred && range_within(*at, bz->room, end)) {
		return OK;
	}
	return boot_fail(why, E_NOMEM, "kernel: needs %llu KiB at %#llx, the VM has memory up to %#llx",
			 (unsigned long long)(bz->room >> 10), (unsigned long long)preferred, (unsigned long long)end);
}

static int put_e820(const struct boot_request *req)
{
	const struct memmap *map = req->map;
	uint8_t count = (uint8_t)map->count;
	int r;

	for (unsigned i = 0; i < map->count; i++) {
		const struct memmap_entry *m = &map->entry[i];
		struct e820_entry e = { .base = m->base, .size = m->size, .type = m->type };

		r = gmem_write(req->mem, gpa(BOOT_INFO + ZERO_PAGE_E820 + i * sizeof(e)), &e, sizeof(e));
		if (r < 0) {
			return r;
		}
	}
	return gmem_write(req->mem, gpa(BOOT_INFO + ZERO_PAGE_E820_COUNT), &count, sizeof(count));
}

static int put_zero_page(const struct boot_request *req, const struct setup_header *h)
{
	int r = gmem_fill(req->mem, gpa(BOOT_INFO), 0, PAGE_SIZE);

	if (r < 0) {
		return r;
	}
	r = gmem_write(req->mem, gpa(BOOT_INFO + HEADER_AT), h, sizeof(*h));
	if (r < 0) {
		return r;
	}
	r = gmem_write(req->mem, gpa(BOOT_INFO + ZERO_PAGE_RSDP), &req->rsdp, sizeof(req->rsdp));
	return r < 0 ? r : put_e820(req);
}

/* The initrd may not touch the kernel's room, and ends by initrd_addr_max (its last byte may be there). */
static int put_initrd(const struct boot_request *req, struct bzimage *bz, uint64_t load, struct boot_reason *why)
{
	uint64_t at, ceiling = (uint64_t)bz->header.initrd_addr_max + 1;
	int r = boot_put_initrd(req, load + bz->room, ceiling, &at, why);

	bz->header.ramdisk_image = (uint32_t)at;
	bz->header.ramdisk_size = (uint32_t)req->initrd.size;
	return r;
}

int boot_linux_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why)
{
	struct bzimage bz = { 0 };
	uint64_t load = 0;
	int r;

	if ((r = parse(&req->kernel, &bz, why)) < 0 || (r = boot_no_modules(req, why)) < 0 || (r = choose_address(req, &bz, &load, why)) < 0 ||
	    (r = put_initrd(req, &bz, load, why)) < 0 ||
	    (r = boot_put_cmdline(req, bz.header.cmdline_size, why)) < 0) {
		return r;
	}
	bz.header.type_of_loader = LOADER_UNDEFINED;
	bz.header.cmd_line_ptr = BOOT_CMDLINE;
	bz.header.code32_start = (uint32_t)load;
	bz.header.setup_data = 0;
	if ((r = put_zero_page(req, &bz.header)) < 0 ||
	    (r = gmem_write(req->mem, gpa(load), bz.kernel, bz.kernel_size)) < 0) {
		return boot_fail(why, r, "kernel: the VM's memory is too small");
	}
	*entry = (struct boot_entry){ .mode = BOOT_PROTECTED_MODE, .rip = load, .info = BOOT_INFO, .info_gpr = GPR_RSI };
	if (bz.header.xloadflags & XLF_KERNEL_64) {
		entry->mode = BOOT_LONG_MODE;
		entry->rip = load + ENTRY_64;
	}
	return OK;
}
