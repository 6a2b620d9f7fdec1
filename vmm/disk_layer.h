/* SPDX-License-Identifier: Apache-2.0 */
/* How large the memory of the layer of a disk is that forgets: what init gives and the vmm takes. The layer itself is vmm/disk.h's. */
#pragma once

#include "lib/kept_disk.h"

/* A word for each block stands before the blocks themselves. */
static inline uint64_t disk_map_bytes(uint64_t bytes)
{
	uint64_t blocks = bytes / DISK_BLOCK + (bytes % DISK_BLOCK != 0);

	return ALIGN_UP(blocks * sizeof(uint32_t), (uint64_t)DISK_BLOCK);
}

/* Bytes of memory that a layer takes which can hold room bytes of changes to a disk of that size. */
static inline uint64_t disk_layer_bytes(uint64_t bytes, uint64_t room)
{
	return disk_map_bytes(bytes) + ALIGN_UP(room, (uint64_t)DISK_BLOCK);
}
