/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which RAM: the policy over the kernel's regions. Free memory is a sorted list of extents, one region
 * each. Guest RAM comes from the low end in 2 MiB steps, small things (arenas, program data, channels) from the top
 * of the smallest extent that holds them, so that they do not cut the large ones into pieces.
 *
 * Freed memory is unclean and is zeroed when it is handed out again. Neighbours merge when they are equally clean;
 * memory_compact() merges all, at the price of zeroing clean memory again. An extent is of one NUMA node, and says which;
 * neighbours of different nodes never merge.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

enum {
	MEMORY_EXTENTS_MAX = HANDLE_MAX,     /* each is a region that init has a handle of: there cannot be more, so none is lost */
	MEMORY_NODES_MAX = 8,
};

/* A piece of RAM: one region. size 0: none. */
struct extent {
	uint64_t base, size;         /* host-physical, bytes, whole pages                            */
	uint32_t handle;
	bool clean;
	uint8_t node;                /* below MEMORY_NODES_MAX                                       */
};

/* Nodes in the order in which somebody wants their memory. */
struct memory_order {
	uint8_t count, node[MEMORY_NODES_MAX];
};

/* The mechanism: the kernel's region calls, or a fake of the tests. Contracts as in kernel/abi.h. */
struct region_ops {
	int (*split)(uint32_t region, uint64_t offset);
	int (*merge)(uint32_t low, uint32_t high);
	int (*reclaim)(uint32_t region);
	int (*clean)(uint32_t region, uint64_t size);
};

struct memory {
	const struct region_ops *ops;
	struct extent free[MEMORY_EXTENTS_MAX];      /* by base                                      */
	unsigned count;
	uint64_t total_bytes, free_bytes;
	uint64_t node_total[MEMORY_NODES_MAX], node_free[MEMORY_NODES_MAX];
};

enum memory_end { MEMORY_LOW, MEMORY_HIGH };

void memory_init(struct memory *m, const struct region_ops *ops);

/* A region that the kernel gave. E_NOMEM: the list is full; E_INVAL: empty, overlaps another, or of no node. */
int memory_add(struct memory *m, struct extent extent) MUST_CHECK;

/*
 * order: from the first of these nodes that has it; NULL: from any. size: bytes, whole pages; align: power of two, at least
 * a page. The extent is zeroed. E_NOMEM: no extent is large enough; otherwise an error of the kernel. On an error nothing is
 * lost.
 */
int memory_alloc(struct memory *m, const struct memory_order *order, uint64_t size, uint64_t align, enum memory_end end,
		 struct extent *out) MUST_CHECK;

/* The same, but as it is (out->clean): who takes it has it zeroed before anybody maps it, or gives it back. */
int memory_alloc_unclean(struct memory *m, const struct memory_order *order, uint64_t size, uint64_t align, enum memory_end end,
			 struct extent *out) MUST_CHECK;

/*
 * Takes the extent away from everybody and puts it back; *extent becomes empty. An empty one is left alone.
 * An error leaves the memory lost to everybody, which the caller reports.
 */
int memory_free(struct memory *m, struct extent *extent) MUST_CHECK;

/* The largest size that memory_alloc could serve at this alignment, of the nodes of order. */
uint64_t memory_largest(const struct memory *m, const struct memory_order *order, uint64_t align);

/* Merges all neighbours, clean or not. */
void memory_compact(struct memory *m);
