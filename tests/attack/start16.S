/* SPDX-License-Identifier: Apache-2.0 */
/* Start of the other processors: from the page of their SIPI to 64-bit mode, on the tables of the first one. */
	.section .rodata
	.code16
	.globl ap_start, ap_start_end
ap_start:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl ap_gdt - ap_start
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl *(ap_far - ap_start)
	.balign 4
ap_gdt:	.word 255
	.long gdt
ap_far:	.long ap_start32
	.word 0x18
ap_start_end:

	.text
	.code32
ap_start32:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl top_table, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	andl $0x9fffffff, %eax
	orl $0x80000021, %eax
	movl %eax, %cr0
	ljmp $8, $ap_start64
	.code64
ap_start64:
	movq ap_stack, %rsp
	call ap_main
1:	hlt
	jmp 1b

/* Where an unexpected trap goes on: the stack is whatever it was. */
	.globl abandon_here
abandon_here:
	andq $-16, %rsp
	call abandon_trap
	.section .note.GNU-stack, "", @progbits
