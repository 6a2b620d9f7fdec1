/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of VMs. Boot modules and volumes stay where they are and are shared by all that read them. */
#include "init/disk.h"

#include <string.h>

#include "init/image.h"
#include "init/inventory.h"
#include "init/launch.h"
#include "init/store.h"
#include "init/why.h"
#include "lib/kept_disk.h"
#include "lib/user/sys.h"
#include "vmm/disk_layer.h"

/* Room for changes where the configuration names none: the size of the image, but not more than this. */
#define ROOM_DEFAULT MIB(64)

static uint64_t layer_bytes(const struct conf_disk *conf, const struct image *image)
{
	uint64_t whole = image->length < ROOM_DEFAULT ? image->length : ROOM_DEFAULT;

	return ALIGN_UP(disk_layer_bytes(image->length, conf->room ? conf->room : whole), (uint64_t)PAGE_SIZE);
}

static bool uses(const struct vm *vm, int number)
{
	return vm->disks[number / 64] >> number % 64 & 1;
}

/* Who may write to a disk that is kept has it alone. */
static int find_kept(struct vm *vm, int number, const struct conf_disk *conf, const char **why)
{
	bool read_only = store_shown(number)->flags & MGMT_DISK_READ_ONLY;
	int r = store_check(number, why);

	if (r < 0) {
		return r;
	}
	if (conf->room) {
		return why_print(E_INVAL, why, "disk %s keeps what is written, and needs no room", conf->module);
	}
	if (uses(vm, number) && !read_only) {
		return why_print(E_INVAL, why, "disk %s is named twice", conf->module);
	}
	vm->disks[number / 64] |= 1ull << number % 64;
	return OK;
}

static int find(struct vm *vm, const struct conf_disk *conf, const char **why)
{
	const char *name = conf->module;
	int number = store_find(name);
	struct image image;
	int r = number >= 0 ? find_kept(vm, number, conf, why) : image_find_for(vm, name, &image, why);

	return r == OK && number < 0 && !image.length ? why_print(E_NOENT, why, "boot module %s is empty", name) : r;
}

int disks_find(struct vm *vm, const char **why)
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < vm->conf.disk_count; i++) {
		r = find(vm, &vm->conf.disk[i], why);
	}
	return r;
}

static int take(struct vm *vm, uint32_t i, const char **why)
{
	const struct conf_disk *conf = &vm->conf.disk[i];
	struct image image;
	uint64_t bytes;
	int r;

	if (conf->read_only || store_find(conf->module) >= 0) {
		return OK;
	}
	r = image_find(conf->module, &image);
	if (r < 0) {
		return r;
	}
	bytes = layer_bytes(conf, &image);
	r = memory_alloc(&memory, &vm->order, bytes, PAGE_SIZE, MEMORY_HIGH, &vm->layer[i]);
	return r == OK ? OK : why_print(r, why, "%llu MiB are wanted for changes on disk %s", (unsigned long long)(bytes >> 20), conf->module);
}

int disks_take(struct vm *vm, const char **why)
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < vm->conf.disk_count; i++) {
		r = take(vm, i, why);
	}
	return r;
}

static int map_kept(const struct vm *vm, uint32_t i, int number, struct vmm_disk *disk)
{
	const struct mgmt_disk *shown = store_shown(number);
	const struct stored *d = store_get(number);
	uint32_t prot = vm->conf.disk[i].read_only ? PROT_R : PROT_R | PROT_W, space = vm->child.space;
	struct image image = { 0 };
	int r = shown->image[0] ? image_find(shown->image, &image) : OK;

	if (r == OK) {
		r = image_map(space, VMM_DISK_ADDR(i), &image);
	}
	if (r == OK) {
		r = pieces_map(&d->layer, space, VMM_LAYER_ADDR(i), prot);
	}
	if (r == OK) {
		r = pieces_map(&d->states, space, VMM_STATE_ADDR(i), prot);
	}
	*disk = (struct vmm_disk){
		.bytes = image.length, .layer_bytes = pieces_bytes(&d->layer), .read_only = vm->conf.disk[i].read_only,
		.kept_bytes = ALIGN_UP(shown->size, (uint64_t)DISK_SECTOR),
	};
	launch_control(vm)->disk_used[i] = shown->used;      /* until the vmm has counted */
	return r;
}

