/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch. SDM 3C 27 (entries), 28.5 (what an exit loads).
 *
 * bool vmx_enter(gpr: rdi, x: rsi)
 *
 * gpr is the guest's general registers in the order of enum vcpu_gpr; RSP travels in the VMCS. Called with IF=0; returns
 * so: an exit clears RFLAGS. The kernel's stack is nearly always at the same place, so HOST_RSP is rarely written.
 */
#include "arch/x86/vmx/vmx.h"

#define FIELD_HOST_RSP 0x6c14        /* VMCS_HOST_RSP: the enum is C's */

	.text

/* Neighbours in gpr, which rdi points to, into registers, and back. */
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
	mov	%\r, place(%rdi)
	.set	place, place + 8
	.endr
.endm

.macro EACH op, reg:vararg
	.irp	r, \reg
	\op	%\r
	.endr
.endm

	.globl vmx_enter
	.type vmx_enter, @function
vmx_enter:
	EACH push, rbx, rbp, r12, r13, r14, r15, rdi
	cmp %rsp, VMX_HOST_RSP(%rsi)
	jne 3f
1:	cmpl $0, VMX_LAUNCHED(%rsi)
	/* MOV leaves the flags alone. */
	LOAD 0x00, rax, rcx, rdx, rbx
	LOAD 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	LOAD 0x28, rbp, rsi, rdi
	je 2f
	vmresume
	jmp vmx_refused
2:	vmlaunch
vmx_refused:
	pop %rdi
	xor %eax, %eax
	jmp 4f
3:	mov %rsp, VMX_HOST_RSP(%rsi)
	mov $FIELD_HOST_RSP, %eax
	vmwrite %rsp, %rax
	jna vmx_broken
	jmp 1b

	.globl vmx_exit
vmx_exit:
	push %rdi
	mov 8(%rsp), %rdi
	STORE 0x00, rax, rcx, rdx, rbx
	STORE 0x28, rbp, rsi
	STORE 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	pop 0x38(%rdi)
	pop %rdi
	mov $1, %eax
	/* No guest value stays in a register for mispredicted kernel code to use; the others are popped below. */
4:	.irp reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor %\reg, %\reg
	.endr
	EACH pop, r15, r14, r13, r12, rbp, rbx
	ret
	.size vmx_enter, . - vmx_enter

/* Reached by a jump from where a VMREAD or VMWRITE was refused. */
	.globl vmx_broken
vmx_broken:
	and $-16, %rsp
	call vmx_panic

	.section .note.GNU-stack, "", @progbits
