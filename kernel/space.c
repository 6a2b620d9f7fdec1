/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces and their mapping records. */
#include "kernel/space.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/mm/tlb.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/event.h"
#include "kernel/panic.h"
#include "kernel/process.h"

static int root_create(struct space *s, struct arena *a)
{
	int r = pt_init(&s->pt, s->kind == SPACE_USER ? &pt_user : &pt_nested, a);

	if (r < 0) {
		return r;
	}
	if (s->kind == SPACE_USER) {
		kmap_share(&s->pt);
		return OK;
	}
	r = vm_init(s);
	if (r < 0) {
		pt_fini(&s->pt);
	}
	return r;
}

int space_create(struct process *owner, enum space_kind kind, struct space **out)
{
	struct space *s = arena_alloc(owner->arena, sizeof(*s));
	int r;

	if (!s) {
		return E_NOMEM;
	}
	s->kind = kind;
	list_init(&s->mappings);
	list_init(&s->routes);
	s->object.owner = owner;     /* vm_init() takes its memory from there */
	r = root_create(s, owner->arena);
	if (r < 0) {
		arena_free(owner->arena, s);
		return r;
	}
	object_init(&s->object, OBJECT_SPACE, owner);
	*out = s;
	return OK;
}

static struct mapping *mapping_create(struct space *s, struct region *r)
{
	struct mapping *m = s->mapping_count < SPACE_MAPPINGS_MAX ? arena_alloc(s->pt.arena, sizeof(*m)) : NULL;

	if (!m) {
		return NULL;
	}
	m->space = s;
	m->region = r;
	list_init(&m->in_region);
	list_push(&s->mappings, &m->in_space);
	s->mapping_count++;
	if (r) {
		list_push(&r->mappings, &m->in_region);
		r->mapping_count++;
	}
	return m;
}

static void mapping_free(struct mapping *m)
{
	list_remove(&m->in_space);
	m->space->mapping_count--;
	if (m->region) {
		list_remove(&m->in_region);
		m->region->mapping_count--;
	}
	arena_free(m->space->pt.arena, m);
}

/*
 * The process is dead and its tables die with its arena, so only the records go. The regions' memory waits for the
 * epoch that process_destroy() opens when all objects are gone.
 */
void space_destroy(struct object *o)
{
	struct space *s = container_of(o, struct space, object);

	list_for_each(e, &s->routes, struct event, in_route) {
		event_set_route(e, NULL, 0, 0);
	}
	list_for_each(m, &s->mappings, struct mapping, in_space) {
		if (m->region) {
			m->region->epoch = tlb_next_epoch();
		}
		mapping_free(m);
	}
	if (s->kind == SPACE_GUEST) {
		vm_fini(s);
	}
	pt_fini(&s->pt);
	object_fini(o);
	arena_free(o->owner->arena, s);
}

static uint64_t end_of(const struct space *s)
{
	return s->kind == SPACE_USER ? USER_END : GUEST_END;
}

static int check_range(const struct space *s, uint64_t addr, uint64_t size)
{
	if (!size || (addr | size) % PAGE_SIZE) {
		return E_INVAL;
	}
	if (!range_within(addr, size, end_of(s)) || (s->kind == SPACE_USER && addr == 0)) {
		return E_RANGE;
	}
	return OK;
}

static int check_map(const struct space *s, uint64_t addr, const struct region *r, uint64_t offset, uint64_t size,
		     uint32_t prot)
{
	int ret = check_range(s, addr, size);
	bool read_only = r->kind != REGION_RAM;

	if (ret < 0) {
		return ret;
	}
	if (offset % PAGE_SIZE || !(prot & PROT_R) || prot & ~(uint32_t)(PROT_R | PROT_W | PROT_X)) {
		return E_INVAL;
	}
	if ((prot & PROT_W) && (read_only || ((prot & PROT_X) && s->kind == SPACE_USER))) {
		return E_INVAL;
	}
	if (!range_within(offset, size, r->size)) {
		return E_RANGE;
	}
	if (r->arena_of || (r->kind == REGION_RAM && !region_is_clean(r))) {
		return E_BUSY;
	}
	return OK;
}

