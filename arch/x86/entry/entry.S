/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways into the kernel and back. SDM 3A 5.8.7 (SYSCALL), 6.12 to 6.14 (interrupts in 64-bit mode); APM 3 SYSRET.
 *
 * From user mode registers go straight into the current thread's frame: SYSCALL finds its end in per-CPU data, the CPU
 * itself in TSS.RSP0. Then the CPU's kernel stack is taken from the top. From kernel mode (idle, the moment after a
 * guest exit, faults of user access) the frame goes onto the stack that is in use.
 */
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/entry/offsets.h"

/* struct trap_frame below vector; what a C function may change is pushed first. */
.macro PUSH_REGS
	.irp	reg, r9, r8, r10, rdx, rsi, rdi, rax, rcx, r11, rbx, rbp, r12, r13, r14, r15
	pushq	%\reg
	.endr
.endm

.macro POP reg:vararg
	.irp	r, \reg
	popq	%\r
	.endr
.endm

.macro POP_REGS
	POP	r15, r14, r13, r12, rbp, rbx, r11, rcx, rax, rdi, rsi, rdx, r10, r8, r9
.endm

.macro FUNCTION name
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
.endm

/* STAC or CLAC, noted for CPUs that have neither (uaccess.h). */
.macro SMAP_SITE insn
771:	\insn
	.pushsection __smap_sites, "a"
	.balign	4
	.long	771b - .
	.popsection
.endm

	.section .text.hot, "ax", @progbits

/* SFMASK has cleared IF, DF, TF, AC and NT. */
	FUNCTION syscall_entry
	swapgs
	movq	%rsp, %gs:CPU_USER_RSP
	movq	%gs:CPU_FRAME_TOP, %rsp
	pushq	$USER_DS
	pushq	%gs:CPU_USER_RSP
	pushq	%r11
	pushq	$USER_CS
	pushq	%rcx
	pushq	$0
	pushq	$256                    /* FRAME_SYSCALL */
	PUSH_REGS
	movq	%rsp, %rbx
	movq	%rsp, %rdi
	movq	%gs:CPU_STACK_TOP, %rsp
	xorl	%ebp, %ebp
	call	syscall_dispatch
	movq	%rax, FRAME_RAX(%rbx)
	cmpl	$0, %gs:CPU_NEED_RESCHED
	jne	1f
	movq	%rbx, %rsp

/* rsp: a frame of SYSCALL. Intel's SYSRET faults in ring 0 on a non-canonical address: such a frame takes IRET. */
frame_sysret:
	movq	FRAME_RIP(%rsp), %rcx
	shrq	$47, %rcx
	jne	frame_iret
	POP	r15, r14, r13, r12, rbp, rbx
	addq	$16, %rsp               /* r11 and rcx belong to SYSRET */
	POP	rax, rdi, rsi, rdx, r10, r8, r9
	movq	16(%rsp), %rcx          /* rip */
	movq	32(%rsp), %r11          /* rflags */
	movq	40(%rsp), %rsp
	swapgs
	sysretq
1:	call	sched_preempt

/* user_return(frame) */
	FUNCTION user_return
	movq	%rdi, %rsp
	cmpq	$256, FRAME_VECTOR(%rsp)
	je	frame_sysret
frame_iret:
	POP_REGS
	addq	$16, %rsp
	swapgs
	iretq

	.text

/* stack_reset(top, fn) */
	FUNCTION stack_reset
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	call	*%rsi
	ud2

/* irq_take(vector): the stub finds the frame that the CPU makes. */
	FUNCTION irq_take
	movzbl	%dil, %edi
	shll	$4, %edi
	addq	$trap_stubs, %rdi
	movq	%rsp, %rax
	andq	$-16, %rsp
	pushq	$KERNEL_DS
	pushq	%rax
	pushfq
	pushq	$KERNEL_CS
	call	*%rdi
	ret

	FUNCTION trap_common
	testb	$3, 24(%rsp)            /* CS */
	jz	trap_kernel
	swapgs
	PUSH_REGS
	cld
	SMAP_SITE clac
	movq	%rsp, %rbx
	movq	%rsp, %rdi
	movq	%gs:CPU_STACK_TOP, %rsp
	xorl	%ebp, %ebp
	call	trap_from_user
	movq	%rbx, %rsp
	jmp	frame_iret

/* Any kernel stack: the CPU has aligned it, and a frame is a multiple of 16. */
trap_kernel:
	PUSH_REGS
	cld
	SMAP_SITE clac
	movq	%rsp, %rdi
	call	trap_from_kernel
	POP_REGS
	addq	$16, %rsp
	iretq

/*
 * NMI, #MC, #DF: at any instruction, also between an entry and its SWAPGS, on stacks of their own. GS base is the
 * kernel's if it is in the upper half; user mode cannot set it (CR4.FSGSBASE is off).
 */
	FUNCTION trap_ist_common
	PUSH_REGS
	cld
	SMAP_SITE clac
	xorl	%ebx, %ebx
	movl	$0xc0000101, %ecx       /* MSR_GS_BASE */
	rdmsr
	testl	%edx, %edx
	js	1f
	swapgs
	movl	$1, %ebx
1:	movq	%rsp, %rdi
	call	trap_ist
	testl	%ebx, %ebx
	jz	2f
	swapgs
2:	POP_REGS
	addq	$16, %rsp
	iretq

/* 256 stubs of 16 bytes. Vectors 8, 10 to 14, 17, 21, 29 and 30 come with an error code. */
	.globl	trap_stubs
	.balign	16
trap_stubs:
vector = 0
	.rept	256
	.balign	16
	.if	vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.else
	pushq	$0
	.endif
	pushq	$vector
	.if	vector == 2 || vector == 8 || vector == 18
	jmp	trap_ist_common
	.else
	jmp	trap_common
	.endif
vector = vector + 1
	.endr

/* size_t user_copy_raw(to, from, len). A fault in the middle ends the copy; rcx still counts what is left. */
	FUNCTION user_copy_raw
	movq	%rdx, %rcx
	SMAP_SITE stac
1:	rep movsb
2:	SMAP_SITE clac
	movq	%rcx, %rax
	ret

	.section __ex_table, "a"
	.balign	4
	.long	1b - ., 2b - .

	.section .note.GNU-stack, "", @progbits
