/* SPDX-License-Identifier: Apache-2.0 */
/* Content by name: see image.h. */
#include "init/image.h"

#include "init/inventory.h"
#include "init/store.h"
#include "init/why.h"

static int of_volume(int number, struct image *image)
{
	if (volume_shown(number)->state != MGMT_VOLUME_SEALED) {
		return E_AGAIN;
	}
	*image = (struct image){
		.length = volume_shown(number)->size, .volume = (uint32_t)number + 1, .memory = volume_get(number)->memory,
	};
	image->size = pieces_bytes(&image->memory);
	return OK;
}

int image_find(const char *name, struct image *image)
{
	const struct content *module = inventory_module(name);
	int number = module ? -1 : volume_find(name);

	if (number >= 0) {
		return of_volume(number, image);
	}
	if (!module) {
		return E_NOENT;
	}
	*image = (struct image){
		.length = module->length, .size = module->size,
		.memory = { .count = 1, .piece = { { .handle = module->handle, .size = module->size } } },
	};
	return OK;
}

/* A disk that is nothing but its image. */
static int of_disk(struct vm *vm, int number, struct image *image, const char **why)
{
	const struct mgmt_disk *disk = store_shown(number);

	if (!(disk->flags & MGMT_DISK_READ_ONLY)) {
		return why_print(E_INVAL, why, "disk %s is not read-only, as a kernel and an initrd must be", disk->name);
	}
	vm->disks[number / 64] |= 1ull << number % 64;
	return image_find(disk->image, image);
}

int image_find_for(struct vm *vm, const char *name, struct image *image, const char **why)
{
	int number = store_find(name), r = number >= 0 ? of_disk(vm, number, image, why) : image_find(name, image);

	if (r < 0 && number < 0) {
		return why_print(r, why, r == E_AGAIN ? "image %s is not whole yet" : "there is no disk, image or boot module %s", name);
	}
	if (r == OK && image->volume) {
		vm->volumes.bits[(image->volume - 1) / 64] |= 1ull << (image->volume - 1) % 64;
	}
	return r;
}

/* Volumes are made of large pages; a boot module lies anywhere and needs a table page for each 2 MiB. Some stand above those. */
uint64_t image_table_bytes(const struct image *image)
{
	return (image->size / (image->volume ? GIB(1) : MIB(2)) + 4) * PAGE_SIZE;
}

int image_map(uint32_t space, uint64_t address, const struct image *image)
{
	return pieces_map(&image->memory, space, address, PROT_R);
}

int image_unmap(uint32_t space, uint64_t address, const struct image *image)
{
	return pieces_unmap(&image->memory, space, address);
}
