/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are kept: see store.h. */
#include "init/store.h"

#include <string.h>

#include "init/image.h"
#include "init/inventory.h"
#include "init/log.h"
#include "init/volume.h"
#include "init/why.h"
#include "init/window.h"
#include "lib/kept_disk.h"

#define NEVER UINT64_MAX
#define STORE_DISK_MAX (1ull << 40)      /* bytes of one, as addresses have room for                     */

#define NOTHING_TOLD UINT64_MAX          /* of a new disk: the first look sees a change                  */

enum { NONE = -1, SWAP_PAGES_MIN = 10,
       DISK_FLAGS = MGMT_DISK_READ_ONLY | MGMT_DISK_SWAP | MGMT_DISK_OWNS_IMAGE | MGMT_DISK_SENT };

static struct mgmt_disks *shown;
static struct stored *disks;
static const uint32_t *closed;
static struct mgmt_progress *sent;
static uint32_t last_id;
static struct { int number; uint32_t token; } window[MGMT_WINDOWS];  /* number NONE: nothing is open in it */

/* What is being made, or grows. */
static struct {
	int number;                  /* NONE: nothing                                                */
	bool grows;
	struct stored more;          /* its memory, or what it gets beside what it has               */
	struct pieces_clean layer, states;
	uint64_t size, image_bytes;
	struct mgmt_command wish;
	store_done_fn *done;
} making = { .number = NONE };

static uint64_t shown_bytes(void)
{
	return ALIGN_UP((uint64_t)sizeof(*shown), (uint64_t)PAGE_SIZE);
}

uint64_t store_table_bytes(void)
{
	return shown_bytes() + ALIGN_UP(MGMT_DISKS * (uint64_t)sizeof(*disks), (uint64_t)PAGE_SIZE);
}

void store_init(struct mgmt_disks *show, const uint32_t *let_go, struct mgmt_progress *progress)
{
	shown = show;
	disks = (struct stored *)((uint8_t *)show + shown_bytes());
	closed = let_go;
	sent = progress;
	store_close_all();
}

static struct mgmt_disk *at(int number)
{
	return &shown->disk[number];
}

const struct mgmt_disk *store_shown(int number)
{
	return at(number);
}

const struct stored *store_get(int number)
{
	return &disks[number];
}

int store_find(const char *name)
{
	for (int i = 0; shown && i < MGMT_DISKS; i++) {
		if (at(i)->exists && strcmp(at(i)->name, name) == 0) {
			return i;
		}
	}
	return NONE;
}

/* The same for what must be there. */
static int find(const char *name, const char **why)
{
	int number = store_find(name);

	return number < 0 ? why_print(E_NOENT, why, "there is no disk %s", name) : number;
}

/* For what cannot be done while anybody uses it. */
static int find_unused(const char *name, const char **why)
{
	int number = find(name, why);

	if (number >= 0 && at(number)->users) {
		return why_print(E_BUSY, why, "VM %s runs with disk %s", at(number)->vm, name);
	}
	if (number >= 0 && disks[number].open) {
		return why_print(E_BUSY, why, "disk %s is being %s", name, at(number)->partial ? "sent" : "fetched");
	}
	return number;
}

/* For what cannot be done before all of it is there, either. */
static int find_whole(const char *name, const char **why)
{
	int number = find_unused(name, why);

	return number >= 0 && at(number)->partial ? why_print(E_BUSY, why, "disk %s is not whole yet", name) : number;
}

/* ---- memory ---- */

/* The layer in whole large pages, and a page of states for each 16 MiB. */
static uint64_t layer_bytes(uint64_t size)
{
	return ALIGN_UP(size, (uint64_t)PIECE_LARGE);
}

static uint64_t states_bytes(uint64_t size)
{
	return ALIGN_UP(kept_disk_blocks(size), (uint64_t)PAGE_SIZE);
}

