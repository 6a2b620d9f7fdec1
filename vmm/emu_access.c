/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and memory of the vCPU as an instruction sees them: segmentation (SDM 3A 5.3), paging, devices. */
#include "vmm/emu_access.h"

enum { VECTOR_DB = 1, VECTOR_UD = 6, VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14, DR6_BS = 1 << 14 };

/* Bits of vcpu_segment.attr. Type: 8 code, 4 expand-down, 2 writable (data) or readable (code). */
enum { ATTR_CODE = 8, ATTR_DOWN = 4, ATTR_RW = 2, ATTR_P = 1 << 7, ATTR_B = 1 << 14 };

enum emu_result emu_raise(struct emulator *e, uint8_t vector, bool has_error, uint32_t error)
{
	e->fault = (struct emu_fault){ .vector = vector, .has_error = has_error, .error = error };
	return EMU_EXCEPTION;
}

enum emu_result emu_refuse(struct emulator *e, const char *why)
{
	e->why = why;
	return e->page->exit.cpl == 3 ? emu_raise(e, VECTOR_UD, false, 0) : EMU_UNSUPPORTED;
}

enum emu_result emu_single_step(struct emulator *e)
{
	e->fault = (struct emu_fault){ .vector = VECTOR_DB, .dr6 = DR6_BS };
	return EMU_EXCEPTION;
}

enum emu_result emu_finish(struct emulator *e)
{
	struct vcpu_page *page = e->page;
	uint64_t rip = page->rip + e->insn->length;

	/* EIP counts 32 bits in 16-bit code too: it meets the limit of CS, it does not wrap. */
	page->rip = e->mode == DECODE_64 ? rip : (uint32_t)rip;
	page->dirty |= DIRTY_RIP;
	if (page->rflags & (RFLAGS_RF | RFLAGS_TF)) {
		emu_set_rflags(e, page->rflags & ~(uint64_t)RFLAGS_RF);
		return page->rflags & RFLAGS_TF ? emu_single_step(e) : EMU_DONE;
	}
	return EMU_DONE;
}

void emu_set_reg(struct emulator *e, unsigned reg, unsigned size, uint64_t v)
{
	uint64_t mask = ~0ull >> (64 - 8 * size), *r = &e->page->gpr[reg];

	*r = size == 4 ? (uint32_t)v : (*r & ~mask) | (v & mask);
}

void emu_set_rflags(struct emulator *e, uint64_t rflags)
{
	e->page->rflags = rflags;
	e->page->dirty |= DIRTY_RFLAGS;
}

void emu_walk_context(const struct emulator *e, struct walk_context *c)
{
	const struct vcpu_exit *x = &e->page->exit;

	*c = (struct walk_context){ .cr0 = x->cr0, .cr3 = x->cr3, .cr4 = x->cr4, .efer = x->efer,
				    .rflags = e->page->rflags, .cpl = x->cpl };
}

static enum emu_result need_state(struct emulator *e)
{
	if (!e->state_valid && e->host->get_state(e->arg, &e->state) < 0) {
		return emu_refuse(e, "the vCPU's segments cannot be read");
	}
	e->state_valid = true;
	return EMU_DONE;
}

static const struct vcpu_segment *segment_of(const struct emulator *e, enum segment segment)
{
	const struct vcpu_segment *table[] = { &e->state.es, &e->state.cs, &e->state.ss,
					       &e->state.ds, &e->state.fs, &e->state.gs };

	return table[segment];
}

static enum emu_result segment_fault(struct emulator *e, enum segment segment)
{
	return emu_raise(e, segment == SEG_SS ? VECTOR_SS : VECTOR_GP, true, 0);
}

/* Whether [offset, offset + size) lies inside the segment. offset has at most 32 bits. */
static bool inside_limit(const struct vcpu_segment *s, uint64_t offset, unsigned size)
{
	uint64_t last = offset + size - 1;

	if ((s->attr & (ATTR_CODE | ATTR_DOWN)) == ATTR_DOWN) {
		return offset > s->limit && last <= (s->attr & ATTR_B ? 0xffffffff : 0xffff);
	}
	return last <= s->limit;
}

static bool access_allowed(const struct emulator *e, const struct vcpu_segment *s, bool write)
{
	if (!(e->page->exit.cr0 & CR0_PE) || e->page->rflags & RFLAGS_VM) {
		return true;
	}
	if (!(s->attr & ATTR_P)) {
		return false;
	}
	if (write) {
		return (s->attr & (ATTR_CODE | ATTR_RW)) == ATTR_RW;
	}
	return (s->attr & (ATTR_CODE | ATTR_RW)) != ATTR_CODE;
}

static enum emu_result linear_legacy(struct emulator *e, enum segment segment, uint64_t offset, unsigned size, bool write,
				     uint64_t *linear)
{
	enum emu_result r = need_state(e);
	const struct vcpu_segment *s = segment_of(e, segment);

	if (r != EMU_DONE) {
		return r;
	}
	offset &= 0xffffffff;
	if (!access_allowed(e, s, write) || !inside_limit(s, offset, size)) {
		return segment_fault(e, segment);
	}
	*linear = (s->base + offset) & 0xffffffff;
	return EMU_DONE;
}

