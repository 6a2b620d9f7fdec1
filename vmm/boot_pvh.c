/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH loader: ELF32 and ELF64 executables for x86 with the note XEN_ELFNOTE_PHYS32_ENTRY. The vCPU starts in
 * 32-bit protected mode without paging, ebx points to struct start_info (Xen: docs/misc/pvh.pandoc).
 */
#include "vmm/boot_pvh.h"

#include <string.h>

#include "vmm/boot_elf.h"
#include "vmm/platform.h"

enum { NOTES_MAX = 256, XEN_NOTE_PHYS32_ENTRY = 18 };

/* Xen: public/arch-x86/hvm/start_info.h, version 1. */
enum { START_MAGIC = 0x336ec578, START_VERSION = 1 };

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct start_module { uint64_t paddr, size, cmdline, reserved; };
struct start_memmap { uint64_t addr, size; uint32_t type, reserved; };

/* All of it in the page at BOOT_INFO. */
struct start_page {
	struct start_info info;
	struct start_module module;
	struct start_memmap memmap[MEMMAP_MAX];
};
_Static_assert(sizeof(struct start_page) <= PAGE_SIZE, "one page");

/* What the notes say. */
struct pvh {
	uint64_t entry;
	bool has_entry;
};

/* Looks for the entry in the notes at [at, at + len) of the file. Broken notes end the search, no more. */
static void scan_notes(const struct boot_elf *elf, const struct elf64_phdr *p, struct pvh *pvh)
{
	uint64_t at = p->offset, end = p->offset + p->filesz, align = p->align == 8 ? 8 : 4;
	struct elf_note note;

	for (unsigned n = 0; n < NOTES_MAX && range_within(at, sizeof(note), end); n++) {
		memcpy(&note, elf->bytes + at, sizeof(note));
		uint64_t name = at + sizeof(note);
		uint64_t desc = ALIGN_UP(name + note.name_size, align);

		if (!range_within(desc, note.desc_size, end)) {
			return;
		}
		if (note.type == XEN_NOTE_PHYS32_ENTRY && note.name_size == 4 && !memcmp(elf->bytes + name, "Xen", 4) &&
		    (note.desc_size == 4 || note.desc_size == 8)) {
			pvh->entry = 0;
			memcpy(&pvh->entry, elf->bytes + desc, note.desc_size);
			pvh->has_entry = true;
			return;
		}
		at = ALIGN_UP(desc + note.desc_size, align);
	}
}

/* Note segments that lie outside of the file hold nothing. */
static struct pvh find_entry(const struct boot_elf *elf)
{
	struct pvh pvh = { 0 };

	for (unsigned i = 0; i < elf->phnum && !pvh.has_entry; i++) {
		struct elf64_phdr p = boot_elf_phdr(elf, i);

		if (p.type == PT_NOTE && range_within(p.offset, p.filesz, elf->size)) {
			scan_notes(elf, &p, &pvh);
		}
	}
	return pvh;
}

bool boot_pvh_probe(const struct boot_image *image)
{
	struct boot_reason why;
	struct boot_elf elf;

	return boot_elf_probe(image) && boot_elf_parse(image, &elf, &why) == OK && find_entry(&elf).has_entry;
}

static int put_start_page(const struct boot_request *req, uint64_t initrd)
{
	struct start_page page = {
		.info = { .magic = START_MAGIC, .version = START_VERSION, .cmdline = BOOT_CMDLINE, .rsdp = req->rsdp,
			  .memmap = BOOT_INFO + offsetof(struct start_page, memmap),
			  .memmap_entries = req->map->count },
		.module = { .paddr = initrd, .size = req->initrd.size },
	};

	if (req->initrd.size) {
		page.info.modules = 1;
		page.info.modlist = BOOT_INFO + offsetof(struct start_page, module);
	}
	for (unsigned i = 0; i < req->map->count; i++) {
		const struct memmap_entry *m = &req->map->entry[i];

		page.memmap[i] = (struct start_memmap){ .addr = m->base, .size = m->size, .type = m->type };
	}
	return gmem_write(req->mem, gpa(BOOT_INFO), &page, sizeof(page));
}

int boot_pvh_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why)
{
	struct boot_loaded loaded = { 0 };
	struct boot_elf elf;
	struct pvh pvh;
	uint64_t initrd;
	int r;

	if ((r = boot_no_modules(req, why)) < 0 || (r = boot_elf_parse(&req->kernel, &elf, why)) < 0 ||
	    (r = boot_elf_load(req, &elf, BOOT_KERNEL_MIN, &loaded, why)) < 0) {
		return r;
	}
	pvh = find_entry(&elf);
	if (!pvh.has_entry) {
		return boot_fail(why, E_PROTO, "kernel: an ELF file with neither a PVH entry note nor a Multiboot header");
	}
	if (pvh.entry < BOOT_KERNEL_MIN || pvh.entry >= loaded.end) {
		return boot_fail(why, E_PROTO, "kernel: the PVH entry %#llx lies outside of the image",
				 (unsigned long long)pvh.entry);
	}
	if ((r = boot_put_initrd(req, loaded.end, PLATFORM_HIGH, &initrd, why)) < 0 ||
	    (r = boot_put_cmdline(req, BOOT_CMDLINE_MAX - 1, why)) < 0) {
		return r;
	}
	if (put_start_page(req, initrd) < 0) {
		return boot_fail(why, E_RANGE, "kernel: the VM's memory is too small");
	}
	*entry = (struct boot_entry){ .mode = BOOT_PROTECTED_MODE, .rip = pvh.entry, .info = BOOT_INFO,
				      .info_gpr = GPR_RBX };
	return OK;
}
