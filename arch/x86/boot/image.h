/* SPDX-License-Identifier: Apache-2.0 */
/* Where the image lies (linker.ld). Every boundary is page aligned; physical = virtual - KERNEL_BASE. */
#pragma once

#include "lib/base.h"

#define KERNEL_BASE 0xffffffff80000000ull
#define IMAGE_PHYS  0x100000ull

/* text: R X; rodata: R; data to data end: RW, with .bss in it; pack: R. */
extern char __image_start[], __image_end[];
extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern char __data_start[], __data_end[], __pack_start[], __pack_end[];