enum emu_result emu_linear(struct emulator *e, enum segment segment, uint64_t offset, unsigned size, bool write,
			   uint64_t *linear)
{
	struct walk_context c;
	uint64_t base = 0;

	if (e->mode != DECODE_64) {
		return linear_legacy(e, segment, offset, size, write, linear);
	}
	if (segment == SEG_FS || segment == SEG_GS) {
		enum emu_result r = need_state(e);

		if (r != EMU_DONE) {
			return r;
		}
		base = segment_of(e, segment)->base;
	}
	*linear = base + offset;
	emu_walk_context(e, &c);
	if (!walk_canonical(&c, *linear) || !walk_canonical(&c, *linear + size - 1)) {
		return segment_fault(e, segment);
	}
	return EMU_DONE;
}

static enum emu_result translate_page(struct emulator *e, uint64_t linear, bool write, uint64_t *out)
{
	struct walk_context c;
	uint32_t error;
	gpa_t at;
	int r;

	emu_walk_context(e, &c);
	r = walk(e->mem, &c, linear, write ? WALK_WRITE : WALK_READ, &at, &error);
	if (r == E_FAULT) {
		(void)emu_raise(e, VECTOR_PF, true, error);
		e->fault.cr2 = linear;
		return EMU_EXCEPTION;
	}
	if (r < 0) {
		return emu_refuse(e, "a guest page table lies outside of RAM");
	}
	*out = at.v;
	return EMU_DONE;
}

enum emu_result emu_translate(struct emulator *e, uint64_t linear, unsigned size, bool write, struct place *out)
{
	unsigned room = PAGE_SIZE - (unsigned)(linear & (PAGE_SIZE - 1));
	enum emu_result r;

	out->device = false;
	out->size = (uint8_t)size;
	out->first = (uint8_t)(room < size ? room : size);
	r = translate_page(e, linear, write, &out->gpa[0]);
	if (r == EMU_DONE && room < size) {
		uint64_t second = linear + room;

		r = translate_page(e, e->mode == DECODE_64 ? second : (uint32_t)second, write, &out->gpa[1]);
	}
	return r;
}

/* Devices take accesses of 1, 2, 4 and 8 bytes; the odd pieces of a page crossing go byte by byte. */
static uint64_t device_read(struct emulator *e, uint64_t at, unsigned size)
{
	struct io_access io = { .addr = at, .size = (uint8_t)size };
	uint64_t v = 0;

	if ((size & (size - 1)) == 0) {
		bus_access(e->mmio, &io);
		return io.value;
	}
	for (unsigned i = 0; i < size; i++) {
		io = (struct io_access){ .addr = at + i, .size = 1 };
		bus_access(e->mmio, &io);
		v |= (io.value & 0xff) << 8 * i;
	}
	return v;
}

static void device_write(struct emulator *e, uint64_t at, unsigned size, uint64_t v)
{
	struct io_access io = { .addr = at, .size = (uint8_t)size, .value = v, .write = true };

	if ((size & (size - 1)) == 0) {
		bus_access(e->mmio, &io);
		return;
	}
	for (unsigned i = 0; i < size; i++) {
		io = (struct io_access){ .addr = at + i, .size = 1, .value = v >> 8 * i & 0xff, .write = true };
		bus_access(e->mmio, &io);
	}
}

static uint64_t piece_read(struct emulator *e, uint64_t at, unsigned size)
{
	uint64_t v = 0;

	if (gmem_read(e->mem, gpa(at), &v, size) == OK) {
		return v;
	}
	return device_read(e, at, size) & (~0ull >> (64 - 8 * size));
}

static void piece_write(struct emulator *e, uint64_t at, unsigned size, uint64_t v)
{
	v &= ~0ull >> (64 - 8 * size);
	if (gmem_write(e->mem, gpa(at), &v, size) < 0) {
		device_write(e, at, size, v);
	}
}

uint64_t emu_read(struct emulator *e, const struct place *p)
{
	uint64_t v;

	if (p->device) {
		return device_read(e, p->gpa[0], p->size) & (~0ull >> (64 - 8 * p->size));
	}
	v = piece_read(e, p->gpa[0], p->first);
	if (p->first < p->size) {
		v |= piece_read(e, p->gpa[1], (unsigned)(p->size - p->first)) << 8 * p->first;
	}
	return v;
}

void emu_write(struct emulator *e, const struct place *p, uint64_t v)
{
	if (p->device) {
		device_write(e, p->gpa[0], p->size, v & (~0ull >> (64 - 8 * p->size)));
		return;
	}
	piece_write(e, p->gpa[0], p->first, v);
	if (p->first < p->size) {
		piece_write(e, p->gpa[1], (unsigned)(p->size - p->first), v >> 8 * p->first);
	}
}

enum emu_result emu_stack_size(struct emulator *e, unsigned *size)
{
	*size = 8;
	if (e->mode != DECODE_64) {
		enum emu_result r = need_state(e);

		if (r != EMU_DONE) {
			return r;
		}
		*size = e->state.ss.attr & ATTR_B ? 4 : 2;
	}
	return EMU_DONE;
}
