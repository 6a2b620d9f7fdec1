/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another processor does outside of 64-bit mode: real mode with its interrupt table, big segments, 16- and 32-bit
 * protected mode, 32-bit and PAE paging, and back. It starts at 9000h; results are dwords from A000h on, which real.c
 * names. Selectors are those of real_gdt. The device is the IOAPIC; its version is read.
 */
	.section .rodata
	.globl real_code, real_code_end


#define HERE(x) ((x) - real_code)
#define PAGE 0x9000
/* DS is A00h throughout real mode: results at 0, IVT by ES = 0. */

	.code16
real_code:
	cli
	cld
	movw $0xa00, %ax
	movw %ax, %ds
	movw $0x900, %ax
	movw %ax, %ss
	movw $0xf00, %sp
	xorw %ax, %ax
	movw %ax, %es
	/* vectors 0, 1, 3, 6, 13, 55h */
	movl $(0x09000000 + HERE(on_divide)), %es:0*4
	movl $(0x09000000 + HERE(on_step)), %es:1*4
	movl $(0x09000000 + HERE(on_break)), %es:3*4
	movl $(0x09000000 + HERE(on_undefined)), %es:6*4
	movl $(0x09000000 + HERE(on_protection)), %es:13*4
	movl $(0x09000000 + HERE(on_interrupt)), %es:0x55*4

	/* 0: divide error; 1: undefined; 2: breakpoint; 3: software interrupt */
	xorl %eax, %eax
	movl %eax, %edx
	movl %eax, %ecx
	divw %cx
	incl 0
	ud2
	incl 4
	int3
	incl 8
	int $0x55
	incl 12
	/* 4: a word across the end of the segment */
	movw 0xffff, %ax
	incl 16
	/* 5: instructions that exit: kernel and vmm */
	movl $0x40000000, %eax
	xorl %ecx, %ecx
	cpuid
	movl %eax, 20
	movl $0x1b, %ecx
	rdmsr
	movl %eax, 24
	movw $0x3ff, %dx
	movb $0x6b, %al
	outb %al, %dx
	xorl %eax, %eax
	inb %dx, %al
	movl %eax, 28
	/* 8: strings: three bytes out from DS:SI, two in to ES:DI */
	movb $0x31, 0x800
	movb $0x32, 0x801
	movb $0x33, 0x802
	movw $0x800, %si
	movw $3, %cx
	rep outsb
	xorl %eax, %eax
	inb %dx, %al
	shll $16, %eax
	movw %si, %ax
	movl %eax, 32
	pushw %es
	pushw %ds
	popw %es
	movw $0x810, %di
	movw $2, %cx
	rep insb
	popw %es
	movl 0x810, %eax
	movl %eax, 36
	/* 10: a single step over IN */
	pushfw
	popw %ax
	orw $0x100, %ax
	pushw %ax
	popfw
	inb %dx, %al
	nop
	movl 0x840, %eax
	movl %eax, 40
	/* 11: above 1 MiB by FFFF:0010, with A20 open */
	movw $0xffff, %ax
	movw %ax, %fs
	movl %fs:0x10, %eax
	movl %eax, 44
	/* 12: an interrupt by x2APIC or APIC page needs a big segment: below. HLT with IF=0 would be the end, so not that. */

	/* 16-bit protected mode: a based segment with a limit, and the device through a big one */
	lgdtl %cs:HERE(real_gdt_ptr)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpw $0x08, $HERE(protected16)
protected16:
	movw $0x10, %ax
	movw %ax, %ds                   /* base A000h, limit FFFh */
	movw $0x18, %ax
	movw %ax, %fs                   /* flat, 4 GiB */
	movl $0x40000000, %eax
	cpuid
	movl %eax, 48
	movl $0xfec00000, %ebx
	movl $1, %fs:(%ebx)
	movl %fs:0x10(%ebx), %eax
	movl %eax, 52
	addr32 movb %fs:0x10(%ebx), %al
	movl %eax, 56
	/* 32-bit code, no paging */
	ljmpl $0x20, $(PAGE + HERE(protected32))
	.code32
