/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: see volume.h. What mgmt shows of one is the record of it, beside its memory; init alone writes both. */
#include "init/volume.h"

#include <string.h>

#include "init/inventory.h"
#include "init/log.h"
#include "init/why.h"
#include "lib/user/sys.h"

#define NEVER UINT64_MAX

enum { NONE = -1, CLEAN_STEP = 16 << 20 };

static struct mgmt_volumes *shown;
static struct mgmt_progress *told;
static struct volume volumes[MGMT_VOLUMES];
static uint32_t last_id;

/* The one that is being made; its record says nothing of it yet. */
static struct {
	int number;                  /* NONE: none is                                                */
	unsigned piece;              /* that is being zeroed, from offset on                         */
	uint64_t offset;
	struct mgmt_command wish;
	uint32_t space;
	volume_done_fn *done;
} making = { .number = NONE };

static void show_free(void)
{
	shown->free_bytes = memory.free_bytes > VOLUME_RESERVE ? memory.free_bytes - VOLUME_RESERVE : 0;
}

void volumes_init(struct mgmt_volumes *show, struct mgmt_progress *progress)
{
	shown = show;
	told = progress;
	show_free();
}

static struct mgmt_volume *at(int number)
{
	return &shown->volume[number];
}

int volume_find(const char *name)
{
	for (int i = 0; shown && i < MGMT_VOLUMES; i++) {
		if (at(i)->state != MGMT_VOLUME_NONE && strcmp(at(i)->name, name) == 0) {
			return i;
		}
	}
	return NONE;
}

/* The same for what must be there. */
static int find(const char *name, const char **why)
{
	int number = volume_find(name);

	return number < 0 ? why_print(E_NOENT, why, "there is no volume %s", name) : number;
}

const struct mgmt_volume *volume_shown(int number)
{
	return at(number);
}

const struct volume *volume_get(int number)
{
	return &volumes[number];
}

static void set_state(int number, enum mgmt_volume_state state)
{
	__atomic_store_n(&at(number)->state, (uint32_t)state, __ATOMIC_RELEASE);
	show_free();
}

/* ---- memory ---- */

static void give_back(struct volume *v)
{
	for (unsigned i = 0; i < v->piece_count; i++) {
		memory_give_back(&v->piece[i]);
	}
	v->piece_count = 0;
}

static int take_piece(uint64_t size, struct extent *out)
{
	int r = memory_alloc_unclean(&memory, NULL, size, VOLUME_PIECE, MEMORY_HIGH, out);

	if (r == E_NOMEM) {
		uint64_t largest = ALIGN_DOWN(memory_largest(&memory, NULL, VOLUME_PIECE), (uint64_t)VOLUME_PIECE);

		if (largest && largest < size) {
			r = memory_alloc_unclean(&memory, NULL, largest, VOLUME_PIECE, MEMORY_HIGH, out);
		}
	}
	return r;
}

static int take_pieces(struct volume *v, uint64_t left)
{
	while (left) {
		struct extent *e = &v->piece[v->piece_count];
		int r = v->piece_count < VOLUME_PIECES ? take_piece(left, e) : E_NOMEM;

		if (r < 0) {
			give_back(v);
			return r;
		}
		v->piece_count++;
		left -= e->size;
	}
	return OK;
}

static int take_memory(struct volume *v, uint64_t size, const char **why)
{
	uint64_t bytes = ALIGN_UP(size, (uint64_t)VOLUME_PIECE);
	int r;

	show_free();
	if (bytes > shown->free_bytes) {
		return why_print(E_NOMEM, why, "%llu MiB of RAM are wanted, volumes may still take %llu MiB",
				 (unsigned long long)(bytes >> 20), (unsigned long long)(shown->free_bytes >> 20));
	}
	r = take_pieces(v, bytes);
	return r < 0 ? why_say(r, why, "the RAM that is free lies in too many pieces") : OK;
}

/* ---- in the space of mgmt ---- */

