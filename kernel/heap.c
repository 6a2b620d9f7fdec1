/* SPDX-License-Identifier: Apache-2.0 */
/* Leftist heap: every right spine is at most log2(n) long, and all work goes along right spines. */
#include "kernel/heap.h"

static uint32_t rank(const struct heap_node *n)
{
	return n ? n->rank : 0;
}

/* The shorter side goes to the right. */
static void fix(struct heap_node *n)
{
	if (rank(n->left) < rank(n->right)) {
		struct heap_node *left = n->left;

		n->left = n->right;
		n->right = left;
	}
	n->rank = rank(n->right) + 1;
}

/* Goes down both right spines, so it is at most 2 log2(n) calls deep. The caller sets the parent of the result. */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
	if (!a || !b) {
		return a ? a : b;
	}
	if (b->key < a->key) {
		return merge(b, a);
	}
	a->right = merge(a->right, b);
	a->right->parent = a;
	fix(a);
	return a;
}

void heap_insert(struct heap *h, struct heap_node *n, uint64_t key)
{
	*n = (struct heap_node){ .key = key, .rank = 1 };
	h->root = merge(h->root, n);
	h->root->parent = NULL;
}

/* Down the left side; from a leaf to the next right side that was passed. */
struct heap_node *heap_next(const struct heap_node *n)
{
	if (n->left) {
		return n->left;
	}
	for (; n->parent; n = n->parent) {
		if (n->parent->right && n->parent->right != n) {
			return n->parent->right;
		}
	}
	return NULL;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *up = n->parent;
	struct heap_node *below = merge(n->left, n->right);

	if (below) {
		below->parent = up;
	}
	if (!up) {
		h->root = below;
	} else if (up->left == n) {
		up->left = below;
	} else {
		up->right = below;
	}
	for (; up; up = up->parent) {
		uint32_t before = up->rank;

		fix(up);
		if (up->rank == before) {
			break;
		}
	}
	*n = (struct heap_node){ .key = n->key };
}