/* The record that a step at addr goes on with, NULL if it starts a new one; *taken: something else is there. */
static struct mapping *find_started(struct space *s, uint64_t addr, const struct region *r, uint64_t offset,
				    uint64_t size, uint32_t prot, bool *taken)
{
	*taken = false;
	list_for_each(m, &s->mappings, struct mapping, in_space) {
		if (addr >= m->addr + m->size || addr + size <= m->addr) {
			continue;
		}
		if (m->region == r && m->prot == prot && m->addr + m->done == addr && m->offset + m->done == offset &&
		    m->size - m->done == size) {
			return m;
		}
		*taken = true;
		break;
	}
	return NULL;
}

/* Tables that were made for addr and stayed empty. */
static void drop_tables(struct space *s, uint64_t addr)
{
	pt_unmap(&s->pt, addr, PAGE_SIZE, 1);
	tlb_retire_epoch();
	tlb_reap();
}

/* Maps the next piece of m. */
static int64_t map_step(struct mapping *m)
{
	struct space *s = m->space;
	uint64_t rest = m->size - m->done, done;
	int r = pt_map(&s->pt, m->addr + m->done, hpa(m->region->base.v + m->offset + m->done), rest, m->prot, SPACE_STEP,
		       &done);

	m->done += done;
	if (done) {
		return (int64_t)done;
	}
	if (!m->done) {
		drop_tables(s, m->addr);
		mapping_free(m);
	}
	return r;
}

int64_t space_map(struct space *s, uint64_t addr, struct region *r, uint64_t offset, uint64_t size, uint32_t prot)
{
	int ret = check_map(s, addr, r, offset, size, prot);
	struct mapping *m;
	bool taken;

	if (ret < 0) {
		return ret;
	}
	m = find_started(s, addr, r, offset, size, prot, &taken);
	if (taken) {
		return E_BUSY;
	}
	if (!m) {
		m = mapping_create(s, r);
		if (!m) {
			return E_NOMEM;
		}
		m->addr = addr;
		m->size = size;
		m->offset = offset;
		m->prot = prot;
	}
	return map_step(m);
}

uint64_t mapping_remove_step(struct mapping *m)
{
	struct space *s = m->space;
	uint64_t n = pt_unmap(&s->pt, m->addr, m->done, SPACE_STEP), epoch;

	m->addr += n;
	m->offset += n;
	m->size -= n;
	m->done -= n;
	if (!m->done && m->size) {
		drop_tables(s, m->addr);     /* made for what never got mapped */
	}
	s->generation++;
	epoch = tlb_retire_epoch();
	if (m->region) {
		m->region->epoch = epoch;
	}
	if (!m->done) {
		n += m->size;
		mapping_free(m);
	}
	tlb_reap();
	return n;
}

int64_t space_unmap(struct space *s, uint64_t addr, uint64_t size)
{
	int r = check_range(s, addr, size);

	if (r < 0) {
		return r;
	}
	list_for_each(m, &s->mappings, struct mapping, in_space) {
		if (m->addr == addr && (m->size == size || m->done == size) && m->region) {
			return (int64_t)mapping_remove_step(m);
		}
	}
	return E_NOENT;
}

int space_map_page(struct space *s, uint64_t addr, void *page, uint32_t prot)
{
	int r = check_range(s, addr, PAGE_SIZE);
	struct mapping *m;
	uint64_t done;
	bool taken;

	if (r < 0) {
		return r;
	}
	if (find_started(s, addr, NULL, 0, PAGE_SIZE, 0, &taken) || taken) {
		return E_BUSY;
	}
	m = mapping_create(s, NULL);
	if (!m) {
		return E_NOMEM;
	}
	m->addr = addr;
	m->size = PAGE_SIZE;
	m->prot = prot;
	r = pt_map(&s->pt, addr, kmap_hpa(page), PAGE_SIZE, prot, 1, &done);
	m->done = done;
	if (r < 0) {
		mapping_free(m);
	}
	return r;
}

void space_activate(const struct space *s)
{
	struct cpu *c = cpu_this();

	if (c->root != s->pt.root.v) {
		c->root = s->pt.root.v;
		write_cr3(c->root);
	}
}
