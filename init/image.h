/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM's configuration or a disk names: the content of a boot module, or else of a sealed volume. */
#pragma once

#include "init/vm.h"
#include "init/volume.h"

struct image {
	uint64_t length;             /* bytes of content                                             */
	uint64_t size;               /* bytes of its regions, with zeroes or nothing to speak of behind the content */
	uint32_t volume;             /* its number plus one; 0: it is a boot module                  */
	struct pieces memory;        /* somebody else's                                              */
};

/* E_NOENT: there is neither. E_AGAIN: a volume, but it is not sealed. */
int image_find(const char *name, struct image *image) MUST_CHECK;

/*
 * The same for a VM that starts: it uses that volume from now on (vm->volumes). Or a disk that is kept and read-only (init/store.h), which it uses
 * then (vm->disks). On an error *why says in words what is missing.
 */
int image_find_for(struct vm *vm, const char *name, struct image *image, const char **why) MUST_CHECK;

/* Bytes of tables that a space may need for it. */
uint64_t image_table_bytes(const struct image *image);

/* Maps all of it, read-only, or nothing. */
int image_map(uint32_t space, uint64_t address, const struct image *image) MUST_CHECK;
int image_unmap(uint32_t space, uint64_t address, const struct image *image) MUST_CHECK;