/* As far as it came is told in *mapped, pieces. */
static int map_pieces(const struct volume *v, uint32_t space, uint64_t address, uint32_t prot, unsigned *mapped)
{
	int r = OK;

	for (*mapped = 0; r == OK && *mapped < v->piece_count; *mapped += r == OK) {
		const struct extent *e = &v->piece[*mapped];

		r = sys_map(space, address, e->handle, 0, e->size, prot);
		address += e->size;
	}
	return r;
}

static int unmap_pieces(const struct volume *v, uint32_t space, uint64_t address, unsigned mapped)
{
	int r = OK;

	for (unsigned i = 0; i < mapped; i++) {
		int one = sys_unmap(space, address, v->piece[i].size);

		r = one < 0 ? one : r;
		address += v->piece[i].size;
	}
	return r;
}

static int map(int number, uint32_t space)
{
	uint32_t prot = at(number)->state == MGMT_VOLUME_SEALED ? PROT_R : PROT_R | PROT_W;
	unsigned mapped;
	int r = map_pieces(&volumes[number], space, MGMT_VOLUME_ADDR(number), prot, &mapped);

	if (r < 0 && unmap_pieces(&volumes[number], space, MGMT_VOLUME_ADDR(number), mapped) < 0) {
		init_log("volume %s: a piece of it stays mapped", at(number)->name);
	}
	return r;
}

int volumes_map(uint32_t space)
{
	int r = OK;

	for (int i = 0; r == OK && i < MGMT_VOLUMES; i++) {
		r = at(i)->state != MGMT_VOLUME_NONE ? map(i, space) : OK;
	}
	return r;
}

/* ---- their life ---- */

static bool good_name(const char *name)
{
	return name[0] && !strchr(".-_", name[0]) &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] == '\0';
}

static int find_room(const char *name, uint64_t size, const char **why)
{
	if (!good_name(name)) {
		return why_say(E_INVAL, why, "a volume's name is made of letters, digits, . - and _ and begins with a letter or a digit");
	}
	if (!size || size > VOLUME_MAX) {
		return why_say(E_INVAL, why, "a volume has from 1 byte to 1 TiB");
	}
	if (volume_find(name) >= 0) {
		return why_say(E_BUSY, why, "there is a volume of that name");
	}
	if (inventory_module(name)) {
		return why_say(E_BUSY, why, "there is a boot module of that name");
	}
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		if (at(i)->state == MGMT_VOLUME_NONE) {
			return i;
		}
	}
	return why_say(E_NOMEM, why, "there are as many volumes as there can be");
}

int volume_create(const struct mgmt_command *wish, uint32_t space, volume_done_fn *done, const char **why)
{
	int number = find_room(wish->name, wish->size, why), r;

	if (number < 0) {
		return number;
	}
	r = take_memory(&volumes[number], wish->size, why);
	if (r < 0) {
		return r;
	}
	show_free();
	making.number = number;
	making.piece = 0;
	making.offset = 0;
	making.wish = *wish;
	making.space = space;
	making.done = done;
	return OK;
}

void volume_cancel(void)
{
	if (making.number != NONE) {
		give_back(&volumes[making.number]);
		show_free();
	}
	making.number = NONE;
}

/* E_AGAIN: there is more to zero. */
static int clean_some(const struct volume *v)
{
	for (uint64_t done = 0; making.piece < v->piece_count && done < CLEAN_STEP;) {
		const struct extent *e = &v->piece[making.piece];
		int64_t r = e->clean ? 0 : sys_region_clean_some(e->handle, making.offset);

		if (r < 0) {
			return (int)r;
		}
		making.offset += (uint64_t)r;
		done += (uint64_t)r;
		if (!r || making.offset >= e->size) {
			making.piece++;
			making.offset = 0;
		}
	}
	return making.piece < v->piece_count ? E_AGAIN : OK;
}

