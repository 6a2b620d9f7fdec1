/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that outlives the VMs that use it (docs/driver-protocol.md, "Disks"): an image that is only read, or none, and behind it a layer of as
 * many blocks as the disk has. Each block has its own place there, and a byte that says where its content stands.
 *
 * A vmm writes both, and may have crashed, or lied, at any moment. Nothing in them can be wrong: there are no references, and every
 * value of such a byte means something. So who takes them over need not look before.
 */
#pragma once

#include "lib/base.h"

enum { DISK_BLOCK = 4096, DISK_SECTOR = 512 };

/* Where a block's content stands. */
enum kept_state {
	KEPT_AS_IMAGE,               /* zeros behind the image's end                                 */
	KEPT_OWN,                    /* in the layer                                                 */
	KEPT_ZEROS,                  /* nowhere; so any other value is understood, too               */
};

struct kept_disk {
	uint64_t bytes;              /* whole sectors                                                */
	const uint8_t *image;        /* whole pages, zero behind its bytes                           */
	uint64_t image_bytes;        /* 0: there is none                                             */
	uint8_t *state;              /* a byte for each block, enum kept_state; NULL: all is as in the image */
	uint8_t *own;                /* the layer                                                    */
};

static inline uint64_t kept_disk_blocks(uint64_t bytes)
{
	return bytes / DISK_BLOCK + (bytes % DISK_BLOCK != 0);
}

/* The content of a block of the disk, a whole one even where the disk ends within it. NULL: it is all zeros. */
static inline const uint8_t *kept_disk_block(const struct kept_disk *d, uint64_t block)
{
	uint8_t state = d->state ? __atomic_load_n(&d->state[block], __ATOMIC_ACQUIRE) : KEPT_AS_IMAGE;

	if (state == KEPT_OWN) {
		return d->own + block * DISK_BLOCK;
	}
	return state == KEPT_AS_IMAGE && block < kept_disk_blocks(d->image_bytes) ? d->image + block * DISK_BLOCK : NULL;
}
