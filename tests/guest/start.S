/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of the guest payloads: 32-bit protected mode, paging off, by PVH (Xen's x86/HVM direct boot ABI) with ebx = start
 * info, or by Multiboot 2, so that GRUB starts them on any machine. Builds identity tables for the low 4 GiB, goes to long mode and calls main().
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18                  /* name size, value size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_start

	.section .header, "a"
	.balign 8
header:	.long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
	.short 3, 0                     /* entry address */
	.long 12, multiboot_start, 0
	.short 0, 0
	.long 8
header_end:

	.text
	.code32
/* What PVH would have said: the command line and the first ACPI table, out of Multiboot's tags. */
multiboot_start:
	movl $0, info + 24
	movl $0, info + 32
	addl $8, %ebx
1:	movl (%ebx), %eax
	testl %eax, %eax
	jz 3f
	leal 8(%ebx), %ecx
	cmpl $1, %eax
	jne 2f
	movl %ecx, info + 24
2:	subl $14, %eax                  /* ACPI, old or new */
	cmpl $1, %eax
	ja 2f
	movl %ecx, info + 32
2:	movl 4(%ebx), %eax
	addl $7, %eax
	andl $~7, %eax
	addl %eax, %ebx
	jmp 1b
3:	movl $info, %ebx
	.globl pvh_start
pvh_start:
	cld
	movl %ebx, %esi                 /* kept for main */
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	xorl %eax, %eax
	rep stosb
	movl $stack_top, %esp

	movl $pdpt + 3, pml4
	movl $pd + 3, pdpt
	movl $pd + 0x1003, pdpt + 8
	movl $pd + 0x2003, pdpt + 16
	movl $pd + 0x3003, pdpt + 24
	movl $pd, %edi
	movl $0x83, %eax                /* 2 MiB, writable, present */
	movl $2048, %ecx
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b

	movl %cr4, %eax
	orl $0x20, %eax                 /* PAE */
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax                /* LME */
	wrmsr
	movl %cr0, %eax
	andl $0x9fffffff, %eax          /* caches on */
	orl $0x80000001, %eax
	movl %eax, %cr0
	lgdt gdt_ptr
	ljmp $8, $long_mode

	.code64
long_mode:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movl %esi, %edi
	call main
	jmp guest_power_off

/* 256 interrupt stubs, 16 bytes each: they push the vector (and a zero where the CPU pushes no error code). */
	.globl stubs
	.balign 16
stubs:
	.set v, 0
	.rept 256
	.balign 16
	.if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
	pushq $0
	.endif
	pushq $v
	jmp stub_common
	.set v, v + 1
	.endr

stub_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	movq %rsp, %rdi
	movq %rsp, %rbp
	andq $-16, %rsp
	cld
	call guest_trap
	movq %rbp, %rsp
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.section .rodata
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_ptr:
	.word gdt_ptr - gdt - 1
	.quad gdt

	.data
	.balign 8
info:	.long 0x336ec578                /* struct hvm_start_info */
	.skip 52

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
	.globl pd
pd:	.skip 4 * 4096
stack:	.skip 32768
stack_top:
	.section .note.GNU-stack, "", @progbits
