/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch. APM 2 15.5 (VMRUN), 15.17 (GIF).
 *
 * svm_enter(gpr: rdi, vmcb_pa: rsi, host_pa: rdx)
 *
 * gpr is the guest's general registers in the order of enum vcpu_gpr; RAX and RSP travel in the VMCB. Called with
 * IF=0, GIF=1; returns so. With GIF=0 nothing interrupts; IF=1 at VMRUN makes physical interrupts end the guest's run
 * whatever the guest's own IF is. They stay pending until the caller opens IF.
 */
	.text

/* Neighbours in gpr, which rdi points to, into registers; and registers to where rax points. */
.macro LOAD at, reg:vararg
	.set	place, \at
	.irp	r, \reg
	mov	place(%rdi), %\r
	.set	place, place + 8
	.endr
.endm
.macro STORE at, reg:vararg
	.set	place, \at
	.irp	r, \reg
	mov	%\r, place(%rax)
	.set	place, place + 8
	.endr
.endm

.macro EACH op, reg:vararg
	.irp	r, \reg
	\op	%\r
	.endr
.endm

	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	EACH push, rbx, rbp, r12, r13, r14, r15, rdx, rdi
	mov %rsi, %rax
	clgi
	vmload %rax
	LOAD 0x08, rcx, rdx, rbx
	LOAD 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	LOAD 0x28, rbp, rsi, rdi
	sti
	vmrun %rax
	/* RAX and RSP are the host's again. */
	vmsave %rax
	mov (%rsp), %rax
	STORE 0x08, rcx, rdx, rbx
	STORE 0x28, rbp, rsi, rdi
	STORE 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	EACH pop, rdi, rax
	vmload %rax
	cli
	stgi
	/* No guest value stays in a register for mispredicted kernel code to use; the others are popped or written below. */
	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
	EACH pop, r15, r14, r13, r12, rbp, rbx
	ret
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
