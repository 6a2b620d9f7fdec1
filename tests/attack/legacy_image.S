/* SPDX-License-Identifier: Apache-2.0 */
/* The 32-bit part of the suite (tests/attack/legacy) as bytes. */
	.section .rodata
	.globl legacy_image, legacy_image_end
legacy_image:
	.incbin "legacy.bin"
legacy_image_end:
	.section .note.GNU-stack, "", @progbits
