/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the emulator share: registers, memory operands, outcomes. Only vmm/emu*.c include it.
 * Functions that return enum emu_result return EMU_DONE when they went well.
 */
#pragma once

#include "vmm/emulate.h"

enum { RFLAGS_TF = 1 << 8, RFLAGS_DF = 1 << 10, RFLAGS_RF = 1 << 16, RFLAGS_VM = 1 << 17, CR0_PE = 1 };

/* A memory operand in guest-physical pieces: two where it crosses a page. */
struct place {
	uint64_t gpa[2];
	uint8_t size;                /* bytes in all                                                 */
	uint8_t first;               /* of them at gpa[0]                                            */
	bool device;                 /* gpa[0] is known not to be RAM                                */
};

/* ---- outcomes ---- */
enum emu_result emu_raise(struct emulator *e, uint8_t vector, bool has_error, uint32_t error);
enum emu_result emu_refuse(struct emulator *e, const char *why);

/* The instruction is over: rip moves on, RF falls, single step traps. */
enum emu_result emu_finish(struct emulator *e);

/* The trap of TF, with rip where it stands. */
enum emu_result emu_single_step(struct emulator *e);

/* ---- registers ---- */
static inline uint64_t emu_reg(const struct emulator *e, unsigned reg, unsigned size)
{
	return e->page->gpr[reg] & (~0ull >> (64 - 8 * size));
}

/* Of size bytes, as the processor does: 4 bytes clear the upper half, 1 and 2 keep the rest. */
void emu_set_reg(struct emulator *e, unsigned reg, unsigned size, uint64_t v);
void emu_set_rflags(struct emulator *e, uint64_t rflags);

/* ---- memory ---- */
void emu_walk_context(const struct emulator *e, struct walk_context *c);

/* segment:offset to a linear address that may be accessed with size bytes, or #GP(0), #SS(0). */
enum emu_result emu_linear(struct emulator *e, enum segment segment, uint64_t offset, unsigned size, bool write,
			   uint64_t *linear);

/* Both pages of an operand through the guest's tables, or #PF. */
enum emu_result emu_translate(struct emulator *e, uint64_t linear, unsigned size, bool write, struct place *out);

/* RAM or devices; bytes that are neither read as ones. size up to 8. */
uint64_t emu_read(struct emulator *e, const struct place *p);
void emu_write(struct emulator *e, const struct place *p, uint64_t v);

/* Whether SS counts stack addresses with 2, 4 or 8 bytes. */
enum emu_result emu_stack_size(struct emulator *e, unsigned *size);

/* One call's worth of a string instruction: e->insn is one of OP_MOVS to OP_OUTS. */
enum emu_result emu_string(struct emulator *e);
