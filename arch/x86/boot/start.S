/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the Multiboot loader to kmain: protected mode without paging -> long mode -> the linked address.
 * Multiboot 0.6.96, 3.1 and 3.2; Multiboot 2 2.0, 3.1 and 3.3 (i386 state, also from UEFI); SDM 3A 9.8.5.
 */
#include "arch/x86/cpu/gdt.h"

#define BASE            0xffffffff80000000
#define PHYS(symbol)    ((symbol) - BASE)

#define MB1_FLAGS       0x3             /* modules page aligned; memory map */
#define MB2_TAG_END     0
#define MB2_TAG_REQUEST 1
#define MB2_TAG_ALIGN   6

#define PTE_P_RW        0x3
#define PTE_LARGE       0x83
#define COM1            0x3f8

	.section .note.GNU-stack,"",@progbits

	.section .boot.header, "a", @progbits
	.balign 8
mb2_header:
	.long 0xe85250d6, 0, mb2_header_end - mb2_header
	.long -(0xe85250d6 + mb2_header_end - mb2_header)
	.short MB2_TAG_REQUEST, 0
	.long 20
	.long 1, 3, 6                   /* command line, modules, memory map */
	.balign 8
	.short MB2_TAG_ALIGN, 0
	.long 8
	.short MB2_TAG_END, 0
	.long 8
mb2_header_end:

	.balign 4
	.long 0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)

	.section .boot, "ax", @progbits
	.code32
	.global boot_entry
boot_entry:
	cli
	movl $PHYS(boot_stacks + CPU_STACKS_SIZE), %esp
	pushl $0
	popfl                           /* DF, AC and all others off */
	movl %eax, %ebp                 /* loader's magic */
	movl %ebx, %esi                 /* its information */

	movl $PHYS(__bss_start), %edi
	movl $PHYS(__bss_end), %ecx
	subl %edi, %ecx
	shrl $2, %ecx
	xorl %eax, %eax
	rep stosl

	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	btl $29, %edx
	jnc no_long_mode

	/* Identity for 4 GiB by 2 MiB pages; the image's GiB once more at the top. */
	movl $PHYS(boot_pd), %edi
	movl $PTE_LARGE, %eax
	xorl %edx, %edx
	movl $2048, %ecx
1:	movl %eax, (%edi)
	movl %edx, 4(%edi)
	addl $8, %edi
	addl $0x200000, %eax
	loop 1b
	movl $PHYS(boot_pd) + PTE_P_RW, %eax
	movl %eax, PHYS(boot_pdpt_high) + 510 * 8
	movl $PHYS(boot_pdpt_low), %edi
	movl $4, %ecx
2:	movl %eax, (%edi)
	addl $8, %edi
	addl $4096, %eax
	loop 2b
	movl $PHYS(boot_pdpt_low) + PTE_P_RW, PHYS(boot_pml4)
	movl $PHYS(boot_pdpt_high) + PTE_P_RW, PHYS(boot_pml4) + 511 * 8

	movl $(1 << 5), %eax            /* CR4.PAE */
	movl %eax, %cr4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx          /* EFER.LME */
	rdmsr
	orl $(1 << 8), %eax
	wrmsr
	movl $0x80010033, %eax          /* PG, WP, NE, ET, MP, PE; caches on */
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $KERNEL_CS, $long_mode

no_long_mode:
	movl $sentence, %esi
3:	lodsb
	testb %al, %al
	jz 5f
	movb %al, %bl
	movl $0x10000, %ecx
	movw $(COM1 + 5), %dx
4:	inb %dx, %al
	testb $0x20, %al
	loopz 4b
	movb %bl, %al
	movw $COM1, %dx
	outb %al, %dx
	jmp 3b
5:	hlt
	jmp 5b

	.code64
long_mode:
	movl %ebp, %edi                 /* kmain(magic, information); it loads the other segments */
	movl %esi, %esi
	movabsq $boot_high, %rax
	jmp *%rax

	.balign 8
	.global boot_gdt
boot_gdt:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
	.short boot_gdt_pointer - boot_gdt - 1
	.long boot_gdt
sentence:
	.asciz "Brume cannot run here: This processor has no 64-bit mode.\r\n"

	.text
boot_high:
	movq $boot_stacks + CPU_STACKS_SIZE, %rsp
	xorl %ebp, %ebp                 /* backtraces end here */
	call kmain
	ud2

	.section .bss, "aw", @nobits
	.balign 4096
	.global boot_pml4
boot_pml4:      .skip 4096
boot_pdpt_low:  .skip 4096
boot_pdpt_high: .skip 4096
boot_pd:        .skip 4 * 4096
