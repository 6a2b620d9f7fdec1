/* SPDX-License-Identifier: Apache-2.0 */
/* Per-CPU windows: one page table of the kernel whose entries are rewritten. */
#include "arch/x86/mm/window.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/pt.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/string.h"

#define WINDOW_BASE 0xffffffffc0000000ull

static uint64_t *entries;    /* of the table that maps WINDOW_BASE */

_Static_assert((unsigned)CPU_MAX <= PT_ENTRIES, "one table");

void window_init(struct pt *kernel)
{
	entries = pt_slot(kernel, WINDOW_BASE);
	if (!entries) {
		panic("no memory for windows");
	}
}

/* The page of pa, until the next call on this CPU. RW, NX. */
static char *window(hpa_t pa)
{
	uint32_t i = cpu_this()->id;
	uint64_t va = WINDOW_BASE + (uint64_t)i * PAGE_SIZE;

	entries[i] = ALIGN_DOWN(pa.v, PAGE_SIZE) | pt_kernel.leaf | pt_kernel.write | pt_kernel.noexec;
	invlpg(va);
	return (char *)va;
}

/* The piece of [pa, pa + len) that lies in its first page. */
static char *piece(hpa_t pa, size_t len, size_t *n)
{
	size_t off = pa.v % PAGE_SIZE;

	*n = len < PAGE_SIZE - off ? len : PAGE_SIZE - off;
	return window(pa) + off;
}

void phys_read(hpa_t pa, void *buf, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		const char *p = piece(hpa(pa.v + done), len - done, &n);

		memcpy((char *)buf + done, p, n);
	}
}

void phys_write(hpa_t pa, const void *buf, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		char *p = piece(hpa(pa.v + done), len - done, &n);

		memcpy(p, (const char *)buf + done, n);
	}
}

void phys_zero(hpa_t pa, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		memset(window(hpa(pa.v + i * PAGE_SIZE)), 0, PAGE_SIZE);
	}
}
