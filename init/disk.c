/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of VMs. Boot modules and volumes stay where they are and are shared by all that read them. */
#include "init/disk.h"

#include "init/image.h"
#include "init/inventory.h"
#include "init/why.h"
#include "lib/user/sys.h"
#include "vmm/disk_layer.h"

/* Room for changes where the configuration names none: the size of the image, but not more than this. */
#define ROOM_DEFAULT MIB(64)

static uint64_t layer_bytes(const struct conf_disk *conf, const struct image *image)
{
	uint64_t whole = image->length < ROOM_DEFAULT ? image->length : ROOM_DEFAULT;

	return ALIGN_UP(disk_layer_bytes(image->length, conf->room ? conf->room : whole), (uint64_t)PAGE_SIZE);
}

static int find(struct vm *vm, const char *name, const char **why)
{
	struct image image;
	int r = image_find_for(vm, name, &image, why);

	return r == OK && !image.length ? why_print(E_NOENT, why, "boot module %s is empty", name) : r;
}

int disks_find(struct vm *vm, const char **why)
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < vm->conf.disk_count; i++) {
		r = find(vm, vm->conf.disk[i].module, why);
	}
	return r;
}

static int take(struct vm *vm, uint32_t i, const char **why)
{
	const struct conf_disk *conf = &vm->conf.disk[i];
	struct image image;
	uint64_t bytes;
	int r = image_find(conf->module, &image);

	if (r < 0 || conf->read_only) {
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

static int map(const struct vm *vm, uint32_t i, struct vmm_disk *disk)
{
	const struct extent *layer = &vm->layer[i];
	struct image image;
	int r = image_find(vm->conf.disk[i].module, &image);

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

uint64_t disks_arena_bytes(const struct vm *vm)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < vm->conf.disk_count; i++) {
		struct image image;

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