/* What a disk of that size needs beyond what it has. */
static int take_memory(const struct stored *has, uint64_t size, struct stored *more, const char **why)
{
	uint64_t layer = layer_bytes(size) - pieces_bytes(&has->layer), states = states_bytes(size) - pieces_bytes(&has->states);
	int r;

	if (layer + states > volumes_free_bytes()) {
		return why_print(E_NOMEM, why, "%llu MiB of RAM are wanted, disks and volumes may still take %llu MiB",
				 (unsigned long long)((layer + states + MIB(1) - 1) >> 20),
				 (unsigned long long)(volumes_free_bytes() >> 20));
	}
	r = pieces_take(&more->layer, layer, PIECE_LARGE);
	if (r == OK) {
		r = pieces_take(&more->states, states, PAGE_SIZE);
	}
	if (r == OK && (has->layer.count + more->layer.count > PIECES_MAX || has->states.count + more->states.count > PIECES_MAX)) {
		r = E_NOMEM;
	}
	return r < 0 ? why_say(r, why, "the RAM that is free lies in too many pieces") : OK;
}

static void give_back(struct stored *d)
{
	pieces_give_back(&d->layer);
	pieces_give_back(&d->states);
}

static void join(struct pieces *to, const struct pieces *more)
{
	memcpy(&to->piece[to->count], more->piece, more->count * sizeof(more->piece[0]));
	to->count += more->count;
}

/* ---- making ---- */

static int check_name(const char *name, const char **why)
{
	struct image image;

	if (!volume_good_name(name)) {
		return why_say(E_INVAL, why, "a disk's name is made of letters, digits, . - and _ and begins with a letter or a digit");
	}
	if (store_find(name) >= 0) {
		return why_print(E_BUSY, why, "there is a disk %s", name);
	}
	if (image_find(name, &image) != E_NOENT) {
		return why_print(E_BUSY, why, "there is a volume or a boot module %s", name);
	}
	return OK;
}

static int find_place(const char **why)
{
	for (int i = 0; shown && i < MGMT_DISKS; i++) {
		if (!at(i)->exists) {
			return i;
		}
	}
	return why_say(E_NOMEM, why, "there are as many disks as there can be");
}

static int find_image(const char *name, struct image *image, const char **why)
{
	int r = store_find(name) >= 0 ? E_NOENT : image_find(name, image);

	if (r < 0) {
		return why_print(r, why, r == E_AGAIN ? "image %s is not whole yet" : "there is no image or boot module %s", name);
	}
	return image->length ? OK : why_print(E_INVAL, why, "boot module %s is empty", name);
}

/* Whether the wish makes sense, and how large the disk becomes. */
static int check_size(const struct mgmt_command *wish, const struct image *image, uint64_t *size, const char **why)
{
	bool read_only = wish->flags & MGMT_DISK_READ_ONLY, swap = wish->flags & MGMT_DISK_SWAP;

	*size = wish->size ? wish->size : image->length;
	if (!*size || *size > STORE_DISK_MAX) {
		return why_say(E_INVAL, why, "a disk has from 1 byte to 1 TiB, or those of its image");
	}
	if (*size < image->length) {
		return why_print(E_INVAL, why, "image %s has %llu bytes: the disk cannot be smaller", wish->other,
				 (unsigned long long)image->length);
	}
	if (read_only && (*size != image->length || swap)) {
		return why_say(E_INVAL, why, "a read-only disk is as large as its image, which it needs");
	}
	if (wish->flags & MGMT_DISK_SENT && (image->length || wish->flags != MGMT_DISK_SENT)) {
		return why_say(E_INVAL, why, "a disk whose content is sent has no image, and is no other kind of disk");
	}
	if (swap && (image->length || *size < SWAP_PAGES_MIN * PAGE_SIZE)) {
		return why_say(E_INVAL, why, "a swap disk has no image, and 40 KiB at least");
	}
	*size = read_only ? *size : ALIGN_UP(*size, (uint64_t)DISK_SECTOR);
	return wish->flags & ~(uint32_t)DISK_FLAGS ? why_say(E_INVAL, why, "there is no such kind of disk") : OK;
}

static bool same_words(const struct mgmt_disk *d, const struct mgmt_command *wish)
{
	return strcmp(d->image, wish->other) == 0 && d->asked == wish->size && d->flags == wish->flags &&
	       memcmp(d->sha256, wish->sha256, sizeof(d->sha256)) == 0;
}

static int begin(int number, bool grows, const struct mgmt_command *wish, store_done_fn *done)
{
	making.number = number;
	making.grows = grows;
	making.wish = *wish;
	making.done = done;
	making.layer = making.states = (struct pieces_clean){ 0 };
	return E_AGAIN;
}

