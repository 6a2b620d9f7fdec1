/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces and their mapping records. */
#include "kernel/space.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/event.h"
#include "kernel/process.h"

struct space *space_create(struct process *owner, enum object_type type)
{
	struct space *s = object_create(type, owner, sizeof(*s));

	if (!s) {
		return NULL;
	}
	list_init(&s->mappings);
	list_init(&s->routes);
	if (pt_init(&s->pt, type == OBJECT_SPACE ? &pt_user : pt_guest, owner->arena) < 0) {
		goto free;
	}
	if (type == OBJECT_SPACE) {
		kmap_share(&s->pt);
	} else if (vm_init(s) < 0) {
		pt_fini(&s->pt);
		goto free;
	}
	return s;

free:
	object_free(&s->object);
	return NULL;
}

static void mapping_free(struct mapping *m)
{
	list_remove(&m->in_space);
	m->space->mapping_count--;
	list_remove(&m->in_region);
	arena_free(m->space->pt.arena, m);
}

/*
 * The process is dead and its tables die with its arena, so only the records go. The regions' memory waits for the
 * epoch that process_destroy() opens when all objects are gone.
 */
void space_destroy(struct object *o)
{
	struct space *s = container_of(o, struct space, object);

	list_for_each(m, &s->mappings, struct mapping, in_space) {
		if (m->region) {
			m->region->epoch = tlb_next_epoch();
		}
		mapping_free(m);
	}
	list_for_each(e, &s->routes, struct event, in_route) {
		event_set_route(e, NULL, 0, 0);
	}
	if (o->type == OBJECT_GUEST) {
		vm_fini(s);
	}
	pt_fini(&s->pt);
}

static int check_range(const struct space *s, uint64_t addr, uint64_t size)
{
	bool user = s->object.type == OBJECT_SPACE;

	if (!size || (addr | size) % PAGE_SIZE) {
		return E_INVAL;
	}
	return range_within(addr, size, user ? USER_END : GUEST_END) && (addr || !user) ? OK : E_RANGE;
}

static int check_map(const struct space *s, const struct region *r, uint64_t offset, uint64_t size, uint64_t prot)
{
	bool no_write = r->kind == REGION_PROGRAM || r->kind == REGION_INFO || (s->object.type == OBJECT_SPACE && prot & PROT_X);

	bool device = r->kind == REGION_PHYSICAL && s->object.type == OBJECT_SPACE;

	if (offset % PAGE_SIZE || !(prot & PROT_R) || prot > (PROT_R | PROT_W | PROT_X | (device ? PROT_DEVICE : 0)) ||
	    (prot & PROT_W && no_write)) {
		return E_INVAL;
	}
	if (!range_within(offset, size, r->size)) {
		return E_RANGE;
	}
	return r->arena_of || !region_is_clean(r) ? E_BUSY : OK;
}

/* A mapping of which anything lies in [addr, addr + size), NULL if there is none. */
static struct mapping *find(const struct space *s, uint64_t addr, uint64_t size)
{
	list_for_each(m, &s->mappings, struct mapping, in_space) {
		if (addr < m->addr + m->size + m->rest && m->addr < addr + size) {
			return m;
		}
	}
	return NULL;
}

static struct mapping *mapping_create(struct space *s, struct region *r, uint64_t addr, uint64_t size)
{
	struct mapping *m = s->mapping_count < SPACE_MAPPINGS_MAX ? arena_alloc(s->pt.arena, sizeof(*m)) : NULL;

	if (!m) {
		return NULL;
	}
	*m = (struct mapping){ .space = s, .region = r, .addr = addr, .rest = size };
	list_init(&m->in_region);
	list_push(&s->mappings, &m->in_space);
	s->mapping_count++;
	if (r) {
		list_push(&r->mappings, &m->in_region);
	}
	return m;
}

/* One step of mapping. r NULL: memory of the owner's arena. */
static int64_t map_step(struct space *s, uint64_t addr, struct region *r, hpa_t pa, uint64_t size, uint32_t prot)
{
	struct mapping *m = find(s, addr, size);
	uint64_t done;
	int ret;

	if (m && (m->region != r || m->addr + m->size != addr || m->rest != size)) {
		return E_BUSY;
	}
	m = m ? m : mapping_create(s, r, addr, size);
	if (!m) {
		return E_NOMEM;
	}
	ret = pt_map(&s->pt, addr, pa, size, prot, SPACE_STEP, &done);
	m->size += done;
	m->rest -= done;
	if (ret < 0) {                       /* tables may have been made for nothing */
		pt_unmap(&s->pt, addr + done, PAGE_SIZE, 1);
		tlb_retire_epoch();
		tlb_reap();
	}
	if (!m->size) {
		mapping_free(m);
	}
	return done ? (int64_t)done : ret;
}

int64_t space_map(struct space *s, uint64_t addr, struct region *r, uint64_t offset, uint64_t size, uint64_t prot)
{
	int ret = check_range(s, addr, size);

	if (ret == OK) {
		ret = check_map(s, r, offset, size, prot);
	}
	return ret < 0 ? ret : map_step(s, addr, r, hpa(r->base.v + offset), size, (uint32_t)prot);
}

int space_map_page(struct space *s, uint64_t addr, void *page, uint32_t prot)
{
	int r = check_range(s, addr, PAGE_SIZE);

	return r < 0 ? r : (int)map_step(s, addr, NULL, kmap_hpa(page), PAGE_SIZE, prot);
}

uint64_t mapping_remove_step(struct mapping *m)
{
	struct space *s = m->space;
	uint64_t n = pt_unmap(&s->pt, m->addr, m->size, SPACE_STEP);

	m->addr += n;
	m->size -= n;
	s->generation++;
	m->region->epoch = tlb_retire_epoch();
	if (!m->size) {
		n += m->rest;
		mapping_free(m);
	}
	tlb_reap();
	return n;
}

int64_t space_unmap(struct space *s, uint64_t addr, uint64_t size)
{
	int r = check_range(s, addr, size);
	struct mapping *m = r < 0 ? NULL : find(s, addr, size);

	if (!m || !m->region || m->addr != addr || (m->size != size && m->size + m->rest != size)) {
		return r < 0 ? r : E_NOENT;
	}
	return (int64_t)mapping_remove_step(m);
}
