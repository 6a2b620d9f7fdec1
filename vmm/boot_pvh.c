/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH loader: ELF32 and ELF64 executables for x86 with the note XEN_ELFNOTE_PHYS32_ENTRY. The vCPU starts in
 * 32-bit protected mode without paging, ebx points to struct start_info (Xen: docs/misc/pvh.pandoc).
 */
#include "vmm/boot_pvh.h"

#include <string.h>

#include "lib/elf_format.h"
#include "vmm/platform.h"

enum { PHDRS_MAX = 64, NOTES_MAX = 256, XEN_NOTE_PHYS32_ENTRY = 18 };

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

/* A checked ELF header, class apart. */
struct elf {
	const uint8_t *bytes;
	size_t size;
	uint64_t phoff;
	unsigned phnum, phentsize;
	bool is64;
};

/* What the program headers say. */
struct pvh {
	uint64_t entry;
	uint64_t end;                /* behind the last loaded byte                                  */
	uint64_t total;              /* bytes loaded                                                 */
	bool has_entry;
};

bool boot_pvh_probe(const struct boot_image *image)
{
	return image->size >= 4 && !memcmp(image->bytes, "\177ELF", 4);
}

static int parse_header(const struct boot_image *image, struct elf *elf, struct boot_reason *why)
{
	struct elf64_header h = { 0 };
	struct elf32_header h32;

	*elf = (struct elf){ .bytes = image->bytes, .size = image->size };
	if (image->size < sizeof(h)) {
		return boot_fail(why, E_PROTO, "kernel: truncated, %zu bytes hold no ELF header", image->size);
	}
	elf->is64 = image->bytes[EI_CLASS] == ELF_CLASS64;
	memcpy(&h, image->bytes, sizeof(h));
	if (!elf->is64) {
		memcpy(&h32, image->bytes, sizeof(h32));
		h = (struct elf64_header){ .type = h32.type, .machine = h32.machine, .phoff = h32.phoff,
					   .phentsize = h32.phentsize, .phnum = h32.phnum };
	}
	if ((!elf->is64 && image->bytes[EI_CLASS] != ELF_CLASS32) || image->bytes[EI_DATA] != ELF_LSB ||
	    (h.machine != EM_386 && h.machine != EM_X86_64)) {
		return boot_fail(why, E_PROTO, "kernel: an ELF file, but not for x86");
	}
	if (h.type != ET_EXEC) {
		return boot_fail(why, E_PROTO, "kernel: an ELF file of type %u, not an executable", h.type);
	}
	elf->phentsize = h.phentsize;
	elf->phnum = h.phnum;
	elf->phoff = h.phoff;
	if (elf->phentsize < (elf->is64 ? sizeof(struct elf64_phdr) : sizeof(struct elf32_phdr)) || !elf->phnum ||
	    elf->phnum > PHDRS_MAX) {
		return boot_fail(why, E_PROTO, "kernel: %u ELF program headers of %u bytes", elf->phnum, elf->phentsize);
	}
	if (!range_within(elf->phoff, (uint64_t)elf->phnum * elf->phentsize, elf->size)) {
		return boot_fail(why, E_PROTO, "kernel: truncated, the ELF program headers lie outside of the file");
	}
	return OK;
}

/* Program header i, i < phnum, in the form of ELF64. */
static struct elf64_phdr get_phdr(const struct elf *elf, unsigned i)
{
	const uint8_t *at = elf->bytes + elf->phoff + (size_t)i * elf->phentsize;
	struct elf64_phdr p;
	struct elf32_phdr p32;

	if (elf->is64) {
		memcpy(&p, at, sizeof(p));
		return p;
	}
	memcpy(&p32, at, sizeof(p32));
	return (struct elf64_phdr){ .type = p32.type, .offset = p32.offset, .paddr = p32.paddr, .filesz = p32.filesz,
				    .memsz = p32.memsz, .align = p32.align };
}

/* Looks for the entry in the notes at [at, at + len) of the file. Broken notes end the search, no more. */
static void scan_notes(const struct elf *elf, const struct elf64_phdr *p, struct pvh *pvh)
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

static int load_segment(const struct boot_request *req, const struct elf64_phdr *p, struct pvh *pvh,
			struct boot_reason *why)
{
	unsigned long long at = p->paddr, size = p->memsz;

	if (p->filesz > p->memsz) {
		return boot_fail(why, E_PROTO, "kernel: an ELF segment has more bytes in the file than in memory");
	}
	if (p->paddr < BOOT_KERNEL_MIN || !range_within(p->paddr, p->memsz, req->map->low_end)) {
		return boot_fail(why, E_NOMEM, "kernel: the segment at %#llx, %#llx bytes, does not fit between 1 MiB and %#llx",
				 at, size, (unsigned long long)req->map->low_end);
	}
	/* Segments do not overlap in a sane file; the sum bounds the work in an insane one. */
	pvh->total += p->memsz;
	if (pvh->total > req->map->low_end) {
		return boot_fail(why, E_PROTO, "kernel: ELF segments overlap");
	}
	if (gmem_write(req->mem, gpa(p->paddr), req->kernel.bytes + p->offset, p->filesz) < 0 ||
	    gmem_fill(req->mem, gpa(p->paddr + p->filesz), 0, p->memsz - p->filesz) < 0) {
		return boot_fail(why, E_NOMEM, "kernel: the VM's memory is too small");
	}
	if (p->paddr + p->memsz > pvh->end) {
		pvh->end = p->paddr + p->memsz;
	}
	return OK;
}

static int load_segments(const struct boot_request *req, const struct elf *elf, struct pvh *pvh, struct boot_reason *why)
{
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf64_phdr p = get_phdr(elf, i);
		int r = OK;

		if (p.type != PT_LOAD && p.type != PT_NOTE) {
			continue;
		}
		if (!range_within(p.offset, p.filesz, elf->size)) {
			return boot_fail(why, E_PROTO, "kernel: truncated, ELF segment %u lies outside of the file", i);
		}
		if (p.type == PT_NOTE && !pvh->has_entry) {
			scan_notes(elf, &p, pvh);
		}
		if (p.type == PT_LOAD && p.memsz) {
			r = load_segment(req, &p, pvh, why);
		}
		if (r < 0) {
			return r;
		}
	}
	return OK;
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
	struct elf elf;
	struct pvh pvh = { 0 };
	uint64_t initrd;
	int r;

	if ((r = parse_header(&req->kernel, &elf, why)) < 0 || (r = load_segments(req, &elf, &pvh, why)) < 0) {
		return r;
	}
	if (!pvh.has_entry) {
		return boot_fail(why, E_PROTO, "kernel: an ELF file without a PVH entry note");
	}
	if (pvh.entry < BOOT_KERNEL_MIN || pvh.entry >= pvh.end) {
		return boot_fail(why, E_PROTO, "kernel: the PVH entry %#llx lies outside of the image",
				 (unsigned long long)pvh.entry);
	}
	if ((r = boot_put_initrd(req, pvh.end, PLATFORM_HIGH, &initrd, why)) < 0 ||
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
