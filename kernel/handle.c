/* SPDX-License-Identifier: Apache-2.0 */
/* Handle tables. */
#include "kernel/handle.h"
#include "kernel/arena.h"
#include "kernel/process.h"

_Static_assert(HANDLE_PAGES * HANDLES_PER_PAGE == HANDLE_MAX, "whole pages");

struct handle *handle_slot(const struct process *p, uint64_t h)
{
	struct handle *page = h < HANDLE_MAX ? p->handles.page[h / HANDLES_PER_PAGE] : NULL;

	return page && page[h % HANDLES_PER_PAGE].object ? &page[h % HANDLES_PER_PAGE] : NULL;
}

int handle_find(const struct process *p, uint64_t h, uint32_t types, uint32_t rights, struct handle **out)
{
	*out = handle_slot(p, h);
	if (!*out) {
		return E_NOENT;
	}
	if (!(types & 1u << (*out)->object->type)) {
		return E_INVAL;
	}
	return ((*out)->rights & rights) == rights ? OK : E_PERM;
}

int handle_add_at(struct process *p, uint64_t h, struct object *o, uint32_t rights)
{
	if (h >= HANDLE_MAX) {
		return E_RANGE;
	}

	struct handle **page = &p->handles.page[h / HANDLES_PER_PAGE];

	*page = *page ? *page : arena_page_alloc(p->arena);
	if (!*page) {
		return E_NOMEM;
	}

	struct handle *s = &(*page)[h % HANDLES_PER_PAGE];

	if (s->object) {
		return E_BUSY;
	}
	s->object = o;
	s->rights = rights;
	s->table = &p->handles;
	list_push(&o->handles, &s->in_object);
	p->handles.count++;
	return OK;
}

int handle_add(struct process *p, struct object *o, uint32_t rights)
{
	for (uint32_t h = 0; h < HANDLE_MAX; h++) {
		int r = handle_add_at(p, h, o, rights);

		if (r != E_BUSY) {
			return r < 0 ? r : (int)h;
		}
	}
	return E_NOMEM;
}

static void clear(struct handle *s)
{
	list_remove(&s->in_object);
	s->object = NULL;
	s->table->count--;
}

int handle_close(struct process *p, uint64_t h)
{
	struct handle *s = handle_slot(p, h);

	if (!s) {
		return E_NOENT;
	}
	clear(s);
	return OK;
}

void handle_close_object(struct object *o, const struct handle *keep)
{
	list_for_each(s, &o->handles, struct handle, in_object) {
		if (s != keep) {
			clear(s);
		}
	}
}
