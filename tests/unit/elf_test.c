/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ELF parser: one good file, and all the ways in which a file can lie.
 * sources: lib/elf.c
 */
#include "lib/elf.h"
#include "tests/unit/check.h"

#include <elf.h>

enum { LOW = 0x1000, FILE_SIZE = 0x3000 };
#define HIGH 0x800000ull

static struct {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[10];
	uint8_t rest[FILE_SIZE - sizeof(Elf64_Ehdr) - 10 * sizeof(Elf64_Phdr)];
} file;
static struct elf_image img;
static const char *why;

static Elf64_Phdr load(uint32_t flags, uint64_t offset, uint64_t addr, uint64_t filesz, uint64_t memsz)
{
	return (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = flags, .p_offset = offset, .p_vaddr = addr, .p_filesz = filesz,
			     .p_memsz = memsz };
}

static void good(void)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.eh.e_ident, "\177ELF\2\1\1", 7);
	file.eh.e_type = ET_EXEC;
	file.eh.e_machine = EM_X86_64;
	file.eh.e_phoff = sizeof(Elf64_Ehdr);
	file.eh.e_phentsize = sizeof(Elf64_Phdr);
	file.eh.e_phnum = 3;
	file.eh.e_entry = 0x400010;
	file.ph[0] = load(PF_R | PF_X, 0, 0x400000, 0x1000, 0x1000);
	file.ph[1] = load(PF_R, 0x1000, 0x401000, 0x800, 0x800);
	file.ph[2] = load(PF_R | PF_W, 0x1800, 0x402800, 0x100, 0x5000);
}

static int parse(uint64_t size)
{
	why = NULL;
	return elf_parse(&file, size, LOW, HIGH, &img, &why);
}

TEST(a_program_is_understood)
{
	good();
	CHECK_EQ(parse(sizeof(file)), OK);
	CHECK_EQ(img.segment_count, 3);
	CHECK_EQ(img.entry, 0x400010);
	CHECK(img.segment[0].exec && !img.segment[0].write && img.segment[2].write && !img.segment[2].exec);
	CHECK_EQ(img.segment[2].mem_size, 0x5000);
	CHECK_EQ(img.segment[2].file_size, 0x100);
	CHECK_EQ(img.segment[2].file_offset, 0x1800);
}

TEST(empty_and_foreign_headers_are_passed_over)
{
	good();
	file.eh.e_phnum = 5;
	file.ph[3] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_offset = ~0ull };
	file.ph[4] = load(PF_R, ~0ull, ~0ull, 0, 0);
	CHECK_EQ(parse(sizeof(file)), OK);
	CHECK_EQ(img.segment_count, 3);
}

/* Cut anywhere: an error as long as a header or a segment is incomplete, never a read beyond the end. */
TEST(truncated_files_are_refused)
{
	good();
	for (uint64_t size = 0; size < 0x1900; size += size < 0x300 ? 1 : 0x7f) {
		CHECK_EQ(parse(size), E_PROTO);
		CHECK(why);
	}
	CHECK_EQ(parse(0x1900), OK);
}

#define LIE(what, statement) \
	TEST(what) \
	{ \
		good(); \
		statement; \
		CHECK_EQ(parse(sizeof(file)), E_PROTO); \
		CHECK(why); \
	}

LIE(not_elf, file.eh.e_ident[1] = 'e')
LIE(thirty_two_bits, file.eh.e_ident[4] = 1)
LIE(big_endian, file.eh.e_ident[5] = 2)
LIE(shared_object, file.eh.e_type = ET_DYN)
LIE(other_machine, file.eh.e_machine = EM_386)
LIE(odd_header_size, file.eh.e_phentsize = 55)
LIE(no_segments, file.eh.e_phnum = 0)
LIE(headers_outside, file.eh.e_phoff = sizeof(file) - 10)
LIE(headers_far_outside, file.eh.e_phoff = ~0ull - 8)
LIE(needs_an_interpreter, file.ph[1].p_type = PT_INTERP)
LIE(entry_in_data, file.eh.e_entry = 0x401000)
LIE(entry_behind_the_code, file.eh.e_entry = 0x401001)
LIE(content_outside_of_the_file, file.ph[1].p_offset = sizeof(file) / 0x1000 * 0x1000)
LIE(content_wraps, file.ph[1].p_offset = ~0xfffull)
LIE(more_file_than_memory, file.ph[1].p_memsz = 0x700)
LIE(below_the_range, file.ph[0].p_vaddr = 0)
LIE(above_the_range, file.ph[2].p_memsz = HIGH)
LIE(end_wraps, file.ph[2].p_memsz = ~0ull - 0x402800)
LIE(address_wraps, file.ph[2].p_vaddr = ~0xfffull + 0x800)
LIE(misaligned, file.ph[1].p_vaddr = 0x401010)
LIE(writable_code, file.ph[0].p_flags |= PF_W)
LIE(pages_shared_by_two_segments, file.ph[2].p_vaddr = 0x401800)
LIE(out_of_order, file.ph[1].p_vaddr = 0x3ff000)
LIE(too_many, file.eh.e_phnum = 10; for (unsigned i = 3; i < 10; i++) file.ph[i] = load(PF_R, 0, 0x500000 + i * 0x1000, 1, 1))
