/* SPDX-License-Identifier: Apache-2.0 */
/* Pages by a bump index and a free list, small things by slabs of one page per size class. */
#include "kernel/arena.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/panic.h"
#include "kernel/string.h"

static const uint16_t class_size[ARENA_CLASSES] = { 64, 128, 192, 256, 512, 960, ARENA_ALLOC_MAX };

/* Stands at the start of its page; the objects follow at multiples of 64. */
struct slab {
	struct list in_partial;      /* arena.partial while a slot is free                            */
	void *free;                  /* slots that came back                                          */
	uint32_t class, used, fresh; /* fresh: slots below this index have been used at least once    */
};

enum { SLAB_HEADER = 64 };
_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "slots start behind it");

struct arena *arena_init(hpa_t base, uint64_t page_count)
{
	struct arena *a = kmap_ptr(base);

	memset(a, 0, sizeof(*a));
	a->base = base;
	a->page_count = page_count;
	a->page_fresh = 1;
	a->page_free = page_count - 1;
	for (unsigned i = 0; i < ARENA_CLASSES; i++) {
		list_init(&a->partial[i]);
	}
	return a;
}

void *arena_page_alloc(struct arena *a)
{
	void *page;

	if (a->free) {
		page = a->free;
		a->free = *(void **)page;
	} else if (a->page_fresh < a->page_count) {
		page = (char *)kmap_ptr(a->base) + a->page_fresh++ * PAGE_SIZE;
	} else {
		return NULL;
	}
	a->page_free--;
	return memset(page, 0, PAGE_SIZE);
}

void arena_page_free(struct arena *a, void *page)
{
	ASSERT((uintptr_t)page % PAGE_SIZE == 0);
	*(void **)page = a->free;
	a->free = page;
	a->page_free++;
}

static unsigned slab_capacity(unsigned class)
{
	return (PAGE_SIZE - SLAB_HEADER) / class_size[class];
}

void *arena_alloc(struct arena *a, size_t size)
{
	ASSERT(size > 0 && size <= ARENA_ALLOC_MAX);

	unsigned class = 0;
	struct slab *s;
	void *p;

	while (class_size[class] < size) {
		class++;
	}
	if (list_empty(&a->partial[class])) {
		s = arena_page_alloc(a);
		if (!s) {
			return NULL;
		}
		s->class = class;
		list_push(&a->partial[class], &s->in_partial);
	}
	s = list_first(&a->partial[class], struct slab, in_partial);
	if (s->free) {
		p = s->free;
		s->free = *(void **)p;
	} else {
		p = (char *)s + SLAB_HEADER + (size_t)s->fresh++ * class_size[class];
	}
	if (++s->used == slab_capacity(class)) {
		list_remove(&s->in_partial);
	}
	return memset(p, 0, class_size[class]);
}

void arena_free(struct arena *a, void *p)
{
	struct slab *s = (struct slab *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);

	ASSERT(s->used > 0);
	if (s->used == slab_capacity(s->class)) {
		list_push(&a->partial[s->class], &s->in_partial);
	}
	*(void **)p = s->free;
	s->free = p;
	if (--s->used == 0) {
		list_remove(&s->in_partial);
		arena_page_free(a, s);
	}
}
