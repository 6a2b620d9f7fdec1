/* SPDX-License-Identifier: Apache-2.0 */
/* Where the image lies (linker.ld). Every boundary is page aligned; physical = virtual - KERNEL_BASE. */
#pragma once

#include "lib/base.h"

#define KERNEL_BASE 0xffffffff80000000ull
#define IMAGE_PHYS  0x100000ull

/* The page in which further processors start; ring 0's, as the image is. */
#define TRAMPOLINE_PHYS 0x8000ull

/* text: R X; rodata: R; data to data end: RW, with .bss and the stacks in it; pack: R. */
extern char __image_start[], __image_end[];
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[], __stacks_start[], __stacks_end[], __pack_start[], __pack_end[];
/* RAM behind the data, not mapped with the image: arch/x86/mm/kmap.h shares it out. */
extern char __memory_start[];

static inline hpa_t image_pa(const void *va)
{
	return hpa((uint64_t)va - KERNEL_BASE);
}
