/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries out one guest instruction that touched a device: MMIO of every form in vmm/decode_table.c, and INS/OUTS.
 * docs/instructions.md lists the forms and the limits.
 *
 * One struct emulator per vCPU, used only by the thread that runs it, with the VM's device lock held.
 */
#pragma once

#include "kernel/abi.h"
#include "vmm/decode.h"
#include "vmm/device.h"
#include "vmm/gmem.h"
#include "vmm/walk.h"

enum {
	EMU_REP_BUDGET = 64,         /* elements of a repeated string instruction per call           */
	EMU_MEMO = 64,               /* decoded instructions kept, by rip                            */
};

enum emu_result {
	EMU_DONE,            /* registers, rip and rflags are those after the instruction: run on    */
	EMU_AGAIN,           /* a REP got a part done; rip still points at it: run on                */
	EMU_EXCEPTION,       /* inject emulator.fault, then run on. why is set if #UD stands for
				EMU_UNSUPPORTED: a guest's user program shall not end its VM     */
	EMU_UNSUPPORTED,     /* the VM cannot go on: emulate_describe() says why                     */
};

/* For EMU_EXCEPTION. rip points at the instruction, but behind it for vector 1 (single step). */
struct emu_fault {
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t cr2;                /* of vector 14: to be set before the injection                 */
	uint64_t dr6;                /* of vector 1: bits to set in DR6                              */
};

/* What the emulator asks of the vmm: full state, needed only for segment bases outside of flat 64-bit code. */
struct emu_host {
	int (*get_state)(void *arg, struct vcpu_state *out);
};

/* How a memo's instruction can be done without a look at anything but the exit. */
enum emu_fast { FAST_NONE, FAST_LOAD, FAST_STORE_REG, FAST_STORE_IMM };

/* A decoded instruction and what it was decoded from. */
struct emu_memo {
	uint64_t bytes[2], efer;
	uint16_t cs_attr;
	uint8_t mode;                /* enum decode_mode                                             */
	uint8_t fast;                /* enum emu_fast; the fields below are for it                   */
	uint8_t store;               /* 1: writes memory                                             */
	uint8_t reg, size, length;   /* of insn, the length also where fast is FAST_NONE             */
	uint64_t rip_mask;
	uint64_t value_mask;         /* bits of the memory operand                                   */
	uint64_t keep_mask;          /* bits of the register that a load leaves alone                */
	struct insn insn;            /* length 0: the memo is empty                                  */
} __attribute__((aligned(64)));

struct emulator {
	struct vcpu_page *page;
	const struct gmem *mem;
	struct bus *mmio, *pio;
	const struct emu_host *host;
	void *arg;                   /* of host                                                      */

	struct emu_fault fault;      /* answer of EMU_EXCEPTION                                      */
	const char *why;             /* answer of EMU_UNSUPPORTED, else NULL                         */

	/* Of the instruction in hand. */
	const struct insn *insn;
	struct insn scratch;
	enum decode_mode mode;
	bool state_valid;
	uint64_t misses;             /* of the memo                                                  */
	struct emu_memo memo[EMU_MEMO];
	struct vcpu_state state;
};

/* Zeroes e and ties it to its surroundings, which must outlive it. */
void emulate_init(struct emulator *e, struct vcpu_page *page, const struct gmem *mem, struct bus *mmio,
		  struct bus *pio, const struct emu_host *host, void *arg);

/* For page->exit.kind == EXIT_MMIO. Sets page->rip, rflags, gpr[] and the dirty bits. */
enum emu_result emulate_mmio(struct emulator *e) MUST_CHECK;

/* For page->exit.kind == EXIT_PIO with exit.pio.string set. Plain IN and OUT need no emulator. */
enum emu_result emulate_string_pio(struct emulator *e) MUST_CHECK;

/* One line for the operator about the last EMU_UNSUPPORTED: reason, rip, address, instruction bytes. */
void emulate_describe(const struct emulator *e, char *line, size_t size);
