/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive priority queue: a leftist heap (Crane 1972; Knuth vol. 3, 5.2.3). Insert, pop and removal of any node
 * take O(log n) steps in the worst case, without memory of their own. Timers and run queues stand on it.
 */
#pragma once

#include "lib/base.h"

struct heap_node {
	uint64_t key;                    /* smallest comes first; constant while queued                   */
	struct heap_node *left, *right, *parent;
	uint32_t rank;                   /* steps to the nearest missing child; 0: not queued             */
};

struct heap {
	struct heap_node *root;          /* the first; NULL: empty                                        */
};

static inline bool heap_queued(const struct heap_node *n)
{
	return n->rank != 0;
}

/* n is in no heap. Equal keys come out in any order. */
void heap_insert(struct heap *h, struct heap_node *n, uint64_t key);

/* The node after n in an order of no meaning, from h->root on; NULL: n was the last. All are seen once. */
struct heap_node *heap_next(const struct heap_node *n);

/* n is in h. */
void heap_remove(struct heap *h, struct heap_node *n);
