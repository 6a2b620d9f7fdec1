/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small kernel's entry by Multiboot. MULTIBOOT is 1 or 2; with ADDRESSES the header says where things stand, else the ELF
 * headers do.
 */
	.section .header, "a"
#if MULTIBOOT == 1
	.balign 4
#if ADDRESSES
#define FLAGS 0x10003                   /* pages, memory, addresses */
#else
#define FLAGS 0x3
#endif
header:
	.long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
#if ADDRESSES
	.long header, image_start, image_end, image_bss_end, entry
#endif
#else
	.balign 8
header:
	.long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
	.balign 8
	.short 1, 0                     /* wants: command line, modules, memory map */
	.long 20, 1, 3, 6
	.balign 8
	.short 5, 1                     /* would like a framebuffer, goes on without */
	.long 20, 1024, 768, 32
#if ADDRESSES
	.balign 8
	.short 2, 0
	.long 24, header, image_start, image_end, image_bss_end
	.balign 8
	.short 3, 0
	.long 12, entry
#endif
	.balign 8
	.short 0, 0
	.long 8
header_end:
#endif

	.text
	.globl entry
entry:
	movl $stack_top, %esp
	pushl %ebx
	pushl %eax
	call small_main
1:	hlt
	jmp 1b

	.bss
	.balign 16
stack:	.skip 8192
stack_top:
	.section .note.GNU-stack, "", @progbits