static int show_new(int number)
{
	const struct mgmt_command *wish = &making.wish;
	struct mgmt_volume *v = at(number);
	int r;

	*v = (struct mgmt_volume){ .id = ++last_id, .size = wish->size };
	memcpy(v->name, wish->name, sizeof(v->name));
	memcpy(v->sha256, wish->sha256, sizeof(v->sha256));
	r = map(number, making.space);
	if (r == OK) {
		volumes[number].progress_ns = sys_clock(NULL);
		memset(&told[number], 0, sizeof(told[number]));
		set_state(number, MGMT_VOLUME_NEW);
	}
	return r;
}

/* The next step with the one that is being made. */
static void make(void)
{
	int number = making.number, r = clean_some(&volumes[number]);

	if (r == E_AGAIN) {
		return;
	}
	if (r == OK) {
		r = show_new(number);
	}
	if (r < 0) {
		volume_cancel();
	}
	making.number = NONE;
	making.done(r < 0 ? r : number, "its memory cannot be zeroed or mapped");
}

static void delete(int number)
{
	set_state(number, MGMT_VOLUME_NONE);
	give_back(&volumes[number]);
	show_free();
}

int volume_delete(const char *name, const char **why)
{
	int number = find(name, why);

	if (number < 0) {
		return number;
	}
	if (at(number)->users) {
		return why_say(E_BUSY, why, "a VM runs with this volume");
	}
	delete(number);
	return OK;
}

static uint64_t told_written(int number)
{
	uint32_t current = __atomic_load_n(&told[number].current, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&told[number].state[current & 1].written, __ATOMIC_RELAXED);
}

void volumes_look(void)
{
	for (int i = 0; shown && i < MGMT_VOLUMES; i++) {
		uint64_t bytes = at(i)->state == MGMT_VOLUME_NEW ? told_written(i) : 0;

		if (bytes > at(i)->written && bytes <= at(i)->size) {
			at(i)->written = bytes;
			volumes[i].progress_ns = sys_clock(NULL);
		}
	}
}

int volume_seal(const char *name, uint32_t space, const char **why)
{
	int number = find(name, why), r;

	if (number < 0) {
		return number;
	}
	if (at(number)->state == MGMT_VOLUME_SEALED) {
		return why_say(E_BUSY, why, "the volume is sealed already");
	}
	volumes_look();
	if (at(number)->written != at(number)->size) {
		return why_print(E_PROTO, why, "the volume is not whole: %llu of %llu bytes are there",
				 (unsigned long long)at(number)->written, (unsigned long long)at(number)->size);
	}
	r = unmap_pieces(&volumes[number], space, MGMT_VOLUME_ADDR(number), volumes[number].piece_count);
	if (r < 0) {
		return why_say(r, why, "the volume cannot be taken from its writer");
	}
	set_state(number, MGMT_VOLUME_SEALED);
	if (map(number, space) < 0) {
		init_log("volume %s: it cannot be read by mgmt", name);
	}
	return OK;
}

uint64_t volumes_tick(uint64_t now_ns)
{
	uint64_t next = NEVER;

	if (making.number != NONE) {
		make();
	}
	if (shown) {
		show_free();                 /* VMs take and give, too */
	}
	volumes_look();
	for (int i = 0; shown && i < MGMT_VOLUMES; i++) {
		uint64_t end = volumes[i].progress_ns + VOLUME_IDLE_NS;

		if (at(i)->state != MGMT_VOLUME_NEW) {
			continue;
		}
		if (now_ns >= end) {
			init_log("volume %s: deleted, nobody went on with it", at(i)->name);
			delete(i);
		} else {
			next = end < next ? end : next;
		}
	}
	return making.number != NONE ? now_ns : next;
}

/* ---- users ---- */

static void count_users(uint64_t used, int by)
{
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		if (used >> i & 1) {
			at(i)->users += (uint32_t)by;
		}
	}
	if (shown) {
		show_free();
	}
}

void volumes_hold(uint64_t used)
{
	count_users(used, 1);
}

void volumes_release(uint64_t used)
{
	count_users(used, -1);
}
