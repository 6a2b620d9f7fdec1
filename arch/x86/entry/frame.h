/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved registers of whatever was interrupted, in the order of the entry stubs (entry.S): pushed downwards from the end.
 * The six system-call arguments stand in order, so that handlers take them as an array.
 */
#pragma once

#include "lib/base.h"

struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, rcx, rax;
	uint64_t rdi, rsi, rdx, r10, r8, r9;
	uint64_t vector;             /* FRAME_SYSCALL: entered by SYSCALL, may leave by SYSRET        */
	uint64_t error;              /* 0 where the CPU pushes none                                   */
	uint64_t rip, cs, rflags, rsp, ss;
};

enum { FRAME_SYSCALL = 256 };

_Static_assert(sizeof(struct trap_frame) == 22 * 8, "entry.S pushes this");
_Static_assert(offsetof(struct trap_frame, r9) == offsetof(struct trap_frame, rdi) + 5 * 8, "arguments in order");
