/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All physical addresses but ring 0's own, as the kernel hands them to init: read through a window while init looks for
 * tables, taken out for good as devices, boot modules or RAM. What is taken is in no other's hands.
 */
#pragma once

#include "init/memory.h"

/* A piece that the kernel gave. E_NOMEM: the list is full. */
int physical_add(struct extent piece) MUST_CHECK;

/* The lowest address at or above `from` that is not in hand, and where that hole ends; false: there is none up to the last piece. */
bool physical_hole(uint64_t from, uint64_t *base, uint64_t *end);

/*
 * Copies len bytes at host-physical addr; false when not all are in hand. For parsers: ctx is not used. Maps a window of
 * memory for that, which stays until the next call of something here.
 */
bool physical_read(void *ctx, uint64_t addr, void *buf, size_t len);

/* Takes [base, base + size), whole pages, out. E_NOENT: it is not in hand in one piece; or an error of the kernel. */
int physical_take(uint64_t base, uint64_t size, struct extent *out) MUST_CHECK;

/* The registers at addr, mapped for ever, uncached; all are in one page. NULL: they cannot be had. */
volatile void *physical_device(uint64_t addr);
