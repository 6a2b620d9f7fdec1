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

/* Zips the right spines of both, then mends the ranks from the bottom up. The result has no parent. */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
	struct heap_node *root = NULL, *tail = NULL;

	while (a || b) {
		if (!a || (b && b->key < a->key)) {
			struct heap_node *t = a;

			a = b;
			b = t;
		}
		a->parent = tail;
		if (tail) {
			tail->right = a;
		} else {
			root = a;
		}
		tail = a;
		if (!b) {
			break;
		}
		a = a->right;
	}
	for (struct heap_node *n = tail; n; n = n->parent) {
		fix(n);
	}
	return root;
}

void heap_insert(struct heap *h, struct heap_node *n, uint64_t key)
{
	*n = (struct heap_node){ .key = key, .rank = 1 };
	h->root = merge(h->root, n);
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
