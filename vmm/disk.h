/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory: an image that is only read, and a layer over it that takes what is written. Either the layer is forgotten with
 * the VM; then it is sparse: a block that was never written takes no room in it, nor does one that is all zeros. Or it is kept
 * (lib/kept_disk.h) and has room for all of the disk.
 *
 * Positions and lengths are bytes and may be anything. Context: whoever owns the disk; no lock inside.
 */
#pragma once

#include "vmm/disk_layer.h"

struct disk {
	const uint8_t *base;
	uint64_t bytes;              /* whole sectors                                                */
	bool read_only;
	struct kept_disk kept;       /* kept.bytes 0: it is none                                     */
	uint64_t *told;              /* where a kept one tells the bytes of its own blocks; NULL: nowhere */
	/* The sparse layer. A block's word: 0 as in base, DISK_ZEROS, or 1 + its slot. */
	uint32_t *map;
	uint8_t *slots;
	uint32_t slot_count, fresh;  /* slots; those from fresh on were never used                   */
	uint32_t given_back;         /* 1 + first slot of a list that goes on in the slots; 0: empty */
	uint64_t slots_used;         /* of a kept one: its own blocks                                */
};

#define DISK_ZEROS UINT32_MAX

/*
 * base stands for whole pages, zero behind its bytes; a part of a sector at the end counts as one. layer: zeroed,
 * page-aligned memory of the disk alone, or NULL: a read-only disk. E_NOMEM: the layer has no room for a single block;
 * E_INVAL: the disk is empty.
 */
int disk_init(struct disk *d, const void *base, uint64_t bytes, void *layer, uint64_t layer_bytes) MUST_CHECK;

/*
 * One that is kept, with all that a vmm before has left in it. Without a layer, or with read_only, it cannot be written. told: see above.
 * E_INVAL: the disk is empty.
 */
int disk_init_kept(struct disk *d, const struct kept_disk *kept, bool read_only, uint64_t *told) MUST_CHECK;

/*
 * E_RANGE: not all of it lies on the disk; nothing was done. Writing besides: E_PERM: read-only; E_NOMEM: the layer is
 * full, a part may have been written. to and from may change meanwhile: they are guest memory.
 */
int disk_read(const struct disk *d, uint64_t at, void *to, uint64_t len) MUST_CHECK;
int disk_write(struct disk *d, uint64_t at, const void *from, uint64_t len) MUST_CHECK;
int disk_zero(struct disk *d, uint64_t at, uint64_t len) MUST_CHECK;