int store_create(const struct mgmt_command *wish, store_done_fn *done, const char **why)
{
	struct image image = { 0 };
	int number = store_find(wish->name), r = OK;

	if (number >= 0 && same_words(at(number), wish)) {
		return number;
	}
	r = check_name(wish->name, why);
	if (r == OK && wish->other[0]) {
		r = find_image(wish->other, &image, why);
	}
	if (r == OK) {
		r = check_size(wish, &image, &making.size, why);
	}
	number = r == OK ? find_place(why) : r;
	if (number < 0) {
		return number == E_AGAIN ? E_BUSY : number;
	}
	making.more = (struct stored){ .volume = image.volume, .told = NOTHING_TOLD };
	making.image_bytes = image.length;
	if (!(wish->flags & MGMT_DISK_READ_ONLY)) {
		r = take_memory(&(struct stored){ 0 }, making.size, &making.more, why);
	}
	if (r < 0) {
		give_back(&making.more);
		return r;
	}
	return begin(number, false, wish, done);
}

int store_resize(const struct mgmt_command *wish, store_done_fn *done, const char **why)
{
	int number = find_whole(wish->name, why), r;

	if (number < 0) {
		return number;
	}
	if (at(number)->flags & MGMT_DISK_READ_ONLY) {
		return why_say(E_INVAL, why, "a read-only disk stays as it is");
	}
	making.size = ALIGN_UP(wish->size, (uint64_t)DISK_SECTOR);
	if (wish->size > STORE_DISK_MAX || making.size < at(number)->size) {
		return why_print(E_INVAL, why, "disk %s has %llu bytes, and can have more of them up to 1 TiB", wish->name,
				 (unsigned long long)at(number)->size);
	}
	making.more = (struct stored){ 0 };
	r = take_memory(&disks[number], making.size, &making.more, why);
	if (r < 0) {
		give_back(&making.more);
		return r;
	}
	return begin(number, true, wish, done);
}

void store_cancel(void)
{
	if (making.number != NONE) {
		give_back(&making.more);
	}
	making.number = NONE;
}

/* What mkswap writes: version 1 at 1024, last page, bad pages; ten letters at the end of the first page (Linux, union swap_header). */
static int write_swap_header(const struct stored *d, uint64_t size)
{
	uint64_t pages = size / PAGE_SIZE < UINT32_MAX ? size / PAGE_SIZE : UINT32_MAX;
	uint32_t info[3] = { 1, (uint32_t)pages - 1, 0 };
	uint32_t first = d->layer.piece[0].handle;
	uint8_t own = KEPT_OWN;
	int r = window_write(first, 1024, info, sizeof(info));

	if (r == OK) {
		r = window_write(first, PAGE_SIZE - 10, "SWAPSPACE2", 10);
	}
	return r == OK ? window_write(d->states.piece[0].handle, 0, &own, 1) : r;
}

static void hold_volume(const struct stored *d, int by)
{
	if (d->volume) {
		volume_hold_for_disk((int)d->volume - 1, by);
	}
}

static void publish(int number)
{
	const struct mgmt_command *wish = &making.wish;
	struct mgmt_disk *d = at(number);

	*d = (struct mgmt_disk){
		.id = ++last_id, .flags = wish->flags, .asked = wish->size, .size = making.size, .image_bytes = making.image_bytes,
		.used = wish->flags & MGMT_DISK_SWAP ? DISK_BLOCK : 0, .partial = (wish->flags & MGMT_DISK_SENT) != 0,
	};
	memcpy(d->name, wish->name, sizeof(d->name));
	memcpy(d->image, wish->other, sizeof(d->image));
	memcpy(d->sha256, wish->sha256, sizeof(d->sha256));
	memset(&sent[number], 0, sizeof(sent[number]));
	disks[number] = making.more;
	hold_volume(&making.more, 1);
	__atomic_store_n(&d->exists, 1, __ATOMIC_RELEASE);
	init_log("disk %s: made, %llu MiB", d->name, (unsigned long long)(d->size >> 20));
}

static void grow(int number)
{
	join(&disks[number].layer, &making.more.layer);
	join(&disks[number].states, &making.more.states);
	at(number)->size = making.size;
	memset(at(number)->sha256, 0, sizeof(at(number)->sha256));
}

