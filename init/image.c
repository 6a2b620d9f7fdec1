/* SPDX-License-Identifier: Apache-2.0 */
/* Content by name: see image.h. */
#include "init/image.h"

#include "init/inventory.h"
#include "init/why.h"
#include "lib/user/sys.h"

static int of_volume(int number, struct image *image)
{
	const struct volume *v = volume_get(number);

	if (volume_shown(number)->state != MGMT_VOLUME_SEALED) {
		return E_AGAIN;
	}
	*image = (struct image){ .length = volume_shown(number)->size, .volume = 1ull << number, .piece_count = v->piece_count };
	for (unsigned i = 0; i < v->piece_count; i++) {
		image->piece[i].handle = v->piece[i].handle;
		image->piece[i].size = v->piece[i].size;
		image->size += v->piece[i].size;
	}
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
	*image = (struct image){ .length = module->length, .size = module->size, .piece_count = 1 };
	image->piece[0].handle = module->handle;
	image->piece[0].size = module->size;
	return OK;
}

int image_find_for(struct vm *vm, const char *name, struct image *image, const char **why)
{
	int r = image_find(name, image);

	if (r < 0) {
		return why_print(r, why, r == E_AGAIN ? "volume %s is not sealed yet" : "there is no boot module or volume %s", name);
	}
	vm->volumes |= image->volume;
	return OK;
}

/* Volumes are made of large pages; a boot module lies anywhere and needs a table page for each 2 MiB. Some stand above those. */
uint64_t image_table_bytes(const struct image *image)
{
	return (image->size / (image->volume ? GIB(1) : MIB(2)) + 4) * PAGE_SIZE;
}

int image_map(uint32_t space, uint64_t address, const struct image *image)
{
	int r = OK;

	for (unsigned i = 0; r == OK && i < image->piece_count; i++) {
		r = sys_map(space, address, image->piece[i].handle, 0, image->piece[i].size, PROT_R);
		address += image->piece[i].size;
	}
	return r;
}
