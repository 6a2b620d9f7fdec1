/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: see volume.h. What mgmt shows of one is the record of it, beside its memory; init alone writes both. */
#include "init/volume.h"

#include <string.h>

#include "init/inventory.h"
#include "init/log.h"
#include "init/why.h"
#include "lib/user/sys.h"

#define NEVER UINT64_MAX

enum { NONE = -1 };

static struct mgmt_volumes *shown;
static struct mgmt_progress *told;
static struct volume volumes[MGMT_VOLUMES];
static uint32_t last_id;

/* The one that is being made; its record says nothing of it yet. */
static struct {
	int number;                  /* NONE: none is                                                */
	struct pieces_clean clean;   /* how far it is zeroed                                         */
	struct mgmt_command wish;
	uint32_t space;
	volume_done_fn *done;
} making = { .number = NONE };

uint64_t volumes_free_bytes(void)
{
	return memory.free_bytes > VOLUME_RESERVE ? memory.free_bytes - VOLUME_RESERVE : 0;
}

static void show_free(void)
{
	shown->free_bytes = volumes_free_bytes();
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

static int take_memory(struct volume *v, uint64_t size, const char **why)
{
	uint64_t bytes = ALIGN_UP(size, (uint64_t)PIECE_LARGE);
	int r;

	show_free();
	if (bytes > shown->free_bytes) {
		return why_print(E_NOMEM, why, "%llu MiB of RAM are wanted, volumes may still take %llu MiB",
				 (unsigned long long)(bytes >> 20), (unsigned long long)(shown->free_bytes >> 20));
	}
	r = pieces_take(&v->memory, bytes, PIECE_LARGE);
	return r < 0 ? why_say(r, why, "the RAM that is free lies in too many pieces") : OK;
}

/* ---- in the space of mgmt ---- */

static int map(int number, uint32_t space)
{
	uint32_t prot = at(number)->state == MGMT_VOLUME_SEALED ? PROT_R : PROT_R | PROT_W;

	return pieces_map(&volumes[number].memory, space, MGMT_VOLUME_ADDR(number), prot);
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

bool volume_good_name(const char *name)
{
	return name[0] && !strchr(".-_", name[0]) &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] == '\0';
}

static int find_room(const char *name, uint64_t size, const char **why)
{
	if (!volume_good_name(name)) {
		return why_say(E_INVAL, why, "a volume's name is made of letters, digits, . - and _ and begins with a letter or a digit");
	}
	if (!size || size > VOLUME_MAX) {
		return why_say(E_INVAL, why, "a volume has from 1 byte to 512 GiB");
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
	making.clean = (struct pieces_clean){ 0 };
	making.wish = *wish;
	making.space = space;
	making.done = done;
	return OK;
}

void volume_cancel(void)
{
	if (making.number != NONE) {
		pieces_give_back(&volumes[making.number].memory);
		show_free();
	}
	making.number = NONE;
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
		volumes[number].told = 0;
		memset(&told[number], 0, sizeof(told[number]));
		set_state(number, MGMT_VOLUME_NEW);
	}
	return r;
}

/* The next step with the one that is being made. */
static void make(void)
{
	int number = making.number, r = pieces_clean_some(&volumes[number].memory, &making.clean);

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
	pieces_give_back(&volumes[number].memory);
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
	if (at(number)->disks) {
		return why_say(E_BUSY, why, "a disk is made of this volume");
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

		if (bytes != volumes[i].told) {          /* who begins again at the start goes on, too */
			volumes[i].told = bytes;
			volumes[i].progress_ns = sys_clock(NULL);
		}
		if (bytes > at(i)->written && bytes <= at(i)->size) {
			at(i)->written = bytes;
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
	r = pieces_unmap(&volumes[number].memory, space, MGMT_VOLUME_ADDR(number));
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

static void count_users(const struct volume_set *used, int by)
{
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		if (used->bits[i / 64] >> i % 64 & 1) {
			at(i)->users += (uint32_t)by;
		}
	}
	if (shown) {
		show_free();
	}
}

void volumes_hold(const struct volume_set *used)
{
	count_users(used, 1);
}

void volumes_release(const struct volume_set *used)
{
	count_users(used, -1);
}

void volume_hold_for_disk(int number, int by)
{
	at(number)->disks += (uint32_t)by;
}