static int map(const struct vm *vm, uint32_t i, struct vmm_disk *disk)
{
	const struct extent *layer = &vm->layer[i];
	struct image image;
	int number = store_find(vm->conf.disk[i].module), r;

	if (number >= 0) {
		return map_kept(vm, i, number, disk);
	}
	r = image_find(vm->conf.disk[i].module, &image);
	if (r == OK) {
		r = image_map(vm->child.space, VMM_DISK_ADDR(i), &image);
	}
	if (r == OK && layer->size) {
		r = sys_map(vm->child.space, VMM_LAYER_ADDR(i), layer->handle, 0, layer->size, PROT_R | PROT_W);
	}
	if (r == OK) {
		*disk = (struct vmm_disk){ .bytes = image.length, .layer_bytes = layer->size };
	}
	return r;
}

int disks_map(const struct vm *vm, struct vmm_disk disk[CONF_DISKS_MAX])
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < vm->conf.disk_count; i++) {
		r = map(vm, i, &disk[i]);
	}
	return r;
}

/* A layer in small pages: a table page for each 2 MiB, and those above. */
static uint64_t layer_table_bytes(uint64_t size)
{
	return (size / MIB(2) + 4) * PAGE_SIZE;
}

/* The layer in large pages, the states in small ones, and records of all their pieces. */
static uint64_t kept_table_bytes(int number)
{
	const struct stored *d = store_get(number);
	uint64_t tables = pieces_bytes(&d->layer) / GIB(1) + pieces_bytes(&d->states) / MIB(2) + 8;
	struct image image = { 0 };

	if (store_shown(number)->image[0] && image_find(store_shown(number)->image, &image) < 0) {
		return 0;                            /* its mapping tells why */
	}
	return image_table_bytes(&image) + (tables + 1) * PAGE_SIZE;
}

uint64_t disks_arena_bytes(const struct vm *vm)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < vm->conf.disk_count; i++) {
		int number = store_find(vm->conf.disk[i].module);
		struct image image;

		if (number >= 0) {
			bytes += kept_table_bytes(number);
			continue;
		}
		bytes += image_find(vm->conf.disk[i].module, &image) == OK ? image_table_bytes(&image) : 0;
		bytes += layer_table_bytes(vm->layer[i].size);
	}
	return bytes;
}

void disks_give_back(struct vm *vm)
{
	for (uint32_t i = 0; i < CONF_DISKS_MAX; i++) {
		memory_give_back(&vm->layer[i]);
	}
}

/* ---- kept disks ---- */

void disks_hold(const struct vm *vm)
{
	for (int i = 0; i < MGMT_DISKS; i++) {
		if (uses(vm, i)) {
			store_use(i, 1, vm->conf.name);
		}
	}
}

/* Another VM that runs with it: only one that is read-only can have any. */
static const char *other_user(const struct vm *vm, int number)
{
	for (uint32_t i = 0; i < vm_count(); i++) {
		const struct vm *other = vm_get(i);

		if (other != vm && uses(other, number)) {
			return other->conf.name;
		}
	}
	return "";
}

void disks_let_go(struct vm *vm)
{
	for (int i = 0; i < MGMT_DISKS; i++) {
		if (uses(vm, i)) {
			store_use(i, -1, other_user(vm, i));
		}
	}
	memset(vm->disks, 0, sizeof(vm->disks));
}

void disks_look(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->conf.disk_count; i++) {
		int number = store_find(vm->conf.disk[i].module);

		if (number >= 0 && uses(vm, number)) {
			store_set_used(number, launch_control(vm)->disk_used[i]);
		}
	}
}
