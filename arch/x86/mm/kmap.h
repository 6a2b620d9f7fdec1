/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own address space (SDM 3A 4.5).
 *
 *   ffff800000000000  KMAP: arenas only, at KMAP_BASE + physical address; 2 TiB, PML4 slots 256..259
 *   ffffffff80000000  the image, W^X by section; program file pages read-only
 *   ffffffffc0000000  windows: one page per CPU
 *   ffffffffc0200000  MMIO, uncached
 *
 * Every process root copies slots 256..259 and 511, which never change after mm_init().
 */
#pragma once

#include "lib/base.h"

struct arena;
struct pt;

#ifndef KMAP_BASE
#define KMAP_BASE    0xffff800000000000ull
#endif
#define KMAP_SIZE    (1ull << 41)

static inline void *kmap_ptr(hpa_t pa)
{
	return (void *)(uintptr_t)(KMAP_BASE + pa.v);
}

/* Of an arena page or anything in one. */
static inline hpa_t kmap_hpa(const void *p)
{
	return hpa((uint64_t)(uintptr_t)p - KMAP_BASE);
}

extern struct arena *kernel_arena;       /* pays for kernel tables, stacks, rings                 */

/* Builds the kernel's address space and switches to it; the boot loader's and the identity mapping are gone then. */
void mm_init(void);

/* What the image brings along for init (linker.ld): its arena, and memory for its data that ring 0 does not map. */
enum { MM_INIT_ARENA_PAGES = 416, MM_INIT_DATA_SIZE = 512 << 10 };
extern hpa_t mm_init_arena, mm_init_data;

/* Maps RAM that becomes an arena. E_RANGE: beyond 2 TiB. E_NOMEM: kernel arena empty. Nothing changed on error. */
int kmap_add(hpa_t base, uint64_t size) MUST_CHECK;
/* Unmaps it. The memory can be reused when tlb_retire_epoch() of after this call has passed. */
void kmap_remove(hpa_t base, uint64_t size);

/* Device registers, uncached, mapped for ever; pa and size need no alignment. Panics when the area is full. */
volatile void *mmio_map(hpa_t pa, uint64_t size);

/* Copies the kernel's half into the root of a new user space. */
void kmap_share(struct pt *pt);

/* Root of the kernel alone, for CPUs that run no process. */
hpa_t kmap_root(void);

/*
 * Short looks at physical memory that the kernel does not map, through one page window per CPU: copies from kernel
 * memory, and zeroes. Across pages. IF=0.
 */
void phys_write(hpa_t pa, const void *buf, size_t len);
void phys_zero(hpa_t pa, size_t len);

/* Device registers in the page of pa, a multiple of 4, uncached, through the same window: until the next call of these. IF=0. */
volatile uint32_t *phys_registers(hpa_t pa);
