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
#include "arch/x86/vcpu/switch.h"

	.text

	.globl svm_enter
	.type svm_enter, @function
svm_enter:
	EACH push, rbx, rbp, r12, r13, r14, r15, rdx, rdi
	mov %rsi, %rax
	clgi
	vmload %rax
	LOAD %rdi, 0x08, rcx, rdx, rbx
	LOAD %rdi, 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	LOAD %rdi, 0x28, rbp, rsi, rdi
	sti
	vmrun %rax
	/* RAX and RSP are the host's again. */
	vmsave %rax
	mov (%rsp), %rax
	STORE %rax, 0x08, rcx, rdx, rbx
	STORE %rax, 0x28, rbp, rsi, rdi
	STORE %rax, 0x40, r8, r9, r10, r11, r12, r13, r14, r15
	EACH pop, rdi, rax
	vmload %rax
	cli
	stgi
	CLEAR_SCRATCH
	EACH pop, r15, r14, r13, r12, rbp, rbx
	ret
	.size svm_enter, . - svm_enter
	.section .note.GNU-stack, "", @progbits
