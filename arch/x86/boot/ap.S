/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a further processor starts: real mode at TRAMPOLINE_PHYS, straight into long mode on the boot tables, then onto the
 * kernel's own. SDM 3A 9.4.4, 9.8.5.
 */
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/entry/offsets.h"

#define PHYS(symbol)    ((symbol) - 0xffffffff80000000)

/* Copied to the page of the start-up IPI: nothing but this runs there. */
	.section .rodata, "a", @progbits
	.global ap_trampoline, ap_trampoline_end
	.code16
ap_trampoline:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	movl	$(1 << 5), %eax         /* CR4.PAE */
	movl	%eax, %cr4
	movl	$PHYS(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx       /* EFER: LME; NXE for the kernel's tables */
	movl	$0x900, %eax
	xorl	%edx, %edx
	wrmsr
	lgdtl	gdt_pointer - ap_trampoline
	movl	$0x80010033, %eax       /* PG, WP, NE, ET, MP, PE; caches on */
	movl	%eax, %cr0
	ljmpl	$KERNEL_CS, $ap_long_mode
	.balign	4
gdt_pointer:
	.short	3 * 8 - 1
	.long	boot_gdt
ap_trampoline_end:

	.section .boot, "ax", @progbits
	.code64
ap_long_mode:
	movabsq	$ap_high, %rax
	jmp	*%rax

	.text
ap_high:
	movq	ap_root, %rax
	movq	%rax, %cr3
	xorl	%eax, %eax
	xchgq	%rax, ap_claim          /* one that comes too late finds none, and stays here */
	testq	%rax, %rax
	jz	1f
	movq	CPU_STACK_TOP(%rax), %rsp       /* SS is null until gdt_load(): its table is not mapped here */
	movq	%rax, %rdi
	xorl	%ebp, %ebp
	call	ap_main
1:	cli
	hlt
	jmp	1b
	.section .note.GNU-stack, "", @progbits
