/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry points of threads in ring 3. rdi: the argument of SYS_THREAD_CREATE. The first thread takes the stack of
 * its own image whatever the creator set; further threads find their function on top of their stack.
 * 32 KiB of stack: no program recurses, and the largest frames are those of formatted output.
 */
	.text
	.globl user_entry
	.type user_entry, @function
user_entry:
	leaq user_stack_top(%rip), %rsp
	xorl %ebp, %ebp
	cld
	call user_start
	ud2
	.size user_entry, . - user_entry

	.globl user_thread_entry
	.type user_thread_entry, @function
user_thread_entry:
	popq %rax                       /* the function; rsp was 8 below a multiple of 16: now aligned */
	xorl %ebp, %ebp
	cld
	call *%rax
	call user_thread_returned
	ud2
	.size user_thread_entry, . - user_thread_entry

	.section .stack, "aw", @nobits
	.balign 4096
	.skip 32768

	.section .note.GNU-stack, "", @progbits
