/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of VMs. The modules stay where the loader put them and are shared by all that read them. */
#include "init/disk.h"

#include <stdio.h>

#include "init/image.h"
#include "init/inventory.h"
#include "lib/user/sys.h"
#include "vmm/disk_layer.h"

/* Room for changes where the configuration names none: the size of the image, but not more than this. */
#define ROOM_DEFAULT MIB(64)

static uint64_t layer_bytes(const struct conf_disk *conf, const struct content *image)
{
	uint64_t whole = image->length < ROOM_DEFAULT ? image->length : ROOM_DEFAULT;

	return ALIGN_UP(disk_layer_bytes(image->length, conf->room ? conf->room : whole), (uint64_t)PAGE_SIZE);
}

static int take(struct vm *vm, uint32_t i, const char **why)
{
	static char text[CONF_MODULE_MAX + 64];
	const struct conf_disk *conf = &vm->conf.disk[i];
	const struct content *image = content_find(conf->module);
	uint64_t bytes;
	int r = OK;

	*why = text;
	if (!image || !image->length) {
		snprintf(text, sizeof(text), image ? "boot module %s is empty" : "there is no boot module %s", conf->module);
		return E_NOENT;
	}
	if (!conf->read_only) {
		bytes = layer_bytes(conf, image);
		r = memory_alloc(&memory, &vm->order, bytes, PAGE_SIZE, MEMORY_HIGH, &vm->layer[i]);
		snprintf(text, sizeof(text), "%llu MiB are wanted for changes on disk %s", (unsigned long long)(bytes >> 20),
			 conf->module);
	}
	return r;
}

int disks_take(struct vm *vm, const char **why)
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < vm->conf.disk_count; i++) {
		r = take(vm, i, why);
	}
	return r;
}

int disks_map(const struct vm *vm, struct vmm_disk disk[CONF_DISKS_MAX])
{
	uint32_t space = vm->child.space;

	for (uint32_t i = 0; i < vm->conf.disk_count; i++) {
		const struct content *image = content_find(vm->conf.disk[i].module);
		const struct extent *layer = &vm->layer[i];
		int r = sys_map(space, VMM_DISK_ADDR(i), image->handle, 0, image->size, PROT_R);

		if (r == OK && layer->size) {
			r = sys_map(space, VMM_LAYER_ADDR(i), layer->handle, 0, layer->size, PROT_R | PROT_W);
		}
		if (r < 0) {
			return r;
		}
		disk[i] = (struct vmm_disk){ .bytes = image->length, .layer_bytes = layer->size };
	}
	return OK;
}

/* A table page for each 2 MiB, where pages are small, and those above. */
static uint64_t table_bytes(uint64_t size)
{
	return (size / MIB(2) + 4) * PAGE_SIZE;
}

uint64_t disks_arena_bytes(const struct vm *vm)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < vm->conf.disk_count; i++) {
		const struct content *image = content_find(vm->conf.disk[i].module);

		bytes += table_bytes(image->size) + table_bytes(vm->layer[i].size);
	}
	return bytes;
}

void disks_give_back(struct vm *vm)
{
	for (uint32_t i = 0; i < CONF_DISKS_MAX; i++) {
		memory_give_back(&vm->layer[i]);
	}
}
