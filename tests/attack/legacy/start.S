/* SPDX-License-Identifier: Apache-2.0 */
/* From a start-up IPI to flat 32-bit code, and what surrounds attempt(). */
	.section .start, "ax"
	.code16
	.globl legacy_start
legacy_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl gdt_ptr - legacy_start
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $8, $start32
	.balign 4
gdt_ptr:
	.word 255
	.long gdt

	.text
	.code32
start32:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movl $stack_top, %esp
	call legacy_main
1:	cli
	hlt
	jmp 1b

/* uint32_t attempt(void (*fn)(void)) */
	.globl attempt
attempt:
	pushl %ebp
	pushl %ebx
	pushl %esi
	pushl %edi
	pushl resume
	movl %esp, resume
	call *24(%esp)
	movl $0xff, %eax
	movl %eax, caught
attempt_end:
	popl resume
	popl %edi
	popl %esi
	popl %ebx
	popl %ebp
	ret

/* Vectors that have no handler of their own: registers are kept, then it goes on behind the last attempt(). */
	.globl stubs
	.balign 32
stubs:
	.set v, 0
	.rept 256
	.balign 32
	.if !(v == 8 || (v >= 10 && v <= 14) || v == 17)
	pushl $0
	.endif
	pushal
	pushl %ds
	pushl %es
	pushl %fs
	pushl %gs
	pushl $v
	jmp stub_common
	.set v, v + 1
	.endr

stub_common:
	cld
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %esp, %esi
	movl $caught, %edi
	movl $23, %ecx                  /* struct caught */
	rep movsl
	movl %eax, %ss
	movl resume, %esp
	pushl $2
	popfl
	call attempt_back
	movl caught, %eax
	jmp attempt_end

	.bss
	.balign 16
resume:	.skip 4
stack:	.skip 4096
stack_top:
	.section .note.GNU-stack, "", @progbits
