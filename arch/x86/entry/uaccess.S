/* SPDX-License-Identifier: Apache-2.0 */
/* Copying from and to user memory. A fault in the middle ends the copy; rcx still counts what is left. */

	.text

/* size_t user_copy_raw(to, from, len) */
	.globl	user_copy_raw
	.type	user_copy_raw, @function
user_copy_raw:
	movq	%rdx, %rcx
	stac
1:	rep movsb
2:	clac
	movq	%rcx, %rax
	ret
	.size	user_copy_raw, . - user_copy_raw

	.section __ex_table, "a"
	.balign	4
	.long	1b - ., 2b - .

	.section .note.GNU-stack, "", @progbits
