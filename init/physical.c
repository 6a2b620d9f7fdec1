/* SPDX-License-Identifier: Apache-2.0 */
/* Physical addresses: see physical.h. The list is small and short-lived, so every search walks it. */
#include "init/physical.h"

#include <string.h>

#include "init/program.h"
#include "lib/user/sys.h"

enum { PIECES_MAX = 384, DEVICES_MAX = 32, WINDOW = 64 << 10 };

static struct extent pieces[PIECES_MAX];         /* by address, disjoint                          */
static unsigned piece_count;
static struct { uint64_t base, size; } window;   /* what is mapped at INIT_WINDOW_ADDR; size 0: nothing */
static uint64_t device[DEVICES_MAX];             /* page mapped at INIT_DEVICE_ADDR + index pages */
static unsigned device_count;

static bool insert(unsigned at, struct extent piece)
{
	if (piece_count == PIECES_MAX) {
		return false;
	}
	memmove(&pieces[at + 1], &pieces[at], (piece_count - at) * sizeof(pieces[0]));
	pieces[at] = piece;
	piece_count++;
	return true;
}

int physical_add(struct extent piece)
{
	unsigned at = 0;

	while (at < piece_count && pieces[at].base < piece.base) {
		at++;
	}
	return insert(at, piece) ? OK : E_NOMEM;
}

bool physical_hole(uint64_t from, uint64_t *base, uint64_t *end)
{
	*base = from;
	for (unsigned i = 0; i < piece_count; i++) {
		if (pieces[i].base > *base) {
			*end = pieces[i].base;
			return true;
		}
		if (pieces[i].base + pieces[i].size > *base) {
			*base = pieces[i].base + pieces[i].size;
		}
	}
	return false;
}

/* The piece around addr, or NULL. */
static struct extent *find(uint64_t addr)
{
	for (unsigned i = 0; i < piece_count; i++) {
		if (addr - pieces[i].base < pieces[i].size) {
			return &pieces[i];
		}
	}
	return NULL;
}

static void window_close(void)
{
	if (window.size && sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, window.size) == OK) {
		window.size = 0;
	}
}

/* Moves the window to addr, as much of its neighbourhood as its piece has. */
static bool window_open(uint64_t addr)
{
	const struct extent *p = find(addr);
	uint64_t start = ALIGN_DOWN(addr, (uint64_t)WINDOW), end = start + WINDOW;

	window_close();
	if (!p || window.size) {
		return false;
	}
	start = start > p->base ? start : p->base;
	end = end < p->base + p->size ? end : p->base + p->size;
	if (sys_map(INIT_SPACE, INIT_WINDOW_ADDR, p->handle, start - p->base, end - start, PROT_R) < 0) {
		return false;
	}
	window.base = start;
	window.size = end - start;
	return true;
}

bool physical_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	for (size_t done = 0, n; done < len; done += n) {
		uint64_t at = addr + done, left;

		if (at < addr || (at - window.base >= window.size && !window_open(at))) {
			return false;
		}
		left = window.base + window.size - at;
		n = len - done < left ? len - done : (size_t)left;
		memcpy((char *)buf + done, (const char *)(INIT_WINDOW_ADDR + (at - window.base)), n);
	}
	return true;
}

/* Cuts p at address at, which lies in it. The upper part follows it in the list. */
static int cut(struct extent *p, uint64_t at)
{
	int high;

	if (at == p->base) {
		return OK;
	}
	if (piece_count == PIECES_MAX) {
		return E_NOMEM;
	}
	high = sys_region_split(p->handle, at - p->base);
	if (high < 0) {
		return high;
	}
	insert((unsigned)(p - pieces) + 1, (struct extent){ at, p->base + p->size - at, (uint32_t)high, p->clean, 0 });
	p->size = at - p->base;
	return OK;
}

int physical_take(uint64_t base, uint64_t size, struct extent *out)
{
	struct extent *p = find(base);
	int r = OK;

	window_close();
	if (!p || !size || size > p->base + p->size - base) {
		return E_NOENT;
	}
	if (base + size < p->base + p->size) {
		r = cut(p, base + size);
	}
	if (r == OK && base > p->base) {
		r = cut(p, base);
		p++;
	}
	if (r < 0) {
		return r;
	}
	*out = *p;
	piece_count--;
	memmove(p, p + 1, (size_t)(&pieces[piece_count] - p) * sizeof(*p));
	return OK;
}

volatile void *physical_device(uint64_t addr)
{
	uint64_t page = ALIGN_DOWN(addr, (uint64_t)PAGE_SIZE);
	unsigned i = 0;
	struct extent e;

	while (i < device_count && device[i] != page) {
		i++;
	}
	if (i == DEVICES_MAX) {
		return NULL;
	}
	if (i == device_count) {
		if (physical_take(page, PAGE_SIZE, &e) < 0 ||
		    sys_map(INIT_SPACE, INIT_DEVICE_ADDR + i * (uint64_t)PAGE_SIZE, e.handle, 0, PAGE_SIZE,
			    PROT_R | PROT_W | PROT_DEVICE) < 0) {
			return NULL;
		}
		device[device_count++] = page;
	}
	return (volatile char *)(INIT_DEVICE_ADDR + i * (uint64_t)PAGE_SIZE) + (addr - page);
}
