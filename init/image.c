/* SPDX-License-Identifier: Apache-2.0 */
/* Images in RAM: see image.h. */
#include "init/image.h"

#include <string.h>

#include "init/log.h"
#include "init/vm.h"
#include "lib/user/sys.h"

/* So much stays for VMs' arenas and programs that are started again. */
#define RESERVE MIB(32)

static struct {
	struct content content;      /* length 0: none                                               */
	struct extent extent;
} images[MGMT_IMAGES];

static struct mgmt_image *shown;

void images_init(struct mgmt_image *to)
{
	shown = to;
}

const struct content *content_find(const char *name)
{
	const struct content *module = inventory_module(name);

	for (uint32_t i = 0; !module && shown && i < MGMT_IMAGES; i++) {
		if (shown[i].state == IMAGE_WHOLE && strcmp(images[i].content.name, name) == 0) {
			return &images[i].content;
		}
	}
	return module;
}

static void answer(uint32_t i, int result)
{
	shown[i].result = result;
	__atomic_store_n(&shown[i].answers, shown[i].answers + 1, __ATOMIC_RELEASE);
}

static bool good_name(const char *name, size_t size)
{
	size_t len = strnlen(name, size);

	return len && len < size && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static bool known(const char *name)
{
	bool found = inventory_module(name) != NULL;

	for (uint32_t i = 0; i < MGMT_IMAGES; i++) {
		found |= shown[i].state != IMAGE_NONE && strcmp(images[i].content.name, name) == 0;
	}
	return found;
}

/* Large ones in large pages, here and in the VMs that use them. */
static int take_memory(uint32_t i, uint64_t bytes)
{
	uint64_t align = bytes >= MIB(2) ? MIB(2) : PAGE_SIZE, size = ALIGN_UP(bytes, align);

	if (bytes > GIB(1024) || size + RESERVE > memory.free_bytes) {
		return E_NOMEM;
	}
	return memory_alloc(&memory, NULL, size, align, MEMORY_HIGH, &images[i].extent);
}

static int make(uint32_t i, const struct mgmt_wish *wish, uint32_t space)
{
	struct extent *e = &images[i].extent;
	int r;

	if (shown[i].state != IMAGE_NONE || !wish->bytes || !good_name(wish->name, sizeof(wish->name))) {
		return E_INVAL;
	}
	if (known(wish->name)) {
		return E_BUSY;
	}
	r = take_memory(i, wish->bytes);
	if (r == OK) {
		r = sys_map(space, MGMT_IMAGE_ADDR(i), e->handle, 0, e->size, PROT_R | PROT_W);
	}
	if (r < 0) {
		memory_give_back(e);
		return r;
	}
	images[i].content = (struct content){ .handle = e->handle, .size = e->size, .length = wish->bytes };
	memcpy(images[i].content.name, wish->name, sizeof(wish->name));
	memcpy(shown[i].name, wish->name, sizeof(wish->name));
	shown[i].bytes = wish->bytes;
	__atomic_store_n(&shown[i].state, IMAGE_FILLING, __ATOMIC_RELEASE);
	return OK;
}

void image_make(uint32_t i, const struct mgmt_wish *wish, uint32_t space)
{
	struct mgmt_wish copy = *wish;           /* it may change under our eyes */

	answer(i, make(i, &copy, space));
}

/* From now on nobody can write it, or make others write it. */
void image_seal(uint32_t i, const struct mgmt_wish *wish, uint32_t space)
{
	const struct extent *e = &images[i].extent;
	int r = E_INVAL;

	if (shown[i].state == IMAGE_FILLING) {
		r = sys_unmap(space, MGMT_IMAGE_ADDR(i), e->size);
	}
	if (r == OK) {
		r = sys_map(space, MGMT_IMAGE_ADDR(i), e->handle, 0, e->size, PROT_R);
	}
	if (r == OK) {
		memcpy(shown[i].sha256, wish->sha256, sizeof(shown[i].sha256));
		__atomic_store_n(&shown[i].state, IMAGE_WHOLE, __ATOMIC_RELEASE);
	}
	answer(i, r);
}

static bool names(const struct conf_vm *vm, const char *name)
{
	const char *at = vm->modules;
	size_t len = strlen(name);
	bool found = strcmp(vm->kernel, name) == 0 || strcmp(vm->initrd, name) == 0;

	for (uint32_t i = 0; i < vm->disk_count; i++) {
		found |= strcmp(vm->disk[i].module, name) == 0;
	}
	for (uint32_t i = 0; i < vm->module_count; i++, at += strlen(at) + 1) {
		found |= strncmp(at, name, len) == 0 && at[len] == ' ';
	}
	return found;
}

static bool in_use(const char *name)
{
	for (uint32_t i = 0; i < vm_count(); i++) {
		if (vm_get(i)->phase != VM_OFF && names(&vm_get(i)->conf, name)) {
			return true;
		}
	}
	return false;
}

static void forget(uint32_t i)
{
	__atomic_store_n(&shown[i].state, IMAGE_NONE, __ATOMIC_RELEASE);
	memory_give_back(&images[i].extent);
	images[i].content = (struct content){ 0 };
}

void image_drop(uint32_t i)
{
	if (shown[i].state == IMAGE_NONE) {
		answer(i, E_NOENT);
	} else if (in_use(images[i].content.name)) {
		answer(i, E_BUSY);
	} else {
		forget(i);
		answer(i, OK);
	}
}

int images_map(uint32_t space)
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < MGMT_IMAGES; i++) {
		if (shown[i].state == IMAGE_WHOLE) {
			r = sys_map(space, MGMT_IMAGE_ADDR(i), images[i].extent.handle, 0, images[i].extent.size, PROT_R);
		}
	}
	return r;
}

void images_forget_halves(void)
{
	for (uint32_t i = 0; i < MGMT_IMAGES; i++) {
		if (shown[i].state == IMAGE_FILLING) {
			forget(i);
		}
	}
}
