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
	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdx
	push %rdi
	mov %rsi, %rax
	clgi
	vmload %rax
	mov 0x08(%rdi), %rcx
	mov 0x10(%rdi), %rdx
	mov 0x18(%rdi), %rbx
	mov 0x28(%rdi), %rbp
	mov 0x30(%rdi), %rsi
	mov 0x40(%rdi), %r8
	mov 0x48(%rdi), %r9
	mov 0x50(%rdi), %r10
	mov 0x58(%rdi), %r11
	mov 0x60(%rdi), %r12
	mov 0x68(%rdi), %r13
	mov 0x70(%rdi), %r14
	mov 0x78(%rdi), %r15
	mov 0x38(%rdi), %rdi
	sti
	vmrun %rax
	/* RAX and RSP are the host's again. */
	vmsave %rax
	mov (%rsp), %rax
	mov %rcx, 0x08(%rax)
	mov %rdx, 0x10(%rax)
	mov %rbx, 0x18(%rax)
	mov %rbp, 0x28(%rax)
	mov %rsi, 0x30(%rax)
	mov %rdi, 0x38(%rax)
	mov %r8, 0x40(%rax)
	mov %r9, 0x48(%rax)
	mov %r10, 0x50(%rax)
	mov %r11, 0x58(%rax)
	mov %r12, 0x60(%rax)
	mov %r13, 0x68(%rax)
	mov %r14, 0x70(%rax)
	mov %r15, 0x78(%rax)
	pop %rdi
	pop %rax
	vmload %rax
	cli
	stgi
	/* No guest value stays in a register for mispredicted kernel code to use; the others are popped or written below. */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