protected32:
	movw $0x18, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0x9f00, %esp
	movl 0xfec00010, %eax
	movl %eax, 0xa000 + 60
	/* 32-bit paging with 4 MiB pages: identity, and 40000000h to the device's 4 MiB */
	movl $0xb000, %edi
	xorl %eax, %eax
	movl $1024, %ecx
	rep stosl
	movl $0x83, 0xb000
	movl $0xfec00093, 0xb000 + 4 * 0x100
	movl $0xfec00093, 0xb000 + 4 * 0x3fb
	movl %cr4, %eax
	orl $0x10, %eax                 /* PSE */
	movl %eax, %cr4
	movl $0xb000, %eax
	movl %eax, %cr3
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	jmp 1f
1:	movl 0x40000010, %eax
	movl %eax, 0xa000 + 64
	movl $0x40000000, %eax
	cpuid
	movl %eax, 0xa000 + 68
	movl 0xb000 + 4 * 0x100, %eax   /* accessed */
	andl $0x20, %eax
	movl %eax, 0xa000 + 72
	/* paging off, PAE, paging on: 40000000h is now the device by the second pointer */
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl $0xb000, %edi
	xorl %eax, %eax
	movl $3072, %ecx
	rep stosl
	movl $0xc001, 0xb000
	movl $0xd001, 0xb008
	movl $0xd001, 0xb018
	movl $0x83, 0xc000
	movl $0xfec00093, 0xd000
	movl %cr4, %eax
	andl $~0x10, %eax
	orl $0x20, %eax                 /* PAE */
	movl %eax, %cr4
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	jmp 1f
1:	movl 0x40000010, %eax
	movl %eax, 0xa000 + 76
	movl $0x40000000, %eax
	cpuid
	movl %eax, 0xa000 + 80
	/* long mode from here and back: EFER.LME, a fourth level */
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0
	movl $0xb001, 0xe000
	movl $0, 0xe004
	movl $0xe000, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	ljmp $0x28, $(PAGE + HERE(long64))
	.code64
long64:	movl 0x40000010, %eax
	movl %eax, 0xa000 + 88
	movl $0x40000000, %eax
	cpuid
	movl %eax, 0xa000 + 92
	ljmp *(PAGE + HERE(back32))
	.balign 4
back32:	.long PAGE + HERE(compatible)
	.word 0x20
	.balign 4
	.code32
compatible:
	movl 0x40000010, %eax
	movl %eax, 0xa000 + 96
	movl %cr0, %eax
	andl $0x7fffffff, %eax
	movl %eax, %cr0                 /* leaves long mode */
	movl $0xc0000080, %ecx
	rdmsr
	movl %eax, 0xa000 + 100         /* LMA is clear */
	andl $~0x100, %eax
	wrmsr
	xorl %eax, %eax
	movl %eax, %cr4
	/* 16-bit code again, then real mode with big DS */
	ljmpl $0x08, $HERE(protected16b)
	.code16
protected16b:
	movw $0x18, %ax
	movw %ax, %ds
	movl %cr0, %eax
	andl $0xfffffffe, %eax
	movl %eax, %cr0
	ljmpw $0x900, $HERE(real_again)
real_again:
	movl $0xfec00000, %ebx
	movl $1, (%ebx)
	movl 0x10(%ebx), %eax           /* the limit is still 4 GiB */
	movw $0xa00, %cx
	movw %cx, %ds
	movw $0x900, %cx
	movw %cx, %ss
	movw $0xf00, %sp
	movl %eax, 104
	int $0x55
	movl 0x844, %eax
	movl %eax, 108
	/* an interrupt wakes a halt: self-IPI on the APIC page through the big segment */
	xorw %cx, %cx
	movw %cx, %es
	movl $0xfee000f0, %ebx
	movl $0x1ff, %es:(%ebx)         /* DS has a base again */
	movl $0xfee00300, %ebx
	movl $0x40055, %es:(%ebx)
	sti
	hlt
	cli
	movl 0x844, %eax
	movl %eax, 112
	movl $0x600d, 116
1:	hlt
	jmp 1b

on_divide:
	pushw %bp
	movw %sp, %bp
	addw $2, 2(%bp)                 /* over DIV CX */
	popw %bp
	movl $0x100, 0
	iretw
on_undefined:
	pushw %bp
	movw %sp, %bp
	addw $2, 2(%bp)
	popw %bp
	movl $0x100, 4
	iretw
on_break:
	movl $0x100, 8
	iretw
on_interrupt:
	incl 0x844
	iretw
on_protection:
	pushw %bp
	movw %sp, %bp
	addw $3, 2(%bp)                 /* over MOV AX, moffs */
	popw %bp
	movl $0x100, 16
	iretw
on_step:
	incl 0x840
	pushw %bp
	movw %sp, %bp
	andw $0xfeff, 6(%bp)
	popw %bp
	iretw

	.balign 8
real_gdt:
	.quad 0
	.quad 0x00009b009000ffff        /* 08: 16-bit code, base 9000h        */
	.quad 0x00009300a0000fff        /* 10: data, base A000h, limit FFFh   */
	.quad 0x00cf93000000ffff        /* 18: flat data                      */
	.quad 0x00cf9b000000ffff        /* 20: flat 32-bit code               */
	.quad 0x00af9b000000ffff        /* 28: 64-bit code                    */
real_gdt_ptr:
	.word real_gdt_ptr - real_gdt - 1
	.long PAGE + HERE(real_gdt)
real_code_end:
	.section .note.GNU-stack, "", @progbits
