/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world switch. SDM 3C 27 (entries), 28.5 (what an exit loads).
 *
 * bool vmx_enter(gpr: rdi, x: rsi)
 *
 * gpr is the guest's general registers in the order of enum vcpu_gpr; RSP travels in the VMCS. Called with IF=0; returns
 * so: an exit clears RFLAGS. The kernel's stack is nearly always at the same place, so HOST_RSP is rarely written.
 */
#include "arch/x86/vcpu/switch.h"
#include "arch/x86/vmx/vmx.h"

#define FIELD_HOST_RSP 0x6c14        /* VMCS_HOST_RSP: the enum is C's */

	.text

	.globl vmx_enter
	.type vmx_enter, @function
vmx_enter:
	EACH push, rbx, rbp, r12, r13, r14, r15, rdi
	cmp %rsp, VMX_HOST_RSP(%rsi)
	jne 3f
1:	cmpl $0, VMX_LAUNCHED(%rsi)
	/* MOV leaves the flags alone. */
	LOAD %rdi, 0x00, rax, rcx, rdx, rbx
	LOAD %rdi, 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	LOAD %rdi, 0x28, rbp, rsi, rdi
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
	STORE %rdi, 0x00, rax, rcx, rdx, rbx
	STORE %rdi, 0x28, rbp, rsi
	STORE %rdi, 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	pop 0x38(%rdi)
	pop %rdi
	mov $1, %eax
4:	CLEAR_SCRATCH
	EACH pop, r15, r14, r13, r12, rbp, rbx
	ret
	.size vmx_enter, . - vmx_enter

/* A VMREAD or VMWRITE was refused, a bug: the panic names this place and its caller. */
	.globl vmx_broken
vmx_broken:
	ud2

	.section .note.GNU-stack, "", @progbits
