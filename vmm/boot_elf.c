/* SPDX-License-Identifier: Apache-2.0 */
/* ELF kernels: System V gABI ch. 4 and 5. */
#include "vmm/boot_elf.h"

#include <string.h>

#include "vmm/platform.h"

enum { PHDRS_MAX = 64 };

bool boot_elf_probe(const struct boot_image *image)
{
	return image->size >= 4 && !memcmp(image->bytes, "\177ELF", 4);
}

int boot_elf_parse(const struct boot_image *image, struct boot_elf *elf, struct boot_reason *why)
{
	struct elf64_header h = { 0 };
	struct elf32_header h32;

	*elf = (struct boot_elf){ .bytes = image->bytes, .size = image->size };
	if (image->size < sizeof(h)) {
		return boot_fail(why, E_PROTO, "kernel: truncated, %zu bytes hold no ELF header", image->size);
	}
	elf->is64 = image->bytes[EI_CLASS] == ELF_CLASS64;
	memcpy(&h, image->bytes, sizeof(h));
	if (!elf->is64) {
		memcpy(&h32, image->bytes, sizeof(h32));
		h = (struct elf64_header){ .type = h32.type, .machine = h32.machine, .entry = h32.entry, .phoff = h32.phoff,
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
	elf->entry = h.entry;
	if (elf->phentsize < (elf->is64 ? sizeof(struct elf64_phdr) : sizeof(struct elf32_phdr)) || !elf->phnum ||
	    elf->phnum > PHDRS_MAX) {
		return boot_fail(why, E_PROTO, "kernel: %u ELF program headers of %u bytes", elf->phnum, elf->phentsize);
	}
	if (!range_within(elf->phoff, (uint64_t)elf->phnum * elf->phentsize, elf->size)) {
		return boot_fail(why, E_PROTO, "kernel: truncated, the ELF program headers lie outside of the file");
	}
	return OK;
}

struct elf64_phdr boot_elf_phdr(const struct boot_elf *elf, unsigned i)
{
	const uint8_t *at = elf->bytes + elf->phoff + (size_t)i * elf->phentsize;
	struct elf64_phdr p;
	struct elf32_phdr p32;

	if (elf->is64) {
		memcpy(&p, at, sizeof(p));
		return p;
	}
	memcpy(&p32, at, sizeof(p32));
	return (struct elf64_phdr){ .type = p32.type, .offset = p32.offset, .vaddr = p32.vaddr, .paddr = p32.paddr,
				    .filesz = p32.filesz, .memsz = p32.memsz, .align = p32.align };
}

/* In conventional memory, or between 1 MiB and the end of low RAM. */
static bool has_place(const struct boot_request *req, uint64_t at, uint64_t size, uint64_t lowest)
{
	if (at < BOOT_KERNEL_MIN) {
		return at >= lowest && range_within(at, size, BOOT_LOW_INFO);
	}
	return range_within(at, size, req->map->low_end);
}

int boot_put_segment(const struct boot_request *req, const struct elf64_phdr *p, uint64_t lowest, struct boot_loaded *to,
		     struct boot_reason *why)
{
	unsigned long long at = p->paddr, size = p->memsz;

	if (!range_within(p->offset, p->filesz, req->kernel.size)) {
		return boot_fail(why, E_PROTO, "kernel: truncated, the segment for %#llx lies outside of the file", at);
	}
	if (p->filesz > p->memsz) {
		return boot_fail(why, E_PROTO, "kernel: a segment has more bytes in the file than in memory");
	}
	if (!has_place(req, p->paddr, p->memsz, lowest)) {
		return boot_fail(why, E_NOMEM, "kernel: the segment at %#llx, %#llx bytes, does not fit between %s%#llx", at, size,
				 lowest < BOOT_KERNEL_MIN ? "8 KiB, 512 KiB, 1 MiB and " : "1 MiB and ",
				 (unsigned long long)req->map->low_end);
	}
	/* Segments do not overlap in a sane file; the sum bounds the work in an insane one. */
	to->total += p->memsz;
	if (to->total > req->map->low_end) {
		return boot_fail(why, E_PROTO, "kernel: segments overlap");
	}
	if (gmem_write(req->mem, gpa(p->paddr), req->kernel.bytes + p->offset, p->filesz) < 0 ||
	    gmem_fill(req->mem, gpa(p->paddr + p->filesz), 0, p->memsz - p->filesz) < 0) {
		return boot_fail(why, E_NOMEM, "kernel: the VM's memory is too small");
	}
	if (to->end == 0 || p->paddr < to->start) {
		to->start = p->paddr;
	}
	if (p->paddr + p->memsz > to->end) {
		to->end = p->paddr + p->memsz;
	}
	return OK;
}

int boot_elf_load(const struct boot_request *req, const struct boot_elf *elf, uint64_t lowest, struct boot_loaded *to,
		  struct boot_reason *why)
{
	for (unsigned i = 0; i < elf->phnum; i++) {
		struct elf64_phdr p = boot_elf_phdr(elf, i);

		if (p.type == PT_LOAD && p.memsz) {
			int r = boot_put_segment(req, &p, lowest, to, why);

			if (r < 0) {
				return r;
			}
			if (elf->entry - p.vaddr < p.memsz) {
				to->entry = elf->entry - p.vaddr + p.paddr;
			}
		}
	}
	/* In no segment by its virtual address: then it is meant as a physical one. */
	to->entry = to->entry ? to->entry : elf->entry;
	return OK;
}
