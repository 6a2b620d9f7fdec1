/* SPDX-License-Identifier: Apache-2.0 */
/* Packed ELF programs into processes (gABI ch. 5): constant segments in place, writable ones copied. */
#include "init/program.h"

#include <stdio.h>
#include <string.h>

#include "init/inventory.h"
#include "init/log.h"
#include "lib/user/sys.h"

/* Programs live below what init maps into them. */
#define PROGRAM_LOW  0x0000000000400000ull
#define PROGRAM_HIGH 0x0000000010000000ull

static uint64_t segment_start(const struct elf_segment *s)
{
	return ALIGN_DOWN(s->addr, (uint64_t)PAGE_SIZE);
}

static uint64_t segment_bytes(const struct elf_segment *s)
{
	return ALIGN_UP(s->addr + s->mem_size, (uint64_t)PAGE_SIZE) - segment_start(s);
}

/* Where init sees the file. Mapped once, kept. */
static const uint8_t *file_of(const struct content *region)
{
	static uint64_t mapped;                                  /* bit per entry of the inventory */
	uint64_t i = (uint64_t)(region - inventory()->program);
	uint64_t addr = INIT_PROGRAM_ADDR + i * GIB(1);

	if (!(mapped & 1ull << i)) {
		if (sys_map(INIT_SPACE, addr, region->handle, 0, region->size, PROT_R) < 0) {
			return NULL;
		}
		mapped |= 1ull << i;
	}
	return (const uint8_t *)addr;
}

int program_open(const char *name, struct program *program)
{
	const char *why = "it is not in the image";
	const struct content *region = inventory_program(name);
	const uint8_t *file = NULL;
	int r = E_NOENT;

	*program = (struct program){ .region = region };
	if (region) {
		why = "it cannot be mapped";
		file = file_of(region);
		r = E_NOMEM;
	}
	if (file) {
		r = elf_parse(file, region->length, PROGRAM_LOW, PROGRAM_HIGH, &program->image, &why);
	}
	if (r < 0) {
		init_log("program %s: %s", name, why);
		return r;
	}
	for (unsigned i = 0; i < program->image.segment_count; i++) {
		if (program->image.segment[i].write) {
			program->data_bytes += segment_bytes(&program->image.segment[i]);
		}
	}
	return OK;
}

/* Copies the writable segments into fresh memory, one behind the other. */
static int fill_data(const struct child *child, const struct program *program)
{
	const uint8_t *file = file_of(program->region);
	uint8_t *to = (uint8_t *)INIT_WINDOW_ADDR;
	int r;

	if (!child->data.size) {
		return OK;
	}
	r = sys_map(INIT_SPACE, INIT_WINDOW_ADDR, child->data.handle, 0, child->data.size, PROT_R | PROT_W);
	if (r < 0) {
		return r;
	}
	for (unsigned i = 0; i < program->image.segment_count; i++) {
		const struct elf_segment *s = &program->image.segment[i];

		if (s->write) {
			memcpy(to + (s->addr - segment_start(s)), file + s->file_offset, s->file_size);
			to += segment_bytes(s);
		}
	}
	return sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, child->data.size);
}

static int map_segments(const struct child *child, const struct program *program)
{
	uint64_t data_offset = 0;

	for (unsigned i = 0; i < program->image.segment_count; i++) {
		const struct elf_segment *s = &program->image.segment[i];
		uint64_t bytes = segment_bytes(s);
		int r;

		if (s->write) {
			r = sys_map(child->space, segment_start(s), child->data.handle, data_offset, bytes, PROT_R | PROT_W);
			data_offset += bytes;
		} else {
			uint64_t offset = ALIGN_DOWN(s->file_offset, (uint64_t)PAGE_SIZE);

			r = sys_map(child->space, segment_start(s), program->region->handle, offset, bytes,
				    PROT_R | (s->exec ? PROT_X : 0u));
		}
		if (r < 0) {
			return r;
		}
	}
	return OK;
}

static int make_process(struct child *child)
{
	int r = sys_process_create(child->arena.handle);

	if (r < 0) {
		return r;
	}
	child->process = (uint32_t)r;
	r = sys_process_space(child->process);
	if (r < 0) {
		return r;
	}
	child->space = (uint32_t)r;
	return OK;
}

int child_create(struct child *child, const struct program *program, const struct memory_order *near,
		 uint64_t arena, uint64_t extra, const char **why)
{
	int r;

	*child = (struct child){ .entry = program->image.entry };
	*why = "no memory for its process";
	r = memory_alloc(&memory, near, arena, PAGE_SIZE, MEMORY_HIGH, &child->arena);
	if (r == OK && program->data_bytes + extra) {
		r = memory_alloc(&memory, near, program->data_bytes + extra, PAGE_SIZE, MEMORY_HIGH, &child->data);
	}
	if (r == OK) {
		*why = "its process cannot be made";
		r = make_process(child);
	}
	if (r == OK) {
		*why = "its program cannot be loaded";
		r = fill_data(child, program);
	}
	if (r == OK) {
		r = map_segments(child, program);
	}
	if (r < 0) {
		child_destroy(child);
	}
	return r;
}

int child_start(struct child *child, uint64_t argument)
{
	/* Programs bring their stack; the address under the image is never mapped. */
	int r = sys_thread_create(child->process, child->entry, PROGRAM_LOW, argument);

	if (r > 0) {
		sys_close((uint32_t)r);
	}
	return r < 0 ? r : OK;
}

void child_destroy(struct child *child)
{
	if (child->process) {
		int r = sys_process_destroy(child->process);

		if (r < 0) {
			init_log("process %u cannot be ended: error %d", child->process, r);
		}
	}
	memory_give_back(&child->data);
	memory_give_back(&child->arena);
	*child = (struct child){ 0 };
}

static const char *vector_name(uint32_t vector)
{
	switch (vector) {
	case 0:  return "division error";
	case 3:  return "breakpoint";
	case 6:  return "invalid instruction";
	case 12: return "stack fault";
	case 13: return "general protection fault";
	case 14: return "page fault";
	case 17: return "alignment fault";
	case 19: return "SIMD exception";
	default: return "exception";
	}
}

void child_describe_end(const struct process_status *status, char *text, size_t size)
{
	switch (status->end) {
	case PROCESS_EXITED:
		snprintf(text, size, "exit code %d", (int)status->code);
		break;
	case PROCESS_FAULTED:
		snprintf(text, size, "%s (vector %u, error %#x) at rip %#llx, address %#llx", vector_name(status->vector),
			 (unsigned)status->vector, (unsigned)status->error, (unsigned long long)status->rip,
			 (unsigned long long)status->address);
		break;
	default:
		snprintf(text, size, "killed");
		break;
	}
}