/* The next step with what is being made. */
static void make(void)
{
	int number = making.number, r = pieces_clean_some(&making.more.layer, &making.layer);

	if (r == OK) {
		r = pieces_clean_some(&making.more.states, &making.states);
	}
	if (r == E_AGAIN) {
		return;
	}
	if (r == OK && !making.grows && making.wish.flags & MGMT_DISK_SWAP) {
		r = write_swap_header(&making.more, making.size);
	}
	if (r < 0) {
		give_back(&making.more);
	} else if (making.grows) {
		grow(number);
	} else {
		publish(number);
	}
	making.number = NONE;
	making.done(r < 0 ? r : number, "its memory cannot be zeroed or mapped");
}

static void delete(int number)
{
	const char *said;

	__atomic_store_n(&at(number)->exists, 0, __ATOMIC_RELEASE);
	hold_volume(&disks[number], -1);
	give_back(&disks[number]);
	init_log("disk %s: deleted", at(number)->name);
	if (at(number)->flags & MGMT_DISK_OWNS_IMAGE && volume_delete(at(number)->image, &said) < 0) {
		init_log("disk %s: its image stays: %s", at(number)->name, said);
	}
}

/* ---- what is sent ---- */

static uint64_t told_written(int number)
{
	uint32_t current = __atomic_load_n(&sent[number].current, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&sent[number].state[current & 1].written, __ATOMIC_RELAXED);
}

/* Whoever begins again at the start goes on, too. Nobody's memory is taken away while it is open. Returns the next deadline. */
static uint64_t look_at_sent(uint64_t now_ns)
{
	uint64_t next = NEVER;

	for (int i = 0; shown && i < MGMT_DISKS; i++) {
		struct stored *d = &disks[i];

		if (!at(i)->exists || !at(i)->partial) {
			continue;
		}
		if (d->open || d->told != told_written(i)) {
			d->told = told_written(i);
			d->progress_ns = now_ns;
		}
		if (now_ns >= d->progress_ns + VOLUME_IDLE_NS) {
			init_log("disk %s: nobody went on sending it", at(i)->name);
			delete(i);
		} else if (d->progress_ns + VOLUME_IDLE_NS < next) {
			next = d->progress_ns + VOLUME_IDLE_NS;
		}
	}
	return next;
}

int store_seal(const char *name, uint64_t used, const char **why)
{
	int number = find_unused(name, why);

	if (number < 0) {
		return number;
	}
	if (!at(number)->partial) {
		return why_print(E_BUSY, why, "disk %s is whole already", name);
	}
	if (told_written(number) != at(number)->asked) {
		return why_print(E_PROTO, why, "disk %s is not whole: %llu of %llu bytes are there", name,
				 (unsigned long long)told_written(number), (unsigned long long)at(number)->asked);
	}
	store_set_used(number, used);
	__atomic_store_n(&at(number)->partial, 0, __ATOMIC_RELEASE);
	return OK;
}

uint64_t store_tick(uint64_t now_ns)
{
	uint64_t next;

	if (making.number != NONE) {
		make();
	}
	next = look_at_sent(now_ns);
	return making.number != NONE ? now_ns : next;
}

int store_rename(const char *name, const char *to, const char **why)
{
	int number = find_whole(name, why), r = number < 0 ? number : check_name(to, why);

	if (r == OK) {
		memcpy(at(number)->name, to, strlen(to) + 1);
	}
	return r;
}

int store_delete(const char *name, const char **why)
{
	int number = find_unused(name, why);

	if (number < 0) {
		return number;
	}
	delete(number);
	return OK;
}

/* ---- VMs ---- */

int store_check(int number, const char **why)
{
	const struct mgmt_disk *d = at(number);

	if (d->flags & MGMT_DISK_READ_ONLY) {
		return OK;
	}
	if (making.number == number && making.grows) {
		return why_print(E_BUSY, why, "disk %s is growing", d->name);
	}
	number = find_whole(d->name, why);
	return number < 0 ? number : OK;
}

void store_use(int number, int by, const char *vm)
{
	at(number)->users += (uint32_t)by;
	if (!(at(number)->flags & MGMT_DISK_READ_ONLY)) {
		memset(at(number)->sha256, 0, sizeof(at(number)->sha256));       /* it may be written */
	}
	memcpy(at(number)->vm, vm, strlen(vm) + 1);
}

void store_set_used(int number, uint64_t bytes)
{
	struct mgmt_disk *d = at(number);
	uint64_t most = kept_disk_blocks(d->size) * DISK_BLOCK;

	if (!(d->flags & MGMT_DISK_READ_ONLY)) {
		d->used = bytes < most ? bytes : most;
	}
}

