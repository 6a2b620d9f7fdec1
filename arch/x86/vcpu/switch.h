/* SPDX-License-Identifier: Apache-2.0 */
/* Macros of the world switches: moves of the general registers, in the order of enum vcpu_gpr. For assembly only. */
#pragma once

#ifdef __ASSEMBLY__

/* Neighbours in memory, from at bytes behind base on, into registers; flags stay. */
.macro LOAD base, at, reg:vararg
	.set	place, \at
	.irp	r, \reg
	mov	place(\base), %\r
	.set	place, place + 8
	.endr
.endm

/* The reverse. */
.macro STORE base, at, reg:vararg
	.set	place, \at
	.irp	r, \reg
	mov	%\r, place(\base)
	.set	place, place + 8
	.endr
.endm

.macro EACH op, reg:vararg
	.irp	r, \reg
	\op	%\r
	.endr
.endm

/* No guest value stays in a register for mispredicted kernel code to use; the others are popped or hold the result. */
.macro CLEAR_SCRATCH
	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
.endm

#endif
