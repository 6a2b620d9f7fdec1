/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a program: what elf_parse() accepts must keep its promises about every segment.
 * sources: lib/elf.c
 */
#include "lib/elf.h"

#include <stdlib.h>

#define LOW  0x1000ull
#define HIGH 0x7ffffffff000ull

static void must(bool promise)
{
	if (!promise) {
		abort();
	}
}

static void check_segment(const struct elf_segment *s, size_t file_size, uint64_t low)
{
	must(s->mem_size > 0 && s->file_size <= s->mem_size);
	must(s->file_offset <= file_size && s->file_size <= file_size - s->file_offset);
	must(s->file_offset % PAGE_SIZE == s->addr % PAGE_SIZE);
	must(s->addr >= low && s->addr < HIGH && s->mem_size <= HIGH - s->addr);
	must(!(s->write && s->exec));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *file = malloc(len ? len : 1);       /* of its own, so that one byte too far is seen */
	struct elf_image img;
	const char *why = NULL;
	uint64_t low = LOW;
	bool entry_ok = false;

	__builtin_memcpy(file, data, len);
	if (elf_parse(file, len, LOW, HIGH, &img, &why) < 0) {
		must(why != NULL);
		free(file);
		return 0;
	}
	must(img.segment_count >= 1 && img.segment_count <= ELF_SEGMENTS_MAX);
	for (unsigned i = 0; i < img.segment_count; i++) {
		const struct elf_segment *s = &img.segment[i];

		check_segment(s, len, low);
		low = ALIGN_UP(s->addr + s->mem_size, PAGE_SIZE);
		entry_ok |= s->exec && img.entry >= s->addr && img.entry - s->addr < s->mem_size;
	}
	must(entry_ok && low <= HIGH);
	free(file);
	return 0;
}