/* ---- windows ---- */

void store_close_all(void)
{
	for (unsigned i = 0; i < MGMT_WINDOWS; i++) {
		if (window[i].number != NONE && shown) {
			disks[window[i].number].open = 0;
		}
		window[i].number = NONE;
	}
}

/* Of a piece that cannot be unmapped its memory stays mgmt's to read: the disk stays open then. */
static void close_window(unsigned w, uint32_t space)
{
	struct stored *d = &disks[window[w].number];
	struct image image;
	int r = pieces_unmap(&d->layer, space, MGMT_WINDOW_LAYER(w)), one = pieces_unmap(&d->states, space, MGMT_WINDOW_STATE(w));

	r = one < 0 ? one : r;
	if (at(window[w].number)->image[0]) {
		one = image_find(at(window[w].number)->image, &image);
		one = one == OK ? image_unmap(space, MGMT_WINDOW_IMAGE(w), &image) : one;
		r = one < 0 ? one : r;
	}
	if (r < 0) {
		init_log("disk %s: it stays mapped (error %d)", at(window[w].number)->name, r);
		return;
	}
	d->open--;
	window[w].number = NONE;
}

void store_look(uint32_t space)
{
	for (unsigned i = 0; shown && i < MGMT_WINDOWS; i++) {
		if (window[i].number != NONE && __atomic_load_n(&closed[i], __ATOMIC_ACQUIRE) == window[i].token) {
			close_window(i, space);
		}
	}
}

/* On an error nothing is mapped. */
static int map_disk(const struct mgmt_disk *shown_as, const struct stored *d, uint32_t space, unsigned w)
{
	uint32_t prot = shown_as->partial ? PROT_R | PROT_W : PROT_R;
	struct image image;
	int r = pieces_map(&d->layer, space, MGMT_WINDOW_LAYER(w), prot);

	if (r < 0) {
		return r;
	}
	r = pieces_map(&d->states, space, MGMT_WINDOW_STATE(w), prot);
	if (r == OK && shown_as->image[0]) {
		r = image_find(shown_as->image, &image);
		r = r == OK ? image_map(space, MGMT_WINDOW_IMAGE(w), &image) : r;
		if (r < 0 && pieces_unmap(&d->states, space, MGMT_WINDOW_STATE(w)) < 0) {
			init_log("disk %s: a piece of it stays mapped", shown_as->name);
		}
	}
	if (r < 0 && pieces_unmap(&d->layer, space, MGMT_WINDOW_LAYER(w)) < 0) {
		init_log("disk %s: a piece of it stays mapped", shown_as->name);
	}
	return r;
}

/* Whether the disk can be opened as the wish says. */
static int check_open(int number, const struct mgmt_command *wish, const char **why)
{
	const struct mgmt_disk *d = at(number);

	if (d->users && !(d->flags & MGMT_DISK_READ_ONLY)) {
		return why_print(E_BUSY, why, "VM %s runs with disk %s", d->vm, wish->name);
	}
	if (!d->partial) {
		return wish->flags & MGMT_DISK_SENT ? why_print(E_BUSY, why, "disk %s is whole already", wish->name) : OK;
	}
	if (!(wish->flags & MGMT_DISK_SENT)) {
		return why_print(E_BUSY, why, "disk %s is not whole yet", wish->name);
	}
	return disks[number].open ? why_print(E_BUSY, why, "disk %s is being sent", wish->name) : OK;
}

int store_open(const struct mgmt_command *wish, uint32_t space, const char **why)
{
	uint64_t w = wish->size;
	int number = find(wish->name, why), r;

	if (number < 0) {
		return number;
	}
	if (w >= MGMT_WINDOWS) {
		return why_say(E_INVAL, why, "there is no such window");
	}
	if (window[w].number != NONE) {
		close_window((unsigned)w, space);
	}
	if (window[w].number != NONE) {
		return why_say(E_BUSY, why, "the window is in use");
	}
	r = check_open(number, wish, why);
	if (r < 0) {
		return r;
	}
	r = map_disk(at(number), &disks[number], space, (unsigned)w);
	if (r < 0) {
		return why_say(E_AGAIN, why, "too many disks are being fetched at once");
	}
	window[w].number = number;
	window[w].token = wish->number;
	disks[number].open++;
	return number;
}
