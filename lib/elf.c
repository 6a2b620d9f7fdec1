/* SPDX-License-Identifier: Apache-2.0 */
/* ELF64 program headers, checked one by one (System V gABI ch. 5). */
#include "lib/elf.h"
#include "lib/elf_format.h"

static int broken(const char **why, const char *what)
{
	*why = what;
	return E_PROTO;
}

static int check_header(const struct elf64_header *h, uint64_t size, const char **why)
{
	static const uint8_t ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };    /* 64 bits, little endian, version 1 */

	for (unsigned i = 0; i < sizeof(ident); i++) {
		if (h->ident[i] != ident[i]) {
			return broken(why, "not an ELF64 file");
		}
	}
	if (h->type != ET_EXEC || h->machine != EM_X86_64) {
		return broken(why, "not a static x86-64 program");
	}
	if (h->phentsize != sizeof(struct elf64_phdr) || !range_within(h->phoff, (uint64_t)h->phnum * sizeof(struct elf64_phdr), size)) {
		return broken(why, "program headers outside of the file");
	}
	return OK;
}

static int check_segment(const struct elf64_phdr *p, uint64_t size, uint64_t low, uint64_t high, const char **why)
{
	if (p->filesz > p->memsz || !range_within(p->offset, p->filesz, size)) {
		return broken(why, "segment outside of the file");
	}
	if (p->vaddr < low || !range_within(p->vaddr, p->memsz, high) ||
	    ALIGN_UP(p->vaddr + p->memsz, PAGE_SIZE) > high) {
		return broken(why, "segment outside of the address range");
	}
	if (p->offset % PAGE_SIZE != p->vaddr % PAGE_SIZE) {
		return broken(why, "segment misaligned in the file");
	}
	if ((p->flags & (PF_W | PF_X)) == (PF_W | PF_X)) {
		return broken(why, "segment writable and executable");
	}
	return OK;
}

/* Pages of the last segment end where those of the next may start. */
static int add_segment(struct elf_image *out, const struct elf64_phdr *p, const char **why)
{
	const struct elf_segment *last = out->segment_count ? &out->segment[out->segment_count - 1] : NULL;

	if (out->segment_count == ELF_SEGMENTS_MAX) {
		return broken(why, "too many segments");
	}
	if (last && ALIGN_UP(last->addr + last->mem_size, PAGE_SIZE) > ALIGN_DOWN(p->vaddr, PAGE_SIZE)) {
		return broken(why, "segments overlap or are out of order");
	}
	out->segment[out->segment_count++] = (struct elf_segment){
		.addr = p->vaddr, .mem_size = p->memsz, .file_offset = p->offset, .file_size = p->filesz,
		.read = p->flags & PF_R, .write = p->flags & PF_W, .exec = p->flags & PF_X,
	};
	return OK;
}

static int check_entry(const struct elf_image *img, const char **why)
{
	for (unsigned i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (s->exec && img->entry >= s->addr && img->entry - s->addr < s->mem_size) {
			return OK;
		}
	}
	return broken(why, "entry point outside of the code");
}

int elf_parse(const void *file, uint64_t size, uint64_t low, uint64_t high, struct elf_image *out, const char **why)
{
	struct elf64_header h;
	struct elf64_phdr p;
	int r;

	*out = (struct elf_image){ 0 };
	if (size < sizeof(h)) {
		return broken(why, "shorter than an ELF header");
	}
	__builtin_memcpy(&h, file, sizeof(h));
	r = check_header(&h, size, why);
	for (unsigned i = 0; r == OK && i < h.phnum; i++) {
		__builtin_memcpy(&p, (const uint8_t *)file + h.phoff + (uint64_t)i * sizeof(struct elf64_phdr), sizeof(p));
		if (p.type == PT_INTERP || p.type == PT_DYNAMIC) {
			return broken(why, "needs a dynamic linker");
		}
		if (p.type != PT_LOAD || p.memsz == 0) {
			continue;
		}
		r = check_segment(&p, size, low, high, why);
		if (r == OK) {
			r = add_segment(out, &p, why);
		}
	}
	if (r < 0) {
		return r;
	}
	out->entry = h.entry;
	return check_entry(out, why);
}
